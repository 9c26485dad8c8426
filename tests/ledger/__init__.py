"""Tests of audit_lib.ledger."""
