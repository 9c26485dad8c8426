"""Reads every env source of a project, and the values given for this run, into two frames."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.contracts import UNKNOWN_VALUES, EnvEntries, Sources
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.git import commands as git
from audit_lib.project import EnvSource, GivenValues, Project
from audit_lib.project.policy import Policy
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.env_lines import MAX_LINES, EnvLine, is_binary, parse_env
from audit_lib.secrets.given_values import ENVIRON, STDIN, given_lines, given_loader
from audit_lib.secrets.loaders.choose import loaders_of

MAX_BYTES = 2 * 1024 * 1024  # by default Linux gives a process no larger environment
MAX_LINES_IN_ALL = 200_000
# The counts of Sources, by the state of a line.
_COUNTS = {"read": "read", "not_understood": "not understood", "blank": "blank"}


@dataclass(frozen=True)
class _Place:
    """What a row of either frame says of where it comes from."""

    source: str
    kind: str
    environment: str
    service: str

    def row(self, **columns: Any) -> dict[str, Any]:
        return vars(self) | columns


@dataclass(frozen=True)
class _Git:
    """What git says of the env files; None if it cannot be asked."""

    tracked: set[str] | None
    ignored: dict[str, bool]

    def columns(self, path: str) -> dict[str, bool | None]:
        return {
            "tracked": None if self.tracked is None else path in self.tracked,
            "ignored": self.ignored.get(path),
        }


@dataclass(frozen=True)
class _Read:
    """The lines of a source, and the loader whose reading they are; "" if it is not known, or none is."""

    lines: tuple[EnvLine, ...] = ()
    loader: str = ""


def read_env_sources(
    project: Project,
    given: tuple[GivenValues, ...],
    keeper: Keeper,
    policy: Policy | None = None,
    environ: Mapping[str, str] = os.environ,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sources` and `EnvEntries`; each value goes to the keeper, and each line is counted in one state.

    A place (environment and service) for which nothing was supplied is a row that says what would
    supply it. The policy is needed for `--env …=environ`: it names what is taken from `environ`.
    """
    sources: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    supplied = {(one.environment, one.service) for one in given}
    answers = _ask_git(project)
    for source in project.env_sources:
        place = _Place(source.path, _kind(source), source.environment, source.service)
        lines_left = MAX_LINES_IN_ALL - len(entries)
        row, read = _read(project.root, source, place, answers, keeper.key, lines_left=lines_left)
        # A file that is not there is no gap where its values were given, and a backup never is one.
        if row["state"] != "missing" or not (
            source.backup or (source.environment, source.service) in supplied
        ):
            sources.append(row)
            entries += _entries(place, read, keeper)
    for one in given:
        place = _Place(f"--env {one.environment}/{one.service}", "given values", one.environment, one.service)
        lines = given_lines(one, policy, environ)
        digest = keeper.key.digest(one.content) if one.origin != ENVIRON else None
        sources.append(place.row(reason=_origin(one), remedy="", keyed_digest=digest, **_counted(lines)))
        sources += _left_on_disk(project, one, answers, digest)
        entries += _entries(place, _Read(lines, given_loader(one)), keeper)
    sources += _not_supplied(project, given, policy)
    for left in project.not_searched:
        remedy = "name the files in it in audit.toml"
        sources.append(
            _Place(left.place, "folder", "", "").row(state="refused", reason=left.text, remedy=remedy)
        )
    return Sources.of(sources), EnvEntries.of(entries)


def _kind(source: EnvSource) -> str:
    kinds = {"example": source.example, "backup": source.backup, "export": source.export}
    return next((kind for kind, is_one in kinds.items() if is_one), "env file")


def _read(
    root: Path, source: EnvSource, place: _Place, answers: _Git, key: Key, *, lines_left: int
) -> tuple[dict[str, Any], _Read]:
    """The row of one env file, and its lines if it could be read."""
    try:
        found = read_source(root, source.path, MAX_BYTES)
    except Unreadable as fault:
        known = {} if fault.state == "missing" else answers.columns(source.path)
        return place.row(
            state=fault.state, reason=fault.reason, remedy=_remedy(source, fault.state), **known
        ), _Read()
    facts = vars(found.facts) | answers.columns(source.path) | {"keyed_digest": key.digest(found.content)}
    refusal = _refusal(found.content, lines_left)
    if refusal:
        return place.row(state="refused", reason=refusal, remedy=_remedy(source, "refused"), **facts), _Read()
    try:
        read = _parsed(root, source, found.content)
    except BadInput:
        reason = "looks like JSON and cannot be parsed"
        return place.row(state="refused", reason=reason, remedy=_remedy(source, "refused"), **facts), _Read()
    counted = _counted(read.lines)
    reason = "" if counted["state"] == "read" else "holds nothing"
    return place.row(reason=reason, remedy=_remedy(source, counted["state"]), **counted, **facts), read


