"""From a log's bytes to counts, events and minutes."""
