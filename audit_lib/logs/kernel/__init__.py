"""The compiled reader of log lines: as fast as bytes allow, and equal to the naive one on every line."""
