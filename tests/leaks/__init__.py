"""Tests of audit_lib/leaks."""
