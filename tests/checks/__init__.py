"""Tests of audit_lib.checks."""
