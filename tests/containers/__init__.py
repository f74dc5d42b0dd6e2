"""The image and the Compose file on a real container engine (``make containers``)."""
