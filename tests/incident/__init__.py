"""Tests of audit_lib/incident."""
