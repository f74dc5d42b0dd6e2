"""What every program needs in order to fail in the open, whatever its job: used by all sides."""
