"""What may be read: within the project no way out of it, outside only what its owner allows.

A word of the audited project alone never names a file outside of it.
"""

import os
import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path, PurePosixPath

from audit_lib.base.errors import BadInput, Fault
from audit_lib.settings.models import Project

FOLDERS = "AUDIT_LOG_FOLDERS"
LAYOUT = "AUDIT_TOML"
_MOST_LINKS = 40  # as many as the kernel follows


def link_faults(project: Project, root: Path, place: str) -> list[Fault]:
    """A fault for each path that a symbolic link leads out of the project, up to a pattern's wildcard."""
    named = [project.guide, project.formats, *(source.path for source in project.env_sources)]
    named += [source.pattern for source in project.log_sources if not source.pattern.startswith("/")]
    named += [source.pattern for source in project.deploy_sources]
    named += [source.pattern for source in project.evidence_sources]
    named += [*project.exports, project.leavers, project.breaches, project.access_log]
    return [
        Fault(place, f"{text} leads out of the project through a symbolic link")
        for text in dict.fromkeys(named)
        if text and leads_out(text, root)
    ]


def project_name(root: Path) -> str:
    """The name of a project that gives itself none: its folder's."""
    return re.sub(r"[^\w.-]+", "-", root.name).strip("-.")[:80] or "project"


def leads_out(text: str, root: Path) -> bool:
    """Whether a link leads a path out of the project; also if it cannot be followed at all."""
    fixed = list(takewhile(lambda part: not re.search(r"[*?\[]", part), PurePosixPath(text).parts))
    try:
        end = root.joinpath(*fixed).resolve()
        # From Python 3.13 on a circle of links is no error: it is left in the path.
        return not end.is_relative_to(root) or any(part.is_symlink() for part in (end, *end.parents))
    except (OSError, ValueError, RuntimeError):
        return True


def allowed_folders(root: Path, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The folders that AUDIT_LOG_FOLDERS names, separated as in PATH; only there may audit.toml name logs.

    Raises:
        BadInput: one is relative, is the root of the file system, or lies behind a link of the project.
    """
    named = [text for text in environ.get(FOLDERS, "").split(os.pathsep) if text.strip()]
    faults = [
        Fault(FOLDERS, f"#{number} must be the absolute path of a folder, without .. and other than /")
        for number, text in enumerate(named, 1)
        if not Path(text).is_absolute() or ".." in Path(text).parts or not Path(text).name
    ]
    if faults:
        raise BadInput(faults)
    for number, text in enumerate(named, 1):
        followed(Path(text), root, f"{FOLDERS} #{number}")
    return tuple(PurePosixPath(text).as_posix() for text in named)


def given_layout(root: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The audit.toml that AUDIT_TOML names, in place of the project's own; None if it names none.

    Raises:
        BadInput: it is relative, lies in the project or behind a link of it, or is no file.
    """
    text = environ.get(LAYOUT, "").strip()
    if not text:
        return None
    if not Path(text).is_absolute() or ".." in Path(text).parts:
        raise BadInput.at(LAYOUT, "must be the absolute path of a file, without ..")
    path = followed(Path(text), root, LAYOUT)
    if path.is_relative_to(root):
        raise BadInput.at(LAYOUT, "is in the project, whose own audit.toml is read without it")
    if not path.is_file():
        raise BadInput.at(LAYOUT, "is not a file")
    return path


def followed(path: Path, root: Path, place: str) -> Path:
    """Where a path leads, with its links followed; `BadInput` if one of them lies within the project.

    A link there is the word of whoever may commit to it, and could lead to any file.
    """
    start = path.absolute()
    end, left, links = Path(start.anchor), list(reversed(start.parts[1:])), 0
    while left:
        part = left.pop()
        step = end.parent if part == ".." else end / part
        if not step.is_symlink():
            end = step
            continue
        links += 1
        if end.is_relative_to(root):
            raise BadInput.at(place, "leads through a symbolic link of the project, which is not followed")
        if links > _MOST_LINKS:
            raise BadInput.at(place, "leads through too many symbolic links")
        target = step.readlink()
        end = Path(target.anchor) if target.is_absolute() else end
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return end
