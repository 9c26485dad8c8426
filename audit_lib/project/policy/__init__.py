"""The policy: what an application's guide demands of each secret, as data."""

from audit_lib.project.policy.alerts import AlertRule as AlertRule
from audit_lib.project.policy.load import bundled_policy as bundled_policy, load_policy as load_policy
from audit_lib.project.policy.rules import (
    DocumentedGrep as DocumentedGrep,
    Policy as Policy,
    Requirement as Requirement,
    SecretRule as SecretRule,
)
