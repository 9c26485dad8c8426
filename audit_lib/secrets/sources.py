"""Reads what supplies values, and what dates them, into frames that hold no value.

Values come from the env files, and for one run as `--env ENVIRONMENT/SERVICE=FILE|-|environ`, which is never
stored; dates in a secret store's export, which says when a value was last written (docs/evidence.md#stores).
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from audit_lib.base import git
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Contract, Field, Series, Sources
from audit_lib.base.in_words import few
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.env import (
    MAX_BYTES,
    MAX_LINES,
    EnvLine,
    entry,
    is_binary,
    parse_env,
    value_is_unknown,
    with_oddities,
)
from audit_lib.secrets.loaders import loaders_of
from audit_lib.settings import (
    ENVIRONMENTS,
    EnvSource,
    GivenValues,
    Policy,
    Project,
    StoreDate,
    environment_name,
)

STDIN, ENVIRON = "-", "environ"
# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_IN_ALL = {"lines": 200_000, "values": 3_000, "characters": 250_000}
_ORIGINS = {STDIN: "from stdin", ENVIRON: "from the process environment"}
IN_FORCE = ("env file", "export", "given values")  # kinds of sources whose values an application gets
_OPTION = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})(?::([A-Za-z_]\w{0,127}))?=(.+)", re.DOTALL)
MOST = 10_000  # entries of one export
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_GITHUB = "the secret of GitHub Actions was last updated"
# The keys by which an entry of an export is known; the kind of evidence and what its date is of; the keys of
# its date and its secret's name, if it has one. Of Vault's KV v2 metadata it is the current version: that its
# value differs from the one before, they do not show.
_STORES = (
    (frozenset({"vault", "title"}), "E14", "the item was last updated", "updated_at", "title"),  # 1Password
    (frozenset({"name", "updated_at"}), "E14", _GITHUB, "updated_at", "name"),  # gh api …/actions/secrets
    (frozenset({"name", "updatedAt"}), "E14", _GITHUB, "updatedAt", "name"),  # gh secret list --json
    (frozenset({"created_time", "destroyed"}), "E13", "the current version was written", "created_time", ""),
)
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


# ---- Given for one run: `--env` ----


def parse_env_options(texts: Iterable[str], stdin: BinaryIO) -> tuple[GivenValues, ...]:
    """What all `--env` options of a command give; `BadInput` with every fault of them at once."""
    options = tuple(texts)
    faults: list[Fault] = []
    given: list[GivenValues] = []
    if sum(option.endswith("=-") for option in options) > 1:
        faults.append(Fault("--env", "stdin (-) can be given for one service only"))
    for option in options:
        try:
            given.append(parse_env_option(option, stdin))
        except BadInput as error:
            faults += error.faults
    places = Counter(place_of(one) for one in given if not one.dates)
    faults += (Fault(place, "is given twice") for place, count in places.items() if count > 1)
    if faults:
        raise BadInput(faults)
    return tuple(given)


def parse_env_option(text: str, stdin: BinaryIO) -> GivenValues:
    """What one `--env` option gives. Its text is never quoted in a fault: it may be a value given by mistake.

    The content of `environ` stays empty: its names are the policy's, which is read later.
    """
    found = _OPTION.fullmatch(text)
    environment = environment_name(found[1]) if found else ""
    if not found or not environment:
        form = "must have the form ENVIRONMENT/SERVICE[:SECRET]=FILE, =- (stdin) or =environ"
        raise BadInput.at("--env", f"{form}, with ENVIRONMENT one of {', '.join(ENVIRONMENTS)}")
    given = GivenValues(environment, found[2], origin := found[4], b"")
    if origin == ENVIRON:
        return given
    place = place_of(given)
    content = stdin.read(MAX_BYTES + 1) if origin == STDIN else _read_file(Path(origin), place)
    BadInput.unless(len(content) <= MAX_BYTES, place, f"contains more than {MAX_BYTES:,} bytes")
    export = parse_store_export(content, found[3] or "")
    if export.is_known and export.faults:
        raise BadInput(Fault(place, fault) for fault in export.faults)
    if export.dates:
        return replace(given, dates=export.dates)
    is_set = any(line.name for line in parse_values(content, place)[0])
    BadInput.unless(is_set, place, "contains no variable: it must be dotenv text or the platform's JSON")
    return replace(given, content=content)


def place_of(given: GivenValues) -> str:
    """The source of given values, as rows and faults name it."""
    return f"--env {given.environment}/{given.service}"


def given_lines(
    given: GivenValues, policy: Policy | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[EnvLine, ...]:
    """The lines of dotenv text, the entries of JSON, of `environ` the policy's names."""
    if given.origin == ENVIRON:
        names = {name for rule in (policy.secrets if policy else ()) for name in (rule.name, *rule.aliases)}
        held = sorted(names & environ.keys())
        return with_oddities(entry(number, name, environ[name]) for number, name in enumerate(held, 1))
    return parse_values(given.content, place_of(given))[0]


def parse_values(content: bytes, place: str) -> tuple[tuple[EnvLine, ...], str]:
    """The lines of dotenv text, read as the host's own box reads it, or the entries of JSON; the loader."""
    BadInput.unless(not is_binary(content), place, "contains bytes that are not text")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return parse_env(content, ("render",)), "render"
    try:  # an object becomes a tuple of its pairs, so that a name given twice is seen; a number stays text
        found = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=tuple,
            parse_int=str,
            parse_float=str,
            parse_constant=str,
        )
    except (ValueError, RecursionError):
        raise BadInput.at(place, "looks like JSON and cannot be parsed") from None
    if isinstance(found, list):
        # Of Render's list each entry is {"envVar": {"key": …, "value": …}} or the inner object.
        fields = [dict(one) if isinstance(one, tuple) else {} for one in found]
        inner = [dict(one["envVar"]) if isinstance(one.get("envVar"), tuple) else one for one in fields]
        found = [(one.get("key"), one.get("value", ...)) for one in inner]
    return with_oddities(_line(number, *pair) for number, pair in enumerate(found, 1)), ""


