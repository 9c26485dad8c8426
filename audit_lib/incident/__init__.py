"""From a window to what happened in it, why, and what to do; `whose` says of a string whose secret it is."""
