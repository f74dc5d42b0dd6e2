"""Keys and values on disk behind one small interface, used by the processor and by the read
side."""
