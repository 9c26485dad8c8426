"""Tests of audit_lib/sample."""
