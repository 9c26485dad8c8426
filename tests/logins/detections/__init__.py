"""Tests of audit_lib/logins/detections."""
