"""The instant that is audited."""

from datetime import datetime

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.project import Project


def instant_of(project: Project, as_of: str) -> datetime:
    """The instant that is audited: the one given, else the sample's own, or `BadInput`."""
    if as_of:
        return parse_instant(as_of, "as_of")
    if project.pinned_as_of:
        return parse_instant(project.pinned_as_of, "audit.toml: pinned_as_of")
    raise BadInput.at("as_of", "is required: a date such as 2026-09-30")
