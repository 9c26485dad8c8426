"""The policy: what an application's guide demands of each secret, as data."""

from audit_lib.project.policy.alerts import AlertRule
from audit_lib.project.policy.guide_searches import DocumentedGrep
from audit_lib.project.policy.load import bundled_policy, load_policy
from audit_lib.project.policy.rules import Policy, Requirement, SecretRule

__all__ = [
    "AlertRule",
    "DocumentedGrep",
    "Policy",
    "Requirement",
    "SecretRule",
    "bundled_policy",
    "load_policy",
]
