"""Tests of audit_lib/report/publish."""
