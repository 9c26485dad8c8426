"""Functions that numba compiles once a machine, how they are written, kept and loaded."""
