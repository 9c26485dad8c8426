"""The dates in exports of secret stores: when a value was last written (docs/evidence.md#stores)."""

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.files import Unreadable, claimed_paths, read_source
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import few
from audit_lib.logs.files import source_row
from audit_lib.settings import EvidenceSource, GivenValues, Project, StoreDate

MOST = 10_000  # entries of one export
KIND = "store export"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MAX_BYTES = 2 * 1024 * 1024
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"


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
    for number, entry in enumerate(entries[:MOST], 1):
        try:
            export.holds_values |= _holds_value(entry)
            export.dates.append(_date(store, entry, secret))
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
        read = read_source(project.root, path, _MAX_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, ()
    export = parse_store_export(read.content, source.secret)
    if export.holds_values:
        return vars(read.facts) | {"state": "refused", "reason": _CLEAR, "remedy": f"rm {path}"}, ()
    state = "read" if export.dates else "unreadable" if export.faults else "empty"
    row = {"state": state, "reason": few(export.faults, 20, "; ", "; ")}
    return vars(read.facts) | row, tuple(export.dates)
