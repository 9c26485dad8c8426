"""The sample's git repository: the same commits, to the last digit, on every machine."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_lib.base.errors import BadInput

AUTHOR = "Sam Ple <sam@example.com>"
# Neither the builder's configuration nor a repository around the folder may have a say.
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True)
class Commit:
    """One commit: what it writes, and what it removes."""

    at: datetime
    message: str
    files: Mapping[str, bytes]
    removed: tuple[str, ...] = ()


def write_repository(folder: Path, commits: Iterable[Commit]) -> None:
    """A repository in the folder whose index is that of the last commit; the files beside it are not touched.

    Raises:
        BadInput: git is not installed, or fails.
    """
    _git(folder, "init", "--quiet", "--initial-branch=main", "--template=", ".")
    stream = b"".join(_commit(number, commit) for number, commit in enumerate(commits, start=1))
    _git(folder, "fast-import", "--quiet", "--date-format=raw", given=stream)
    _git(folder, "read-tree", "HEAD")


def _commit(mark: int, commit: Commit) -> bytes:
    when = f"{int(commit.at.timestamp())} +0000"
    parts = [
        b"commit refs/heads/main\n",
        f"mark :{mark}\n".encode(),
        f"author {AUTHOR} {when}\ncommitter {AUTHOR} {when}\n".encode(),
        _data(commit.message.encode()),
        f"from :{mark - 1}\n".encode() if mark > 1 else b"",
    ]
    parts += [f"D {path}\n".encode() for path in sorted(commit.removed)]
    for path, content in sorted(commit.files.items()):
        parts += [f"M 100644 inline {path}\n".encode(), _data(content)]
    return b"".join(parts) + b"\n"


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode() + content + b"\n"


def _git(folder: Path, *args: str, given: bytes = b"") -> None:
    git = shutil.which("git")
    if git is None:
        raise BadInput.at("git", "is not installed, but the sample needs it for its repository")
    environment = {"PATH": os.environ.get("PATH", ""), **ENVIRONMENT}
    done = subprocess.run(
        [git, *args], cwd=folder, input=given, capture_output=True, env=environment, check=False
    )
    if done.returncode:
        raise BadInput.at(f"git {args[0]}", f"failed with {done.returncode} in the sample's folder")
