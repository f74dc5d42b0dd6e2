"""The presentation of pages: templates, formats and static files. Nothing is queried here."""
