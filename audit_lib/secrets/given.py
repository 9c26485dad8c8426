"""What is given from outside the env files: values of `--env`, never stored, and dates of secret stores.

Values come as `--env ENVIRONMENT/SERVICE=FILE|-|environ`; dates in a store's export, which says when a value
was last written (docs/evidence.md#stores).
"""

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import few
from audit_lib.logs.files import source_row
from audit_lib.secrets.env import EnvLine, entry, is_binary, parse_env
from audit_lib.settings import (
    ENVIRONMENTS,
    EvidenceSource,
    GivenValues,
    Policy,
    Project,
    StoreDate,
    environment_name,
)

STDIN, ENVIRON = "-", "environ"
LIMIT_BYTES = 2 * 1024 * 1024
_FORM = "must have the form ENVIRONMENT/SERVICE[:SECRET]=FILE, =- (stdin) or =environ"
_OPTION = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})(?::([A-Za-z_]\w{0,127}))?=(.+)", re.DOTALL)
MOST = 10_000  # entries of one export
KIND = "store export"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"


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
            faults.extend(error.faults)
    places = Counter(place_of(one) for one in given if one.content or one.origin == ENVIRON)
    faults.extend(Fault(place, "is given twice") for place, count in places.items() if count > 1)
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
        raise BadInput.at("--env", f"{_FORM}, with ENVIRONMENT one of {', '.join(ENVIRONMENTS)}")
    _, service, secret, origin = found.groups()
    nothing = GivenValues(environment, service, origin, b"")
    if origin == ENVIRON:
        return nothing
    place = place_of(nothing)
    content = stdin.read(LIMIT_BYTES + 1) if origin == STDIN else _read_file(Path(origin), place)
    if len(content) > LIMIT_BYTES:
        raise BadInput.at(place, f"contains more than {LIMIT_BYTES:,} bytes")
    export = parse_store_export(content, secret or "")
    if export.is_known:
        if export.faults:
            raise BadInput(Fault(place, fault) for fault in export.faults)
        return GivenValues(environment, service, origin, b"", tuple(export.dates))
    given = GivenValues(environment, service, origin, content)
    if not any(line.name for line in given_lines(given)):
        raise BadInput.at(place, "contains no variable: it must be dotenv text or the platform's JSON")
    return given


def place_of(given: GivenValues) -> str:
    """The source of given values, as rows and faults name it."""
    return f"--env {given.environment}/{given.service}"


def given_lines(
    given: GivenValues, policy: Policy | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[EnvLine, ...]:
    """The lines of dotenv text, the entries of JSON, of `environ` the policy's names."""
    if given.origin == ENVIRON:
        names = {name for rule in (policy.secrets if policy else ()) for name in (rule.name, *rule.aliases)}
        return tuple(
            entry(at, name, environ[name]) for at, name in enumerate(sorted(names & environ.keys()), 1)
        )
    return parse_values(given.content, place_of(given))[0]


def parse_values(content: bytes, place: str) -> tuple[tuple[EnvLine, ...], str]:
    """The lines of dotenv text, read as the host's own box reads it, or the entries of JSON; the loader."""
    if is_binary(content):
        raise BadInput.at(place, "contains bytes that are not text")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return parse_env(content, ("render",)), "render"
    numbers: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), str)  # as written
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_Pairs, **numbers)
    except (ValueError, RecursionError):
        raise BadInput.at(place, "looks like JSON and cannot be parsed") from None
    pairs = found if isinstance(found, _Pairs) else map(_pair, found)
    return tuple(_line(number, *pair) for number, pair in enumerate(pairs, 1)), ""


def _read_file(path: Path, place: str) -> bytes:
    """The content of a file that the auditor names: anywhere, a pipe of the shell included."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not (stat.S_ISFIFO(kind) and path.is_relative_to("/dev/fd")):
            raise BadInput.at(place, "is not a regular file")
        with path.open("rb") as file:
            return file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError):
        raise BadInput.at(place, "names a file that does not exist or cannot be read") from None


class _Pairs(list[tuple[Any, Any]]):
    """A JSON object as its pairs, in order, so that a name given twice is seen."""


def _pair(item: object) -> tuple[Any, Any]:
    """Name and value of an entry of Render's list: {"envVar": {"key", "value"}} or the inner object."""
    inner = dict(item).get("envVar", item) if isinstance(item, _Pairs) else None
    pairs = dict(inner) if isinstance(inner, _Pairs) else {}
    return pairs.get("key"), pairs.get("value", ...)


def _line(number: int, name: Any, value: Any) -> EnvLine:
    """The line of an entry of the platform's JSON; one of another form is not understood."""
    if not isinstance(name, str) or not isinstance(value, str | bool | None):
        return EnvLine(number, "not understood", faults=("not-parsed",))
    return entry(number, name, str(value).lower() if isinstance(value, bool) else value or "")


# ---- Dates of secret stores ----


@dataclass(frozen=True)
class Store:
    """Where the entries of a store's export have a date, and what that dates."""

    kind: str  # of evidence
    text: str
    date: str  # the key of the date
    name: str = ""  # the key of the secret's name; "" if an entry does not name it
    marks: frozenset[str] = frozenset()  # keys by which an entry is known to be of this store


