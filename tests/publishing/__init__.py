"""Tests of running, sealing and publishing."""
