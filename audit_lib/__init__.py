"""The audit of an application's secrets and logins, as notebooks."""

__version__ = "0.1.0"
