"""A seeded generator of labelled traffic: ordinary days, attacks, accidents, gaps, each with its truth."""
