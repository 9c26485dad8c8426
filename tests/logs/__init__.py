"""Tests of audit_lib/logs."""
