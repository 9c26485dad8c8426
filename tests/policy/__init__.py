"""Tests of audit_lib/policy."""
