"""What reading any one source of the audited project takes at most (docs/bounds.md lists all bounds)."""

SECONDS_A_SOURCE = 10  # of processor time, what is done with its content included
