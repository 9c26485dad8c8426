"""Reads which commit brought which value into an env file first: evidence E5 (docs/evidence.md).

Committer dates, all refs. Values are fingerprinted and forgotten: a rotated one is none of the project's.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pandas as pd

from audit_lib.base.git import GitFailed, is_repository, read_objects, run_git
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import component
from audit_lib.secrets.contracts import EnvHistory
from audit_lib.secrets.env import parse_env
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import EnvSource, Project

_BLOB = re.compile(rb"([0-9a-f]{40,64}) blob \d+")
Value = tuple[str, str, str]  # name, component, fingerprint


def env_history(project: Project, keeper: Keeper) -> pd.DataFrame:
    """`EnvHistory` of every env file of the project; empty without a repository that can be read."""
    found: list[tuple[object, ...]] = []
    sources = {source.path: source for source in project.env_sources if not source.example}
    for path in sorted(path for path in sources if "\n" not in path and is_repository(project.root)):
        with suppress(GitFailed):  # no answer is no evidence; the leak search says that git cannot read it
            found += _history(project, sources[path], keeper)
    frame = pd.DataFrame(found, columns=list(EnvHistory.columns()))
    return EnvHistory.checked(frame.sort_values(["file", "name", "component", "committed_at", "commit"]))


def _history(project: Project, source: EnvSource, keeper: Keeper) -> Iterator[tuple[object, ...]]:
    """One row for each commit with a value that none of its parents has."""
    path = f":(literal){source.path}"
    listed = run_git(project.root, "rev-list", "--full-history", "--all", "--", path, ok=(0, 128))
    # Asked for by name, git gives the true parents, not those that path limiting puts in their place.
    options = ("rev-list", "--no-walk", "--parents", "--timestamp", "--stdin")
    lines = run_git(project.root, *options, input=listed).decode("ascii").splitlines() if listed else []
    commits = {name: (at, parents) for at, name, *parents in map(str.split, lines)}
    versions = _versions(project, source, keeper, {*commits}.union(*(known[1] for known in commits.values())))
    for name, (at, parents) in commits.items():
        before = {value for parent in parents for value in versions.get(parent, ())}
        for variable, part, fingerprint in sorted(versions.get(name, set()) - before):
            yield source.path, variable, part, fingerprint, name, datetime.fromtimestamp(int(at), UTC)


def _versions(
    project: Project, source: EnvSource, keeper: Keeper, commits: set[str]
) -> dict[str, set[Value]]:
    """The values of the file as each commit holds it; a commit that has no such file is left out."""
    path, wanted = source.path.encode("utf-8", "surrogateescape"), sorted(commits)
    names = b"".join(name.encode("ascii") + b":" + path + b"\n" for name in wanted)
    listed = run_git(project.root, "cat-file", "--batch-check", input=names).splitlines() if names else []
    found = zip(wanted, map(_BLOB.fullmatch, listed), strict=True)
    blobs = {name: blob[1].decode("ascii") for name, blob in found if blob}
    contents = read_objects(project.root, sorted({*blobs.values()})) if blobs else ()
    read = {one.oid: _values(project, source, one.content, keeper) for one in contents}
    return {name: read[blob] for name, blob in blobs.items() if blob in read}


def _values(project: Project, source: EnvSource, content: bytes, keeper: Keeper) -> set[Value]:
    """The values of one version as today's loader reads it: none of an earlier day is known."""
    lines = parse_env(content, loaders_of(project.root, source, content))
    values = {line.name: line.value for line in lines if line.name is not None and line.value}
    found = {(name, "whole", keeper.fingerprint(value)) for name, value in values.items()}
    passwords = ((name, component("password")(value)) for name, value in values.items())
    return found | {(name, "password", keeper.fingerprint(value)) for name, value in passwords if value}
