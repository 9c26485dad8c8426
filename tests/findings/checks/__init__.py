"""Tests of audit_lib/findings/checks."""
