"""Tests of audit_lib/project/onboarding."""
