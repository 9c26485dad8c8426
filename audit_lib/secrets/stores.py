"""The dates in exports of secret stores: when a value was last written.

Exports of `vault kv metadata get -format=json`; `gh api repos/OWNER/NAME/actions/secrets` and `gh secret list
--json name,updatedAt`; `op item list --format json` and `op item get`.
"""

import json
import re
from collections.abc import Callable
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
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_MAX_BYTES = 2 * 1024 * 1024
_CLEAR = "holds values in clear: delete it, and export the dates alone (op item list --format json)"
_NO_EXPORT = "is not an export of a known store (docs/evidence.md#stores)"
_Facts = dict[str, Any]
_Reader = Callable[[_Facts, str], list[StoreDate]]


@dataclass
class StoreExport:
    """What one export holds; each thing that cannot be used is a fault, and its content is never quoted."""

    dates: list[StoreDate] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    holds_values: bool = False


def is_store_export(content: bytes) -> bool:
    """Whether the bytes are one of the known exports, however faulty."""
    return parse_store_export(content).faults not in (["cannot be parsed as JSON"], [_NO_EXPORT])


def parse_store_export(content: bytes, secret: str = "") -> StoreExport:
    """The dates in the bytes of an export, whatever they are; `secret` names what the export does not."""
    try:
        read, entries = _recognised(json.loads(content.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return StoreExport(faults=["cannot be parsed as JSON"])
    if read is None:
        return StoreExport(faults=[_NO_EXPORT])
    export = StoreExport()
    if len(entries) > MOST:
        export.faults.append(f"has more than {MOST:,} entries: the others are not read")
    for number, entry in enumerate(entries[:MOST], 1):
        try:
            if not isinstance(entry, dict):
                raise BadInput.at("", "is not an object")
            export.holds_values |= any(one.get("value") for one in _objects(entry.get("fields")))
            export.dates += read(entry, secret)
        except BadInput as error:
            export.faults.append(f"entry #{number}: {error.faults[0].text}")
    return export


def _objects(listed: Any) -> list[_Facts]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _recognised(found: Any) -> tuple[_Reader | None, list[Any]]:
    """The reader of an export and its entries; no reader for what is no export."""
    whole = found if isinstance(found, dict) else {}
    data = whole.get("data")
    if isinstance(data, dict) and isinstance(data.get("versions"), dict):
        return _read_vault, [data]
    if isinstance(whole.get("secrets"), list):
        return _read_github, whole["secrets"]
    entries = found if isinstance(found, list) else [found]
    first = next(iter(_objects(entries)), {})
    if {"vault", "title"} <= first.keys():
        return _read_one_password, entries
    return _read_github if "name" in first and {"updatedAt", "updated_at"} & first.keys() else None, entries


def _read_vault(facts: _Facts, secret: str) -> list[StoreDate]:
    """KV v2: the current version; that its value differs from the one before, metadata does not show."""
    version = facts["versions"].get(str(facts.get("current_version")))
    if not isinstance(version, dict):
        raise BadInput.at("", "its current_version is not among its versions")
    if version.get("destroyed") is True or version.get("deletion_time"):
        raise BadInput.at("", "its current version is deleted")
    text = f"version {facts['current_version']} was written"
    return [_date("E13", text, secret, version, "created_time")]


def _read_github(facts: _Facts, secret: str) -> list[StoreDate]:
    at = "updated_at" if "updated_at" in facts or "updatedAt" not in facts else "updatedAt"
    return [
        _date("E14", "the secret of GitHub Actions was last updated", secret or facts.get("name"), facts, at)
    ]


def _read_one_password(facts: _Facts, secret: str) -> list[StoreDate]:
    """An item: its concealed fields by their labels, else the item by its title."""
    if not isinstance(facts.get("fields") or [], list):
        raise BadInput.at("", "fields is not a list")
    concealed = [one for one in _objects(facts.get("fields")) if one.get("type") == "CONCEALED"]
    labels = [one["label"] for one in concealed if _NAME.fullmatch(str(one.get("label")))]
    names = labels if labels and not secret else [secret or facts.get("title")]
    return [_date("E14", "the item was last updated", name, facts, "updated_at") for name in names]


def _date(kind: str, text: str, name: Any, facts: _Facts, column: str) -> StoreDate:
    """The date in a column; `BadInput` if it is none, or nobody says of which secret."""
    try:
        at = parse_instant(str(facts.get(column)), "")
    except BadInput:
        raise BadInput.at("", f"{column} is not a time") from None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BadInput.at("", "does not name a variable: say which with `secret`")
    return StoreDate(name, kind, None, at, text)


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
            rows.append(source_row(source, source.pattern, "store export", **missing))
        for path in paths:
            row, export = _read_export(project, source, path)
            rows.append(source_row(source, path, "store export", **row))
            dated.append(GivenValues(source.environment, source.service, path, b"", tuple(export.dates)))
    return Sources.of(rows), tuple(dated)


def _read_export(project: Project, source: EvidenceSource, path: str) -> tuple[dict[str, Any], StoreExport]:
    try:
        read = read_source(project.root, path, _MAX_BYTES)
    except Unreadable as error:
        return {"state": error.state, "reason": error.reason}, StoreExport()
    export = parse_store_export(read.content, source.secret)
    if export.holds_values:
        return vars(read.facts) | {
            "state": "refused",
            "reason": _CLEAR,
            "remedy": f"rm {path}",
        }, StoreExport()
    state = "read" if export.dates else "unreadable" if export.faults else "empty"
    return vars(read.facts) | {"state": state, "reason": few(export.faults, 20, "; ", "; ")}, export
