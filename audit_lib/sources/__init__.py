"""Everything that is read, each source by its own module."""
