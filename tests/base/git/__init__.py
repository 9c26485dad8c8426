"""Tests of audit_lib/base/git."""
