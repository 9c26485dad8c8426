"""From a window to what happened in it, why, and what to do: `case` is what was read, the rest its frames."""
