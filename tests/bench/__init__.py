"""Measures, in pairs and ratios: `make bench`."""