def _parsed(root: Path, source: EnvSource, content: bytes) -> _Read:
    """An env file as its loader reads it; of an export also the entries of the platform's JSON."""
    if source.export and not source.loader:
        given = GivenValues(source.environment, source.service, source.path, content)
        return _Read(given_lines(given), given_loader(given))
    loaders = loaders_of(root, source, content)
    return _Read(parse_env(content, loaders), loaders[0] if len(loaders) == 1 else "")


def _refusal(content: bytes, lines_left: int) -> str:
    """Why the content is not parsed at all; "" if it is."""
    if is_binary(content):
        return "is binary: it has NUL bytes and is not UTF-8 text"
    lines = content.count(b"\n") + content.count(b"\r")
    if lines > MAX_LINES:
        return f"has more than the limit of {MAX_LINES:,} lines"
    if lines > lines_left:
        return f"comes after the limit of {MAX_LINES_IN_ALL:,} lines of all env files"
    return ""


def _counted(lines: tuple[EnvLine, ...]) -> dict[str, Any]:
    """State and line counts; the counts add up to the lines."""
    states = Counter(line.state for line in lines)
    counts = {column: states[state] for column, state in _COUNTS.items()}
    return {"state": "read" if len(lines) > states["blank"] else "empty", "lines": len(lines), **counts}


def _entries(place: _Place, read: _Read, keeper: Keeper) -> Iterator[dict[str, Any]]:
    """One row for each line; the values, and what may be one in a faulty line, go to the keeper."""
    for line in read.lines:
        suspects = [keeper.take(suspect) for suspect in line.suspects]
        not_known = bool(line.name) and bool(set(UNKNOWN_VALUES) & set(line.faults))
        fingerprint = keeper.take(line.value) if line.value else None
        faults = ",".join(line.faults)
        facts = {"line": line.line, "state": line.state, "name": line.name, "faults": faults}
        facts |= {"readings": ",".join(suspects) if not_known else ""}
        yield place.row(**facts, fingerprint=fingerprint, loader=read.loader if line.name else "")


def _remedy(source: EnvSource, state: str) -> str:
    """The command that would supply the values of a source that was not read."""
    if state == "read" or source.backup:
        return ""
    if source.example:
        return f"commit {source.path} with every name and no value"
    return f"--env {source.environment}/{source.service}=- (dotenv text or the platform's JSON on stdin)"


def _origin(given: GivenValues) -> str:
    return {STDIN: "from stdin", ENVIRON: "from the process environment"}.get(given.origin, "from a file")


def _left_on_disk(
    project: Project, given: GivenValues, answers: _Git, digest: str | None
) -> Iterator[dict[str, Any]]:
    """The file that values were given from is itself a plain export on disk, which is a finding."""
    if given.origin in (STDIN, ENVIRON) or given.origin.startswith("/dev/fd/"):
        return
    path = Path(given.origin).resolve()
    inside = path.is_relative_to(project.root)
    name = str(path.relative_to(project.root)) if inside else path.name
    place = _Place(name, "export", given.environment, given.service)
    modified_at, mode = _facts_of(path)
    yield place.row(
        state="read",
        reason="plain-text values left on disk"
        if inside
        else "plain-text values left on disk outside the project",
        remedy="",
        keyed_digest=digest,
        size_bytes=len(given.content),
        modified_at=modified_at,
        mode=mode,
        **(answers.columns(name) if inside else {}),
    )


def _facts_of(path: Path) -> tuple[datetime | None, str | None]:
    try:
        facts = read_source(path.parent, path.name, MAX_BYTES).facts
    except Unreadable:
        return None, None
    return facts.modified_at, facts.mode


def _not_supplied(
    project: Project, given: tuple[GivenValues, ...], policy: Policy | None
) -> Iterator[dict[str, Any]]:
    """One row for each place of the application for which neither a file is named nor a value given."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    named = {(source.environment, source.service) for source in in_force}
    named |= {(one.environment, one.service) for one in given}
    services = {source.service for source in project.env_sources} | {service for _, service in named}
    services |= {rule.service for rule in policy.secrets} if policy else set()
    for environment in project.environments:
        for service in sorted(services - {""}):
            if (environment, service) not in named:
                option = f"--env {environment}/{service}"
                remedy = f"{option}=- (dotenv text or the platform's JSON on stdin)"
                place = _Place(option, "given values", environment, service)
                yield place.row(state="missing", reason="nothing was supplied", remedy=remedy)


def _ask_git(project: Project) -> _Git:
    # git gives no answer at all where one of the paths lies behind a link.
    root = project.root.resolve()
    paths = [source.path for source in project.env_sources if _is_direct(root, source.path)]
    tracked, ignored = None, None
    with suppress(git.GitFailed):
        tracked = git.tracked(project.root)
        ignored = git.ignored(project.root, paths)
    return _Git(tracked, {} if ignored is None else {path: path in ignored for path in paths})


def _is_direct(root: Path, path: str) -> bool:
    try:
        return (root / path).resolve() == root / path
    except (OSError, ValueError, RuntimeError):
        return False
