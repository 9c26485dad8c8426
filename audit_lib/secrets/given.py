"""What is given from outside the env files: values of `--env`, never stored, and dates of secret stores.

Values come as `--env ENVIRONMENT/SERVICE=FILE|-|environ`; dates in a store's export, which says when a value
was last written (docs/evidence.md#stores).
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import few
from audit_lib.logs.files import source_row
from audit_lib.secrets.env import MAX_BYTES, EnvLine, entry, is_binary, parse_env, with_oddities
from audit_lib.settings import ENVIRONMENTS, GivenValues, Policy, Project, StoreDate, environment_name

STDIN, ENVIRON = "-", "environ"
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
            rows.append(source_row(source, path, "store export", **columns))
            dated.append(GivenValues(source.environment, source.service, path, b"", dates))
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
