"""Reads every env source of a project and the values given for this run into frames that hold no value."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base import git
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Contract, Field, Series, Sources
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.env import MAX_BYTES, MAX_LINES, EnvLine, is_binary, parse_env, value_is_unknown
from audit_lib.secrets.given import ENVIRON, STDIN, given_lines, parse_values, place_of
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import EnvSource, GivenValues, Policy, Project

# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_IN_ALL = {"lines": 200_000, "values": 3_000, "characters": 250_000}
_ORIGINS = {STDIN: "from stdin", ENVIRON: "from the process environment"}
IN_FORCE = ("env file", "export", "given values")  # kinds of sources whose values an application gets
Row = dict[str, Any]
# Columns of `Sources`, the lines (None of a source that was not read), and the loader whose reading they are:
# "" if that is not known or not needed.
Read = tuple[Row, Sequence[EnvLine] | None, str]


class EnvEntries(Contract):
    """One row for each line of an env source; its state says where the line ended."""

    source: Series[str]
    kind: Series[str]  # env file | export | example | backup | given values
    environment: Series[str]
    service: Series[str]
    line: Series[int]  # 1-based; of the platform's JSON, the position of the entry
    state: Series[str] = Field(isin=("read", "not understood", "blank"))
    name: Series[str] = Field(nullable=True)  # null on a comment (read), a blank, a line not understood
    fingerprint: Series[str] = Field(nullable=True)  # null: no name, no value, or one of UNKNOWN_VALUES
    readings: Series[str]  # of a value that is not known: the fingerprints of all that it may be, by commas
    faults: Series[str]  # comma-separated, as secrets/env.py lists them
    loader: Series[str]  # whose reading the value is; "" if it is not known, or if there is no loader


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
    values = [one for one in given if one.content or one.origin == ENVIRON]
    supplied = {(one.environment, one.service) for one in values}
    git_facts = _ask_git(project)
    read = [*_read_files(project, supplied, keeper, git_facts)]
    for one in values:
        text = parse_values(one.content, place_of(one)) if one.content else None
        row = _row(place_of(one), "given values", (one.environment, one.service))
        row |= {"reason": _ORIGINS.get(one.origin, "from a file")}
        row |= {"keyed_digest": keeper.key.digest(one.content) if text else None}
        read.append((row, *(text or (given_lines(one, policy, environ), ""))))
        if one.origin not in _ORIGINS and not one.origin.startswith("/dev/fd/"):
            read.append((row | _left_on_disk(one, project.root, git_facts), None, ""))
    read += ((row, None, "") for row in _not_read(project, supplied, policy))
    entries = (_entry(row, line, loader, keeper) for row, lines, loader in read for line in lines or ())
    return Sources.of(_with_counts(row, lines) for row, lines, _ in read), EnvEntries.of(entries)


def _read_files(
    project: Project, supplied: set[tuple[str, str]], keeper: Keeper, git_facts: Callable[[str], Row]
) -> Iterator[Read]:
    """The env files. That one is missing is no gap where its values are supplied; a backup never is one."""
    left = Counter(MAX_IN_ALL)
    for source in project.env_sources:
        place = (source.environment, source.service)
        kinds = {"example": source.example, "backup": source.backup, "export": source.export}
        kind = next(filter(kinds.get, kinds), "env file")
        remedies = {"example": f"commit {source.path} with every name and no value", "backup": ""}
        row = _row(source.path, kind, place, remedies.get(kind, _supply(*place)))
        try:
            found = read_source(project.root, source.path, MAX_BYTES)
            row |= found.facts | {"keyed_digest": keeper.key.digest(found.content)}
            yield (row | git_facts(source.path), *_parse(project.root, source, found.content, left))
        except BadInput as fault:
            state = getattr(fault, "state", "refused")
            if state != "missing" or not (source.backup or place in supplied):
                facts = {} if state == "missing" else git_facts(source.path)
                yield row | facts | {"state": state, "reason": fault.faults[0].text}, None, ""


def _parse(
    root: Path, source: EnvSource, content: bytes, left: Counter[str]
) -> tuple[Sequence[EnvLine], str]:
    """The lines of a file, of an export also the entries of the platform's JSON; and the loader.

    What it takes is subtracted from what is left of `MAX_IN_ALL`. `BadInput` says why a file is not taken.
    """
    count = content.count(b"\n") + content.count(b"\r")
    BadInput.unless(not is_binary(content), source.path, "is binary: it has NUL bytes and is not UTF-8 text")
    BadInput.unless(count <= MAX_LINES, source.path, f"has more than the limit of {MAX_LINES:,} lines")
    _take(left, source.path, lines=count)
    loaders = loaders_of(root, source, content)
    lines, loader = (
        parse_values(content, source.path)
        if source.export and not source.loader
        else (parse_env(content, loaders), loaders[0] if len(loaders) == 1 else "")
    )
    values = [text for line in lines for text in (line.value, *line.suspects) if text]
    _take(left, source.path, values=len(values), characters=sum(map(len, values)))
    return lines, loader


def _take(left: Counter[str], path: str, **counts: int) -> None:
    """Subtracts what a file holds from what all files may hold; `BadInput` if that is more than is left."""
    for what, count in counts.items():
        limit = f"comes after the limit of {MAX_IN_ALL[what]:,} {what} of all env files"
        BadInput.unless(count <= left[what], path, limit)
    left.subtract(counts)


def _left_on_disk(given: GivenValues, root: Path, git_facts: Callable[[str], Row]) -> Row:
    """The columns of the file that values were given by: it is itself a plain export, which is a finding."""
    path = Path(given.origin).resolve()
    name = str(path.relative_to(root)) if path.is_relative_to(root) else ""
    where = git_facts(name) if name else {"reason": "plain-text values left on disk outside the project"}
    row: Row = {"source": name or path.name, "kind": "export", "state": "read"}
    row |= {"reason": "plain-text values left on disk", "size_bytes": len(given.content), **where}
    with suppress(Unreadable):
        row |= read_source(path.parent, path.name, MAX_BYTES).facts
    return row


def _not_read(project: Project, given: set[tuple[str, str]], policy: Policy | None) -> Iterator[Row]:
    """The places of the application for which neither a file is named nor a value given, and the folders that
    were not searched."""
    in_force = [source for source in project.env_sources if not source.example and not source.backup]
    supplied = given | {(source.environment, source.service) for source in in_force}
    services = {source.service for source in project.env_sources} | {service for _, service in supplied}
    services |= {rule.service for rule in policy.secrets} if policy else set()
    for place in product(project.environments, sorted(services - {""})):
        if place not in supplied:
            row = _row(f"--env {'/'.join(place)}", "given values", place, _supply(*place))
            yield row | {"state": "missing", "reason": "nothing was supplied"}
    for folder in project.not_searched:
        row = _row(folder.place, "folder", ("", ""), "name the files in it in audit.toml")
        yield row | {"state": "refused", "reason": folder.text}


def _row(source: str, kind: str, place: tuple[str, str], remedy: str = "") -> Row:
    """What each row of `Sources` begins with; `place` is environment and service."""
    environment, service = place
    row = {"source": source, "kind": kind, "environment": environment, "service": service}
    return row | {"reason": "", "remedy": remedy}


def _with_counts(row: Row, lines: Sequence[EnvLine] | None) -> Row:
    """The row of a source; of one that was read with its counts, which add up to the lines."""
    if lines is None:
        return row
    states = Counter(line.state for line in lines)
    counts = {column: states[column.replace("_", " ")] for column in ("read", "not_understood", "blank")}
    empty = {"state": "empty", "reason": row["reason"] or "holds nothing"}
    outcome = {"state": "read", "remedy": ""} if len(lines) > states["blank"] else empty
    return row | outcome | counts | {"lines": len(lines)}


def _entry(row: Row, line: EnvLine, loader: str, keeper: Keeper) -> Row:
    """The row of a line. Its value, and what may be one if it is faulty, go to the keeper."""
    suspects = [keeper.take(suspect) for suspect in line.suspects]
    not_known = line.name and value_is_unknown(line.faults)
    return {
        **{name: row[name] for name in ("source", "kind", "environment", "service")},
        "line": line.line,
        "state": line.state,
        "name": line.name,
        "fingerprint": keeper.take(line.value) if line.value else None,
        "readings": ",".join(suspects) if not_known else "",
        "faults": ",".join(line.faults),
        "loader": loader if line.name else "",
    }


def _supply(environment: str, service: str) -> str:
    """What would supply the values of a place."""
    return f"--env {environment}/{service}=- (dotenv text or the platform's JSON on stdin)"


def _ask_git(project: Project) -> Callable[[str], Row]:
    """Gives the columns `tracked` and `ignored` of a path; null if git cannot be asked."""
    # git gives no answer at all where one of the paths lies behind a link.
    root = project.root.resolve()
    paths = [source.path for source in project.env_sources]
    paths = [path for path in paths if os.path.realpath(root / path) == str(root / path)]
    try:
        tracked, ignored = git.tracked(project.root), git.ignored(project.root, paths)
    except git.GitFailed:
        return lambda _: {}
    return lambda path: {"tracked": path in tracked, "ignored": path in ignored if path in paths else None}