# Of Vault's KV v2 the current version. That its value differs from the one before, metadata does not show.
VAULT = Store("E13", "the current version was written", "created_time")
GITHUB = Store(
    "E14",
    "the secret of GitHub Actions was last updated",
    "updated_at",
    "name",
    frozenset({"name", "updated_at"}),
)
STORES = (
    Store(
        "E14", "the item was last updated", "updated_at", "title", frozenset({"vault", "title"})
    ),  # 1Password
    GITHUB,  # gh api repos/OWNER/NAME/actions/secrets
    replace(GITHUB, date="updatedAt", marks=frozenset({"name", "updatedAt"})),  # gh secret list --json
)


@dataclass
class StoreExport:
    """What one export holds; each thing that cannot be used is a fault, and its content is never quoted."""

    dates: list[StoreDate] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    holds_values: bool = False
    is_known: bool = True


def parse_store_export(content: bytes, secret: str = "") -> StoreExport:
    """The dates in the bytes of an export, whatever they are; `secret` names what the export does not."""
    try:
        store, entries = _recognised(json.loads(content.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return StoreExport(faults=["cannot be parsed as JSON"], is_known=False)
    if store is None:
        fault = "is not an export of a known store (docs/evidence.md#stores)"
        return StoreExport(faults=[fault], is_known=False)

    export = StoreExport()
    if len(entries) > MOST:
        export.faults.append(f"has more than {MOST:,} entries: the others are not read")
    for number, item in enumerate(entries[:MOST], 1):
        try:
            export.holds_values |= _holds_value(item)
            export.dates.append(_date(store, item, secret))
        except BadInput as error:
            export.faults.append(f"entry #{number}: {error.faults[0].text}")
    return export


def _recognised(found: Any) -> tuple[Store | None, list[Any]]:
    """The store that an export is of, and its entries; no store for what is not an export."""
    whole = found if isinstance(found, dict) else {}
    data = whole.get("data")
    if isinstance(data, dict) and isinstance(data.get("versions"), dict):
        return VAULT, [data["versions"].get(str(data.get("current_version")))]
    if isinstance(whole.get("secrets"), list):
        return GITHUB, whole["secrets"]
    entries = found if isinstance(found, list) else [found]
    first = next((one for one in entries if isinstance(one, dict)), {})
    return next((store for store in STORES if store.marks <= first.keys()), None), entries


def _holds_value(entry: Any) -> bool:
    """Whether a field of an item (of 1Password) has its value beside it."""
    fields = entry.get("fields") if isinstance(entry, dict) else None
    several = fields if isinstance(fields, list) else []
    return any(isinstance(one, dict) and one.get("value") for one in several)


def _date(store: Store, entry: Any, secret: str) -> StoreDate:
    """The date of an entry; `BadInput` if there is none, or nobody says of which secret."""
    if not isinstance(entry, dict):
        raise BadInput.at("", "is not an object")
    if entry.get("destroyed") is True or entry.get("deletion_time"):
        raise BadInput.at("", "its current version is deleted")
    try:
        at = parse_instant(str(entry.get(store.date)), "")
    except BadInput:
        raise BadInput.at("", f"{store.date} is not a time") from None
    name = secret or entry.get(store.name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput.at("", "does not name a variable: say which with `secret`")
    return StoreDate(name, store.kind, at, store.text)


def read_store_dates(
    project: Project, given: tuple[GivenValues, ...]
) -> tuple[pd.DataFrame, tuple[GivenValues, ...]]:
    """`Sources` of the exports, and the dates that they and given ones hold; `origin` is the source.

    An export that is missing or faulty is a row, no exception.
    """
    rows: list[dict[str, Any]] = []
    dated = [replace(one, origin=f"--env {one.environment}/{one.service}") for one in given if one.dates]
    for source, paths in claimed_paths(project.root, project.evidence_sources):
        if not paths:
            remedy = f"export the store's dates to {source.pattern} (docs/evidence.md#stores)"
            missing = {"state": "missing", "reason": "no file matches", "remedy": remedy}
            rows.append(source_row(source, source.pattern, KIND, **missing))
        for path in paths:
            row, dates = _read_export(project, source, path)
            rows.append(source_row(source, path, KIND, **row))
            dated.append(GivenValues(source.environment, source.service, path, b"", dates))
    return Sources.of(rows), tuple(dated)


def _read_export(
    project: Project, source: EvidenceSource, path: str
) -> tuple[dict[str, Any], tuple[StoreDate, ...]]:
    """The columns of `Sources` that a file decides, and its dates; none of a file with values in clear."""
    try:
        read = read_source(project.root, path, LIMIT_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, ()
    export = parse_store_export(read.content, source.secret)
    if export.holds_values:
        return read.facts | {"state": "refused", "reason": _CLEAR, "remedy": f"rm {path}"}, ()
    state = "read" if export.dates else "unreadable" if export.faults else "empty"
    row = {"state": state, "reason": few(export.faults, 20, "; ", "; ")}
    return read.facts | row, tuple(export.dates)
