"""Tests of what a guide contradicts."""
