"""Tests of keeper, forms, matcher, guard and scrubber."""
