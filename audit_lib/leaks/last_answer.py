"""Remembers what was said of a project's leaks, and says it again while nothing has changed."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from audit_lib.base.cache_folder import keep, recall
from audit_lib.base.git import GitFailed
from audit_lib.base.tree import NotSearched, walk_files
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.held_places import history_state
from audit_lib.secrecy.keeper import Key
from audit_lib.settings import Project

_LARGEST = 1 << 28  # bytes
_MOST = 100  # answers that are kept
_ENGINES = ("kingfisher-secret-scanner", "hyperscan")


@dataclass(frozen=True)
class LastAnswer:
    """The answer to one question about one project, in the user's own cache folder; a MAC protects it."""

    path: Path = Path()
    secret: bytes = b""
    state: str = ""  # names all that the answer follows from; "" if that cannot be named: nothing is kept

    def recall(self) -> Any:
        """What was kept under this very state; None under any other."""
        body = recall(self.path, self.secret, _LARGEST) if self.state else None
        kept = json.loads(bytes(body)) if body is not None else {}
        return kept.get("answer") if kept.get("state") == self.state else None

    def keep(self, answer: Any) -> None:
        """Keep it for the next time. It must hold no value: it is written as it is."""
        if self.state:
            body = json.dumps({"state": self.state, "answer": answer}).encode("ascii")
            keep(self.path, self.secret, body, _MOST)


def last_answer(
    folder: Path, key: Key, project: Project, listing: "Future[Listing]", question: Mapping[str, Any]
) -> LastAnswer:
    """The place of the answer to a question whose every option is named, and the state as it is now.

    Under a key that dies with the process, or that all know, nothing could be believed later.
    """
    secret = key.derive("last answer")
    about = json.dumps([str(project.root), question], sort_keys=True).encode("ascii")
    name = sha256(secret + about).hexdigest()[:32]
    state = _state(project, listing) if key.origin == "file" else ""
    return LastAnswer(folder / f"{name}.answer", secret, state)


def _state(project: Project, listing: "Future[Listing]") -> str:
    """Names the engines, the project's files, its history and what was made of its layout.

    "" if git cannot say, and if a log outside the project is read.
    """
    if project.log_folders:
        return ""
    history = "none"
    if os.path.lexists(project.root / ".git"):
        try:
            history = history_state(project.root, listing.result())
        except GitFailed:
            return ""
    parts = [*map(_version, _ENGINES), _files(project.root), history, _packs(project.root), repr(project)]
    digests = b"".join(sha256(part.encode("utf-8", "surrogateescape")).digest() for part in parts)
    return sha256(digests).hexdigest() if history else ""


def _files(root: Path) -> str:
    """Every file below a folder, by size, times and inode, and what is not one."""
    left_out: list[NotSearched] = []
    files = [(one.path, one.size_bytes, one.stamp) for one in walk_files(root, left_out)]
    return repr((files, left_out))


def _packs(root: Path) -> str:
    """The names of packs, and of the files beside them that say what is promised and not there."""
    with suppress(OSError):
        return repr(sorted(one.name for one in (root / ".git" / "objects" / "pack").iterdir()))
    return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
