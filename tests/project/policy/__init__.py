"""Tests of audit_lib/project/policy."""
