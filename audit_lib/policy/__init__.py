"""The policy: what an application's guide demands of each secret, as data."""

from audit_lib.policy.alerts import AlertRule
from audit_lib.policy.file import bundled_policy, load_policy
from audit_lib.policy.greps import DocumentedGrep
from audit_lib.policy.rules import Policy, Requirement, SecretRule

__all__ = [
    "AlertRule",
    "DocumentedGrep",
    "Policy",
    "Requirement",
    "SecretRule",
    "bundled_policy",
    "load_policy",
]
