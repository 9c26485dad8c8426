"""Loads one project: by its audit.toml, or by the default layout and what is discovered beside it."""

from dataclasses import replace
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.project.audit_toml import leads_out, read_layout
from audit_lib.project.discovery import discover
from audit_lib.project.places import Project

DEFAULT_LAYOUT = Path(__file__).with_name("default_audit.toml")


def load_project(root: Path, ledger: Path | None = None) -> Project:
    """The project in a folder; `BadInput` with every fault of its audit.toml.

    Without an audit.toml (in the folder or its .audit/) the default layout is assumed, and env-like
    files and logs are discovered beside it.
    """
    try:
        root = root.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise BadInput.at("project", "does not exist or cannot be reached") from None
    if not root.is_dir():
        raise BadInput.at("project", "is not a folder")
    found = [place for place in ("audit.toml", ".audit/audit.toml") if _is_there(root / place)]
    if len(found) == 2:
        raise BadInput.at("audit.toml", "exists twice, in the project and in its .audit/: keep one")
    if found and leads_out(found[0], root):
        raise BadInput.at(found[0], "leads out of the project through a symbolic link")
    if found:
        return replace(read_layout(root / found[0], root, found[0]), configured=True, ledger=ledger)
    layout = read_layout(DEFAULT_LAYOUT, root, DEFAULT_LAYOUT.name, assumed=True)
    return replace(discover(layout), ledger=ledger)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()
