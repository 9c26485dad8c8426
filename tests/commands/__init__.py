"""Tests of audit_lib.commands."""
