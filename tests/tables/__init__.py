"""Tests of audit_lib.tables."""
