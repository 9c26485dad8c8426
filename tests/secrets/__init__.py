"""Tests of audit_lib/secrets."""
