"""Tests of audit_lib.sources."""
