"""The log formats that a project's audit.toml names in place of the bundled ones."""

from collections.abc import Iterable

from audit_lib.base.bounded_toml import MAX_BYTES
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import SourceBytes, read_source
from audit_lib.logs.formats import LogFormats, load_formats, parse_formats
from audit_lib.settings import Project

PATTERN = "has a pattern, which only a file that --formats names may have: use a template"


def project_formats(project: Project, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats that a project's audit.toml names, else the bundled ones; `BadInput` with every fault.

    A regular expression may take for ever, so whoever may commit to a project can give templates alone.
    """
    if not project.formats:
        return load_formats(None, secrets)
    own = parse_formats(formats_source(project).content, project.formats, tuple(secrets))
    blocks = (*own.prefixes, *own.bodies, *own.messages)
    if faults := [Fault(project.formats, f"{one.name} {PATTERN}") for one in blocks if one.pattern]:
        raise BadInput(faults)
    return own


def formats_source(project: Project) -> SourceBytes:
    """The file of formats that audit.toml names; raises `Unreadable`."""
    return read_source(project.root, project.formats, MAX_BYTES)
