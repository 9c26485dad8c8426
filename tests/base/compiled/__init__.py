"""Tests of audit_lib/base/compiled."""
