"""From a log's bytes to counts, events and minutes: begin with `read`, then `tally` and `line`."""
