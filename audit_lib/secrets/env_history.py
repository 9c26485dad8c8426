"""Reads which commit brought which value into an env file: evidence E5 (docs/evidence.md#kinds-of-evidence).

Committer dates, all refs. Values are fingerprinted and forgotten: a rotated one is none of the project's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.git import GitFailed, is_repository, run_git
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.value_questions import component
from audit_lib.secrets.contracts import EnvHistory
from audit_lib.secrets.env_lines import parse_env
from audit_lib.secrets.loaders.choose import loaders_of
from audit_lib.settings import EnvSource, Project

MAX_BLOB_BYTES = 1_048_576
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PASSWORD = component("password")
Value = tuple[str, str]  # name, component


@dataclass(frozen=True)
class _Version:
    """One version of a file: the fingerprint of each value, and whether every line was understood."""

    values: Mapping[Value, str] = field(default_factory=dict)
    complete: bool = True

    def shows_another(self, value: Value, fingerprint: str) -> bool:
        """Whether this version proves that the variable held another value, or none."""
        return self.values[value] != fingerprint if value in self.values else self.complete


@dataclass(frozen=True)
class _Commit:
    """A commit that touched the file, with its true parents; a shallow one has none."""

    name: str
    at: datetime
    parents: tuple[str, ...]


def env_history(project: Project, keeper: Keeper) -> pd.DataFrame:
    """`EnvHistory` of every env file of the project; empty without a repository that can be read."""
    if not is_repository(project.root):
        return EnvHistory.of([])
    found: list[dict[str, Any]] = []
    sources = {source.path: source for source in project.env_sources if not source.example}
    for path in sorted(sources):
        try:
            found += _history(project, sources[path], keeper)
        except GitFailed:
            # No answer is no evidence; a repository that git cannot read is said by the leak search.
            continue
    frame = pd.DataFrame(found, columns=list(EnvHistory.columns()))
    return EnvHistory.checked(frame.sort_values(["file", "name", "component", "committed_at", "commit"]))


def _history(project: Project, source: EnvSource, keeper: Keeper) -> Iterator[dict[str, Any]]:
    path = source.path
    commits = _commits(project, path)
    if not commits or "\n" in path:
        return
    dates = _dates(project, {parent for one in commits for parent in one.parents})
    head = run_git(project.root, "rev-parse", "--verify", "--quiet", "HEAD", ok=(0, 1)).decode().strip()
    names = [*{one.name: None for one in commits}, *dates, *([head] if head else [])]
    versions = _versions(project, source, names, keeper)
    on_head = set(_listed(project, path, "HEAD")) if head else set()
    for one in commits:
        parents = [versions.get(parent) for parent in one.parents]
        for value, fingerprint in versions[one.name].values.items() if one.name in versions else ():
            if any(parent and parent.values.get(value) == fingerprint for parent in parents):
                continue
            shown = parents and all(parent and parent.shows_another(value, fingerprint) for parent in parents)
            yield {
                "file": path,
                "name": value[0],
                "component": value[1],
                "fingerprint": fingerprint,
                "commit": one.name,
                "committed_at": one.at,
                "parents_at": min(dates[parent] for parent in one.parents) if shown else None,
                "on_head": one.name in on_head,
                "at_head": head in versions and versions[head].values.get(value) == fingerprint,
            }


def _listed(project: Project, path: str, *revisions: str) -> list[str]:
    """The commits that touched a file, merges included."""
    listed = run_git(
        project.root, "rev-list", "--full-history", *revisions, "--", f":(literal){path}", ok=(0, 128)
    )
    return listed.decode("ascii").split()


def _commits(project: Project, path: str) -> list[_Commit]:
    names = _listed(project, path, "--all")
    if not names:
        return []
    # Asked for by name, git gives the true parents, not those that path limiting puts in their place.
    lines = _asked(project, names, "--parents", "--timestamp")
    found = [line.split() for line in lines]
    return [_Commit(name, _instant(at), tuple(parents)) for at, name, *parents in found]


def _dates(project: Project, names: Iterable[str]) -> dict[str, datetime]:
    lines = _asked(project, sorted(names), "--timestamp")
    return {name: _instant(at) for at, name in (line.split() for line in lines)}


def _asked(project: Project, names: Iterable[str], *options: str) -> list[str]:
    stdin = "".join(f"{name}\n" for name in names).encode("ascii")
    if not stdin:
        return []
    return (
        run_git(project.root, "rev-list", "--no-walk", *options, "--stdin", input=stdin)
        .decode("ascii")
        .splitlines()
    )


def _versions(
    project: Project, source: EnvSource, commits: Iterable[str], keeper: Keeper
) -> dict[str, _Version]:
    """The file as each commit holds it; a commit that has no such file is left out."""
    names = list(dict.fromkeys(commits))
    asked = b"".join(
        name.encode("ascii") + b":" + source.path.encode("utf-8", "surrogateescape") + b"\n" for name in names
    )
    answers = run_git(project.root, "cat-file", "--batch-check", input=asked).splitlines()
    blobs = {}
    for name, answer in zip(names, answers, strict=True):
        parts = answer.split()
        if len(parts) == 3 and parts[1] == b"blob" and int(parts[2]) <= MAX_BLOB_BYTES:
            blobs[name] = parts[0].decode("ascii")
    read = {
        blob: _read(project.root, source, run_git(project.root, "cat-file", "blob", blob), keeper)
        for blob in sorted(set(blobs.values()))
    }
    return {name: read[blob] for name, blob in blobs.items()}


def _read(root: Path, source: EnvSource, content: bytes, keeper: Keeper) -> _Version:
    """One version as today's loader reads it: none of an earlier day is known."""
    lines = parse_env(content, loaders_of(root, source, content))
    values: dict[Value, str] = {}
    complete = True
    for line in lines:
        known = line.value is not None
        complete &= line.state != "not understood" and (known or line.name is None)
        if line.name is not None and line.value:
            values[line.name, "whole"] = keeper.fingerprint(line.value)
            values.pop((line.name, "password"), None)
            password = _PASSWORD(line.value)
            if password:
                values[line.name, "password"] = keeper.fingerprint(password)
    return _Version(values, complete)


def _instant(seconds: str) -> datetime:
    return _EPOCH + timedelta(seconds=int(seconds))
