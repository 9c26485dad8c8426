"""Tests of audit_lib/settings."""
