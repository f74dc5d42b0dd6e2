"""Pages: what the answers look like in a browser. Nothing is decided or read here."""
