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
    named = [project.guide, project.formats, *project.exports]
    named += [project.leavers, project.breaches, project.access_log]
    named += [source.path for source in project.env_sources]
    named += [source.pattern for source in project.log_sources]
    named += [source.pattern for source in project.deploy_sources]
    named += [source.pattern for source in project.evidence_sources]
    inside = [text for text in dict.fromkeys(named) if text and not text.startswith("/")]
    led_out = [text for text in inside if leads_out(text, root)]
    return [Fault(place, f"{text} leads out of the project through a symbolic link") for text in led_out]


def leads_out(text: str, root: Path) -> bool:
    """Whether a link leads a path out of the project; also if it cannot be followed at all."""
    fixed = takewhile(lambda part: not re.search(r"[*?\[]", part), PurePosixPath(text).parts)
    try:
        end = root.joinpath(*fixed).resolve()
        # From Python 3.13 on a circle of links is no error: it is left in the path.
        return not end.is_relative_to(root) or any(part.is_symlink() for part in (end, *end.parents))
    except (OSError, ValueError, RuntimeError):
        return True


def allowed_folders(root: Path, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The folders that AUDIT_LOG_FOLDERS names, separated as in PATH; only there may audit.toml name logs.

    `BadInput` if one is relative, is the root of the file system, or lies behind a link of the project.
    """
    named = [Path(text) for text in environ.get(FOLDERS, "").split(os.pathsep) if text.strip()]
    odd = [number for number, path in enumerate(named, 1) if not _is_absolute(path) or not path.name]
    if odd:
        fault = "must be the absolute path of a folder, without .. and other than /"
        raise BadInput(Fault(FOLDERS, f"#{number} {fault}") for number in odd)
    for number, path in enumerate(named, 1):
        followed(path, root, f"{FOLDERS} #{number}")
    return tuple(path.as_posix() for path in named)


def given_layout(root: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The audit.toml that AUDIT_TOML names, in place of the project's own; None if it names none.

    `BadInput` if it is relative, lies in the project or behind a link of it, or is no file.
    """
    if not (text := environ.get(LAYOUT, "").strip()):
        return None
    if not _is_absolute(Path(text)):
        raise BadInput.at(LAYOUT, "must be the absolute path of a file, without ..")
    path = followed(Path(text), root, LAYOUT)
    if path.is_relative_to(root):
        raise BadInput.at(LAYOUT, "is in the project, whose own audit.toml is read without it")
    if not path.is_file():
        raise BadInput.at(LAYOUT, "is not a file")
    return path


def _is_absolute(path: Path) -> bool:
    return path.is_absolute() and ".." not in path.parts


def followed(path: Path, root: Path, place: str, most: int = _MOST_LINKS) -> Path:
    """Where a path leads, with its links followed; `BadInput` if one of them lies within the project.

    A link there is the word of whoever may commit to it, and could lead to any file.
    """
    end = Path(path.absolute().anchor)
    for part in path.absolute().parts[1:]:
        step = end.parent if part == ".." else end / part
        if step.is_symlink():
            fault = "leads through a symbolic link of the project, which is not followed"
            if end.is_relative_to(root) or most == 0:
                raise BadInput.at(place, fault if most else "leads through too many symbolic links")
            step = followed(end / step.readlink(), root, place, most - 1)
        end = step
    return end
