"""Tests of audit_lib/cli."""
