"""Reads every env source of a project, the values given for this run, and what stores say of their dates."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base import git
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import EnvEntries
from audit_lib.secrets.env import MAX_LINES, EnvLine, is_binary, parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, given_loader, holds_values, place_of
from audit_lib.secrets.loaders import loaders_of
from audit_lib.secrets.stores import parse_store_export
from audit_lib.settings import EnvSource, EvidenceSource, GivenValues, Policy, Project, StoreDate
from audit_lib.settings.models import first_faults, source_row

MAX_BYTES = 2 * 1024 * 1024  # of one file: by default Linux gives a process no larger environment
# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_IN_ALL = {"lines": 200_000, "values": 3_000, "characters": 250_000}
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"
IN_FORCE = ("env file", "export", "given values")  # kinds of sources whose values an application gets
Row = dict[str, Any]
GitFacts = Callable[[str], Row]  # the columns `tracked` and `ignored` of a path within the project


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
    sources: list[Row] = []
    entries: list[Row] = []
    given = tuple(filter(holds_values, given))
    supplied = {(one.environment, one.service) for one in given}
    git_facts, left = _ask_git(project), Counter(MAX_IN_ALL)
    for source in project.env_sources:
        kinds = {"example": source.example, "backup": source.backup, "export": source.export}
        kind = next((kind for kind, is_one in kinds.items() if is_one), "env file")
        place = _place(source.path, kind, source.environment, source.service)
        row, lines, loader = _read(project.root, source, keeper, git_facts, left)
        # A file that is not there is no gap where its values were given, and a backup never is one.
        absent = row["state"] == "missing"
        if not absent or not (source.backup or (source.environment, source.service) in supplied):
            sources.append(place | row)
            entries += _entries(place, lines, loader, keeper)
    for one in given:
        place = _place(place_of(one), "given values", one.environment, one.service)
        lines = given_lines(one, policy, environ)
        digest = keeper.key.digest(one.content) if one.origin != ENVIRON else None
        reason = {STDIN: "from stdin", ENVIRON: "from the process environment"}.get(one.origin, "from a file")
        sources.append(place | {"reason": reason, "remedy": "", "keyed_digest": digest} | _counted(lines))
        sources += _left_on_disk(project, one, git_facts, digest)
        entries += _entries(place, lines, given_loader(one), keeper)
    sources += _not_supplied(project, given, policy)
    for folder in project.not_searched:
        row = {"state": "refused", "reason": folder.text, "remedy": "name the files in it in audit.toml"}
        sources.append(_place(folder.place, "folder", "", "") | row)
    return Sources.of(sources), EnvEntries.of(entries)


def _refusal(content: bytes, lines: tuple[EnvLine, ...], left: Counter[str]) -> str:
    """Why the lines of a file are not taken; "" if they are, and what is `left` for others is less."""
    values = [text for line in lines for text in (line.value, *line.suspects) if text]
    counts = {"lines": content.count(b"\n") + content.count(b"\r"), "values": len(values)}
    counts["characters"] = sum(map(len, values))
    over = next((what for what, count in counts.items() if count > left[what]), "")
    if is_binary(content):
        return "is binary: it has NUL bytes and is not UTF-8 text"
    if counts["lines"] > MAX_LINES:
        return f"has more than the limit of {MAX_LINES:,} lines"
    if over:
        return f"comes after the limit of {MAX_IN_ALL[over]:,} {over} of all env files"
    if lines:
        left.subtract(counts)
    return ""


def _read(
    root: Path, source: EnvSource, keeper: Keeper, git_facts: GitFacts, left: Counter[str]
) -> tuple[Row, tuple[EnvLine, ...], str]:
    """The row of one env file, its lines if it could be read, and the loader whose reading they are."""
    remedy = {"remedy": _remedy(source)}
    try:
        found = read_source(root, source.path, MAX_BYTES)
    except Unreadable as fault:
        known = {} if fault.state == "missing" else git_facts(source.path)
        return {"state": fault.state, "reason": fault.reason} | remedy | known, (), ""
    facts = vars(found.facts) | git_facts(source.path) | {"keyed_digest": keeper.key.digest(found.content)}
    lines: tuple[EnvLine, ...] = ()
    loader = ""
    refusal = _refusal(found.content, (), left)
    if not refusal:
        try:
            lines, loader = _parsed(root, source, found.content)
            refusal = _refusal(found.content, lines, left)
        except BadInput:
            refusal = "looks like JSON and cannot be parsed"
    if refusal:
        return {"state": "refused", "reason": refusal} | remedy | facts, (), ""
    counted = _counted(lines)
    row = {"reason": "", "remedy": ""} if counted["state"] == "read" else {"reason": "holds nothing"} | remedy
    return row | counted | facts, lines, loader


def _parsed(root: Path, source: EnvSource, content: bytes) -> tuple[tuple[EnvLine, ...], str]:
    """An env file as its loader reads it; of an export also the entries of the platform's JSON.

    The loader is "" if it is not known, or none is needed.
    """
    if source.export and not source.loader:
        given = GivenValues(source.environment, source.service, source.path, content)
        return given_lines(given), given_loader(given)
    loaders = loaders_of(root, source, content)
    return parse_env(content, loaders), loaders[0] if len(loaders) == 1 else ""


def _place(source: str, kind: str, environment: str, service: str) -> Row:
    return {"source": source, "kind": kind, "environment": environment, "service": service}


def _counted(lines: tuple[EnvLine, ...]) -> Row:
    """State and line counts; the counts add up to the lines."""
    states = Counter(line.state for line in lines)
    counts = {column: states[column.replace("_", " ")] for column in ("read", "not_understood", "blank")}
    return {"state": "read" if len(lines) > states["blank"] else "empty", "lines": len(lines), **counts}


def _entries(place: Row, lines: Iterable[EnvLine], loader: str, keeper: Keeper) -> Iterator[Row]:
    """One row for each line; the values, and what may be one in a faulty line, go to the keeper."""
    for line in lines:
        suspects = [keeper.take(suspect) for suspect in line.suspects]
        not_known = bool(line.name) and value_is_unknown(line.faults)
        yield place | {
            "line": line.line,
            "state": line.state,
            "name": line.name,
            "faults": ",".join(line.faults),
            "readings": ",".join(suspects) if not_known else "",
            "fingerprint": keeper.take(line.value) if line.value else None,
            "loader": loader if line.name else "",
        }


def _remedy(source: EnvSource) -> str:
    """The command that would supply the values of a source that was not read."""
    if source.backup:
        return ""
    example = f"commit {source.path} with every name and no value"
    return example if source.example else _supply(source.environment, source.service)


def _supply(environment: str, service: str) -> str:
    return f"--env {environment}/{service}=- (dotenv text or the platform's JSON on stdin)"


def _not_supplied(project: Project, given: tuple[GivenValues, ...], policy: Policy | None) -> Iterator[Row]:
    """One row for each place of the application for which neither a file is named nor a value given."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    named = {(source.environment, source.service) for source in in_force}
    named |= {(one.environment, one.service) for one in given}
    services = {source.service for source in project.env_sources} | {service for _, service in named}
    services |= {rule.service for rule in policy.secrets} if policy else set()
    for environment in project.environments:
        for service in sorted(services - {""}):
            if (environment, service) not in named:
                place = _place(f"--env {environment}/{service}", "given values", environment, service)
                reason, remedy = "nothing was supplied", _supply(environment, service)
                yield place | {"state": "missing", "reason": reason, "remedy": remedy}


