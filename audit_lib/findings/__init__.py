"""Every check over its table, as one list."""
