"""Loads one project: by its audit.toml, or by the default layout and what is discovered beside it.

Only folders that this program wrote as samples may use the public key and a pinned date.
"""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.reviewer_state import recall, remember
from audit_lib.base.toml_table import read_text_file
from audit_lib.project.audit_toml import leads_out, read_layout
from audit_lib.project.discovery import discover
from audit_lib.project.outside import LAYOUT, allowed_folders, given_layout
from audit_lib.project.places import Project

_FOR_SAMPLES = (
    'key = "demo" and pinned_as_of are for a sample that `audit-lib sample` wrote for this user and home: '
    "remove both, or write the sample anew"
)
_SAMPLES = "samples"  # under this name they are remembered
PLACES = ("audit.toml", ".audit/audit.toml")
DEFAULT_LAYOUT = Path(__file__).with_name("default_audit.toml")


def load_project(root: Path, ledger: Path | None = None, *, sample: bool = False) -> Project:
    """The project in a folder; `BadInput` with every fault of its audit.toml.

    AUDIT_TOML names one outside that is read in its place: what the project says of itself then counts for
    nothing. Without an audit.toml (in the folder or its .audit/) the default layout is assumed, and env-like
    files and logs are discovered beside it. `sample` says that the caller has just built it as a sample.
    """
    try:
        root = root.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise BadInput.at("project", "does not exist or cannot be reached") from None
    if not root.is_dir():
        raise BadInput.at("project", "is not a folder")
    folders = allowed_folders(root)
    given = given_layout(root)
    found = [] if given else [place for place in PLACES if _is_there(root / place)]
    if len(found) == 2:
        raise BadInput.at("audit.toml", "exists twice, in the project and in its .audit/: keep one")
    if found and leads_out(found[0], root):
        raise BadInput.at(found[0], "leads out of the project through a symbolic link")
    if found or given:
        place, path = (LAYOUT, given) if given else (found[0], root / found[0])
        layout = read_layout(path, root, place)
        if layout.key and not (sample or (place == "audit.toml" and is_sample(root))):
            # Else whoever may commit to a project could sign its ledger, and stop its clock.
            raise BadInput.at(place, _FOR_SAMPLES)
        digest = sha256(path.read_bytes()).hexdigest()
        return replace(layout, configured=True, ledger=ledger, layout_sha256=digest, log_folders=folders)
    layout = read_layout(DEFAULT_LAYOUT, root, DEFAULT_LAYOUT.name, assumed=True)
    return replace(discover(layout), ledger=ledger)


def is_configured(root: Path) -> bool:
    """Whether a folder has an audit.toml, or one was given for it."""
    return bool(given_layout(root)) or any(_is_there(root / place) for place in PLACES)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def instant_of(project: Project, as_of: str) -> datetime:
    """The instant that is audited: the one given, else the sample's own, or `BadInput`."""
    if as_of:
        return parse_instant(as_of, "as_of")
    if project.pinned_as_of:
        return parse_instant(project.pinned_as_of, "audit.toml: pinned_as_of")
    raise BadInput.at("as_of", "is required: a date such as 2026-09-30")


def remember_sample(folder: Path) -> bool:
    """Whether the folder is remembered as a sample; those that are gone are forgotten."""
    root = folder.resolve()
    kept = {place: identity for place, identity in recall(_SAMPLES).items() if Path(place).is_dir()}
    return remember(_SAMPLES, kept | {str(root): _identity(root)})


def is_sample(root: Path) -> bool:
    """Whether this very folder, with the audit.toml that it had, was written here as a sample."""
    return bool(recall(_SAMPLES).get(str(root)) == _identity(root))


def _identity(root: Path) -> str:
    # A file system gives the inode of a folder that was removed to the next one: it is not enough.
    facts, text = root.stat(), read_text_file(root / "audit.toml", "audit.toml")
    return f"{facts.st_dev}:{facts.st_ino}:{sha256(text).hexdigest()}"