def _left_on_disk(
    project: Project, given: GivenValues, git_facts: GitFacts, digest: str | None
) -> Iterator[Row]:
    """The file that values were given from is itself a plain export on disk, which is a finding."""
    if given.origin in (STDIN, ENVIRON) or given.origin.startswith("/dev/fd/"):
        return
    path = Path(given.origin).resolve()
    inside = path.is_relative_to(project.root)
    name = str(path.relative_to(project.root)) if inside else path.name
    reason = f"plain-text values left on disk{'' if inside else ' outside the project'}"
    row: Row = {"state": "read", "reason": reason, "remedy": "", "keyed_digest": digest}
    row |= {"size_bytes": len(given.content)} | (git_facts(name) if inside else {})
    with suppress(Unreadable):
        found = read_source(path.parent, path.name, MAX_BYTES).facts
        row |= {"modified_at": found.modified_at, "mode": found.mode}
    yield _place(name, "export", given.environment, given.service) | row


def _ask_git(project: Project) -> GitFacts:
    """What git says of a path; null if it cannot be asked."""
    # git gives no answer at all where one of the paths lies behind a link.
    root = project.root.resolve()
    paths = [source.path for source in project.env_sources if _is_direct(root, source.path)]
    tracked, ignored = None, None
    with suppress(git.GitFailed):
        tracked = git.tracked(project.root)
        ignored = git.ignored(project.root, paths)

    def facts(path: str) -> Row:
        known = ignored is not None and path in paths
        return {
            "tracked": None if tracked is None else path in tracked,
            "ignored": path in (ignored or ()) if known else None,
        }

    return facts


def _is_direct(root: Path, path: str) -> bool:
    try:
        return (root / path).resolve() == root / path
    except (OSError, ValueError, RuntimeError):
        return False


# ---- The dates in exports of secret stores.


@dataclass(frozen=True)
class DatedPlace:
    """One date of a store, and of which environment and service it is."""

    environment: str
    service: str
    source: str
    date: StoreDate


def read_store_dates(
    project: Project, given: tuple[GivenValues, ...]
) -> tuple[pd.DataFrame, tuple[DatedPlace, ...]]:
    """`Sources` of the exports, and what they say; one that is missing or faulty is a row, no exception."""
    rows: list[Row] = []
    dates: list[DatedPlace] = []
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        if not paths:
            remedy = f"export the store's dates to {source.pattern} (docs/evidence.md#stores)"
            missing = {"state": "missing", "reason": "no file matches", "remedy": remedy}
            rows.append(source_row(source, source.pattern, "store export", **missing))
        for path in paths:
            row, found = _read_export(project, source, path)
            rows.append(source_row(source, path, "store export", **row))
            dates += [DatedPlace(source.environment, source.service, path, one) for one in found]
    for one in given:
        place = f"--env {one.environment}/{one.service}"
        dates += [DatedPlace(one.environment, one.service, place, date) for date in one.dates]
    return Sources.of(rows), tuple(dates)


def _read_export(project: Project, source: EvidenceSource, path: str) -> tuple[Row, list[StoreDate]]:
    try:
        read = read_source(project.root, path, MAX_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, []
    export = parse_store_export(read.content, source.secret)
    facts = {name: getattr(read.facts, name) for name in ("size_bytes", "modified_at", "mode")}
    if export.holds_values:
        return facts | {"state": "refused", "reason": _CLEAR, "remedy": f"rm {path}"}, []
    state = "unreadable" if export.faults and not export.dates else "read" if export.found else "empty"
    return facts | {"state": state, "reason": first_faults(export.faults)}, export.dates
