"""The formats of logs with what a project declares to be a failed login."""

from pathlib import Path

from audit_lib.logins.detections.thresholds import detection_policy
from audit_lib.logs.formats import LogFormats
from audit_lib.project import load_project
from audit_lib.project.onboarding.choose_policy import choose_policy


def declaring(formats: LogFormats, folder: Path, policy: str) -> LogFormats:
    """The formats, with the statuses and logins that a project's policy and audit.toml declare."""
    rules = detection_policy(choose_policy(load_project(folder), policy))
    return formats.declaring(rules.failed_statuses, rules.logins)
