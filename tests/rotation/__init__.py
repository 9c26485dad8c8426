"""Tests of audit_lib.rotation."""
