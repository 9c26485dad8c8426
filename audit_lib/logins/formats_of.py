"""The log formats of a project, with what its policy declares: the same for every command."""

from audit_lib.logins.detections import detection_policy
from audit_lib.logs.formats import LogFormats, project_formats
from audit_lib.settings import Policy, Project


def formats_of(project: Project, policy: Policy) -> LogFormats:
    """The formats that audit.toml names, else the bundled ones; `BadInput` with every fault of the file."""
    statuses = detection_policy(policy).failed_statuses
    return project_formats(project, policy.secret_variables).declaring(statuses, policy.logins)
