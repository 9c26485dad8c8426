"""The dates in exports of secret stores: when a value was last written.

Shapes: `vault kv metadata get -format=json`; `gh api repos/OWNER/NAME/actions/secrets` and `gh secret list
--json name,updatedAt`; `op item list --format json` and `op item get`; Render's `/events`.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.settings import StoreDate

MOST = 10_000  # entries of one export
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NO_EXPORT = "is not an export of a known store (docs/evidence.md#stores)"


@dataclass(frozen=True)
class DatedPlace:
    """One date of a store, and of which environment and service it is."""

    environment: str
    service: str
    source: str
    date: StoreDate


@dataclass
class StoreExport:
    """What one export holds; each thing that cannot be used is a fault, and its content is never quoted."""

    dates: list[StoreDate] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    found: int = 0
    holds_values: bool = False


def is_store_export(content: bytes) -> bool:
    """Whether the bytes are one of the shapes, however faulty."""
    return _shape(_decoded(content)) is not None


def parse_store_export(content: bytes, secret: str = "") -> StoreExport:
    """The dates in the bytes of an export, whatever they are; `secret` names what the export does not."""
    export = StoreExport()
    found = _decoded(content)
    shape = _shape(found)
    if shape is None:
        export.faults.append("cannot be parsed as JSON" if found is None else _NO_EXPORT)
        return export
    read, entries = shape
    export.found = len(entries)
    if len(entries) > MOST:
        export.faults.append(f"has more than {MOST:,} entries: the others are not read")
    for number, entry in enumerate(entries[:MOST], 1):
        place = f"entry #{number}"
        if isinstance(entry, dict):
            export.dates += read(_Entry(entry, place, secret, export))
        else:
            export.faults.append(f"{place} is not an object")
    return export


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class _Entry:
    """One entry; what cannot be used of it becomes a fault of its export."""

    facts: dict[str, Any]
    place: str
    secret: str
    export: StoreExport

    def instant(self, *names: str) -> datetime | None:
        """The first of these fields as an instant; None, and a fault, if it is none."""
        value = next((self.facts[name] for name in names if name in self.facts), None)
        try:
            if not isinstance(value, str):
                raise BadInput.at("", "")
            return parse_instant(value, "")
        except BadInput:
            self.export.faults.append(f"{self.place}: {names[0]} is not a time")
            return None

    def named(self, text: Any) -> str | None:
        """The secret that the entry is of; None, and a fault, if neither it nor anybody names one."""
        if self.secret:
            return self.secret
        if isinstance(text, str) and _NAME.fullmatch(text):
            return text
        self.export.faults.append(f"{self.place} does not name a variable: say which with `secret`")
        return None


def _shape(found: Any) -> tuple[Callable[[_Entry], Iterator[StoreDate]], list[Any]] | None:
    """The reader of a shape and its entries; None for what is none of them."""
    data = found.get("data") if isinstance(found, dict) else None
    if isinstance(data, dict) and isinstance(data.get("versions"), dict):
        return _vault, [data]
    if isinstance(found, dict) and isinstance(found.get("secrets"), list):
        return _github, found["secrets"]
    entries = found if isinstance(found, list) else [found]
    first = next((entry for entry in entries if isinstance(entry, dict)), {})
    if {"vault", "title"} <= first.keys():
        return _one_password, entries
    if "name" in first and {"updatedAt", "updated_at"} & first.keys():
        return _github, entries
    if isinstance(first.get("event"), dict) or {"timestamp", "type", "details"} <= first.keys():
        return _render, entries
    return None


def _vault(entry: _Entry) -> Iterator[StoreDate]:
    """KV v2: the current version; that its value differs from the one before, metadata does not show."""
    version = entry.facts["versions"].get(str(entry.facts.get("current_version")))
    name = entry.named(None)
    if not isinstance(version, dict):
        entry.export.faults.append(f"{entry.place}: its current_version is not among its versions")
        return
    if version.get("destroyed") is True or version.get("deletion_time"):
        entry.export.faults.append(f"{entry.place}: its current version is deleted")
        return
    at = _Entry(version, entry.place, "", entry.export).instant("created_time")
    if at and name:
        text = f"version {entry.facts.get('current_version')} was written"
        yield StoreDate(name, "E13", None, at, text)


def _github(entry: _Entry) -> Iterator[StoreDate]:
    at, name = entry.instant("updated_at", "updatedAt"), entry.named(entry.facts.get("name"))
    if at and name:
        yield StoreDate(name, "E14", None, at, "the secret of GitHub Actions was last updated")


def _one_password(entry: _Entry) -> Iterator[StoreDate]:
    """An item: its concealed fields by their labels, else the item by its title."""
    listed = entry.facts.get("fields") or []
    if not isinstance(listed, list):
        entry.export.faults.append(f"{entry.place}: fields is not a list")
        return
    fields = [one for one in listed if isinstance(one, dict)]
    entry.export.holds_values |= any(one.get("value") for one in fields)
    concealed = [one.get("label") for one in fields if one.get("type") == "CONCEALED"]
    labels = [text for text in concealed if isinstance(text, str) and _NAME.fullmatch(text)]
    at = entry.instant("updated_at")
    named = None if labels and not entry.secret else entry.named(entry.facts.get("title"))
    for name in [named] if named else labels:
        if at:
            yield StoreDate(name, "E14", None, at, "the item was last updated")


def _render(entry: _Entry) -> Iterator[StoreDate]:
    """An event that says that variables were changed; it does not say which."""
    inner = entry.facts.get("event")
    facts = inner if isinstance(inner, dict) else entry.facts
    details = facts.get("details")
    trigger = details.get("trigger") if isinstance(details, dict) else None
    if isinstance(trigger, dict) and trigger.get("envUpdated") is True:
        at = _Entry(facts, entry.place, "", entry.export).instant("timestamp")
        if at:
            yield StoreDate(entry.secret, "E15", None, at, "a deploy followed a change of variables")
