"""The tests, in the same tree as audit_lib."""