def _line(number: int, name: Any, value: Any) -> EnvLine:
    """The line of an entry of the platform's JSON; one of another form is not understood."""
    if not isinstance(name, str) or not isinstance(value, str | bool | None):
        return EnvLine(number, "not understood", faults=("not-parsed",))
    return entry(number, name, str(value).lower() if isinstance(value, bool) else value or "")


def _read_file(path: Path, place: str) -> bytes:
    """The content of a file that the auditor names: anywhere, a pipe of the shell included."""
    with suppress(OSError, ValueError):
        may_be_read = (
            not path.exists() or path.is_file() or (path.is_fifo() and path.is_relative_to("/dev/fd"))
        )
        BadInput.unless(may_be_read, place, "is not a regular file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    raise BadInput.at(place, "names a file that does not exist or cannot be read")


# ---- Dates of secret stores ----


@dataclass(frozen=True)
class StoreExport:
    """What one export holds; each thing that cannot be used is a fault, and its content is never quoted."""

    dates: tuple[StoreDate, ...] = ()
    faults: Sequence[str] = ()
    holds_values: bool = False
    is_known: bool = True


def parse_store_export(content: bytes, secret: str = "") -> StoreExport:
    """The dates in the bytes of an export, whatever they are; `secret` names what the export does not."""
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return StoreExport(faults=["cannot be parsed as JSON"], is_known=False)
    entries = _entries(found)
    first = next(filter(None, entries), {})
    store = next((store for store in _STORES if store[0] <= first.keys()), None)
    if store is None:
        fault = "is not an export of a known store (docs/evidence.md#stores)"
        return StoreExport(faults=[fault] if entries else [], is_known=False)
    dates = [_date(store[1:], item, secret) for item in entries[:MOST]]
    faults = [f"entry #{number}: {one}" for number, one in enumerate(dates, 1) if isinstance(one, str)]
    if len(entries) > MOST:
        faults.insert(0, f"has more than {MOST:,} entries: the others are not read")
    # Of 1Password an item may have its fields with their values.
    fields = (one for item in entries if isinstance(item.get("fields"), list) for one in item["fields"])
    holds_values = any(isinstance(field, dict) and field.get("value") for field in fields)
    return StoreExport(tuple(one for one in dates if isinstance(one, StoreDate)), faults, holds_values)


def _entries(found: Any) -> list[dict[str, Any]]:
    """The entries of an export: of Vault the current version, of GitHub's API the secrets, else all.

    What is no object is an empty one.
    """
    whole = found if isinstance(found, dict) else {}
    data = whole.get("data")
    if isinstance(data, dict) and isinstance(data.get("versions"), dict):
        found = data["versions"].get(str(data.get("current_version")))
    elif isinstance(whole.get("secrets"), list):
        found = whole["secrets"]
    entries = found if isinstance(found, list) else [found]
    return [one if isinstance(one, dict) else {} for one in entries]


def _date(store: tuple[str, str, str, str], entry: dict[str, Any], secret: str) -> StoreDate | str:
    """The date of an entry, or why there is none."""
    kind, text, key, key_of_name = store
    if not entry:
        return "is not an object"
    if entry.get("destroyed") is True or entry.get("deletion_time"):
        return "its current version is deleted"
    name = secret or entry.get(key_of_name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "does not name a variable: say which with `secret`"
    try:
        return StoreDate(name, kind, parse_instant(str(entry.get(key)), ""), text)
    except BadInput:
        return f"{key} is not a time"


def read_store_dates(
    project: Project, given: tuple[GivenValues, ...]
) -> tuple[pd.DataFrame, tuple[GivenValues, ...]]:
    """`Sources` of the exports, and the dates that they and given ones hold; `origin` is the source.

    An export that is missing or faulty is a row, no exception; one with values in clear is refused.
    """
    rows = []
    dated = [replace(one, origin=place_of(one)) for one in given if one.dates]
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        for path in paths or [source.pattern]:
            columns, dates = _read_export(project, path, source.secret)
            place = (source.environment, source.service)
            rows.append(_row(path, "store export", place) | columns)
            dated.append(GivenValues(*place, path, b"", dates))
    return Sources.of(rows), tuple(dated)


def _read_export(project: Project, path: str, secret: str) -> tuple[dict[str, Any], tuple[StoreDate, ...]]:
    """The columns of `Sources` that a file decides, and its dates; none of a file with values in clear."""
    try:
        read = read_source(project.root, path, MAX_BYTES)
    except Unreadable as error:
        remedy = f"export the store's dates to {path} (docs/evidence.md#stores)"
        missing = {"reason": "no file matches", "remedy": remedy} if error.state == "missing" else {}
        return {"state": error.state, "reason": error.reason} | missing, ()
    export = parse_store_export(read.content, secret)
    if export.holds_values:
        clear = "holds values in clear: delete it, and export the dates alone (op item list --format json)"
        return read.facts | {"state": "refused", "reason": clear, "remedy": f"rm {path}"}, ()
    state = "read" if export.dates else "unreadable" if export.faults else "empty"
    reason = few(export.faults, 20, "; ", "; ")
    return read.facts | {"state": state, "reason": reason}, export.dates
