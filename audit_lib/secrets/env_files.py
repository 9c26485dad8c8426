"""Reads every env source of a project, and the values given for this run, into two frames."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, read_source
from audit_lib.base.frames import Sources
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.contracts import EnvEntries
from audit_lib.secrets.env_lines import EnvLine, parse_env, value_is_unknown
from audit_lib.secrets.env_room import MAX_BYTES, EnvRoom
from audit_lib.secrets.given_values import ENVIRON, given_lines, given_loader, holds_values
from audit_lib.secrets.loaders.choose import loaders_of
from audit_lib.secrets.source_rows import (
    EnvPlace,
    GitAnswers,
    ask_git,
    kind_of,
    left_on_disk,
    not_supplied,
    origin_of,
    remedy_for,
)
from audit_lib.settings import EnvSource, GivenValues, Policy, Project

# The counts of Sources, by the state of a line.
_COUNTS = {"read": "read", "not_understood": "not understood", "blank": "blank"}


@dataclass(frozen=True)
class _Parsed:
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
    given = tuple(filter(holds_values, given))
    supplied = {(one.environment, one.service) for one in given}
    answers, room = ask_git(project), EnvRoom()
    for source in project.env_sources:
        place = EnvPlace(source.path, kind_of(source), source.environment, source.service)
        row, read = _read(project.root, source, place, answers, keeper.key, room=room)
        # A file that is not there is no gap where its values were given, and a backup never is one.
        if row["state"] != "missing" or not (
            source.backup or (source.environment, source.service) in supplied
        ):
            sources.append(row)
            entries += _entries(place, read, keeper)
    for one in given:
        place = EnvPlace(
            f"--env {one.environment}/{one.service}", "given values", one.environment, one.service
        )
        lines = given_lines(one, policy, environ)
        digest = keeper.key.digest(one.content) if one.origin != ENVIRON else None
        sources.append(place.row(reason=origin_of(one), remedy="", keyed_digest=digest, **_counted(lines)))
        sources += left_on_disk(project, one, answers, digest)
        entries += _entries(place, _Parsed(lines, given_loader(one)), keeper)
    sources += not_supplied(project, given, policy)
    for left in project.not_searched:
        remedy = "name the files in it in audit.toml"
        sources.append(
            EnvPlace(left.place, "folder", "", "").row(state="refused", reason=left.text, remedy=remedy)
        )
    return Sources.of(sources), EnvEntries.of(entries)


def _read(
    root: Path, source: EnvSource, place: EnvPlace, answers: GitAnswers, key: Key, *, room: EnvRoom
) -> tuple[dict[str, Any], _Parsed]:
    """The row of one env file, and its lines if it could be read."""
    try:
        found = read_source(root, source.path, MAX_BYTES)
    except Unreadable as fault:
        known = {} if fault.state == "missing" else answers.columns(source.path)
        return place.row(
            state=fault.state, reason=fault.reason, remedy=remedy_for(source, fault.state), **known
        ), _Parsed()
    facts = vars(found.facts) | answers.columns(source.path) | {"keyed_digest": key.digest(found.content)}
    read = _Parsed()
    refusal = room.refuses(found.content)
    if not refusal:
        try:
            read = _parsed(root, source, found.content)
            refusal = room.refuses_lines(read.lines)
        except BadInput:
            refusal = "looks like JSON and cannot be parsed"
    if refusal:
        remedy = remedy_for(source, "refused")
        return place.row(state="refused", reason=refusal, remedy=remedy, **facts), _Parsed()
    counted = _counted(read.lines)
    reason = "" if counted["state"] == "read" else "holds nothing"
    return place.row(reason=reason, remedy=remedy_for(source, counted["state"]), **counted, **facts), read


def _parsed(root: Path, source: EnvSource, content: bytes) -> _Parsed:
    """An env file as its loader reads it; of an export also the entries of the platform's JSON."""
    if source.export and not source.loader:
        given = GivenValues(source.environment, source.service, source.path, content)
        return _Parsed(given_lines(given), given_loader(given))
    loaders = loaders_of(root, source, content)
    return _Parsed(parse_env(content, loaders), loaders[0] if len(loaders) == 1 else "")


def _counted(lines: tuple[EnvLine, ...]) -> dict[str, Any]:
    """State and line counts; the counts add up to the lines."""
    states = Counter(line.state for line in lines)
    counts = {column: states[state] for column, state in _COUNTS.items()}
    return {"state": "read" if len(lines) > states["blank"] else "empty", "lines": len(lines), **counts}


def _entries(place: EnvPlace, read: _Parsed, keeper: Keeper) -> Iterator[dict[str, Any]]:
    """One row for each line; the values, and what may be one in a faulty line, go to the keeper."""
    for line in read.lines:
        suspects = [keeper.take(suspect) for suspect in line.suspects]
        faults = ",".join(line.faults)
        not_known = bool(line.name) and value_is_unknown(line.faults)
        fingerprint = keeper.take(line.value) if line.value else None
        facts = {"line": line.line, "state": line.state, "name": line.name, "faults": faults}
        facts |= {"readings": ",".join(suspects) if not_known else ""}
        yield place.row(**facts, fingerprint=fingerprint, loader=read.loader if line.name else "")
