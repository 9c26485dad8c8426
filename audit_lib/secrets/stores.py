"""The dates in exports of secret stores: when a value was last written.

Exports of `vault kv metadata get -format=json`; `gh api repos/OWNER/NAME/actions/secrets` and `gh secret list
--json name,updatedAt`; `op item list --format json` and `op item get`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.settings import StoreDate

MOST = 10_000  # entries of one export
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NO_EXPORT = "is not an export of a known store (docs/evidence.md#stores)"
_Facts = dict[str, Any]
_Reader = Callable[[_Facts, str], list[StoreDate]]


@dataclass
class StoreExport:
    """What one export holds; each thing that cannot be used is a fault, and its content is never quoted."""

    dates: list[StoreDate] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    found: int = 0
    holds_values: bool = False


def is_store_export(content: bytes) -> bool:
    """Whether the bytes are one of the known exports, however faulty."""
    return _recognised(_decoded(content)) is not None


def parse_store_export(content: bytes, secret: str = "") -> StoreExport:
    """The dates in the bytes of an export, whatever they are; `secret` names what the export does not."""
    found = _decoded(content)
    known = _recognised(found)
    if known is None:
        return StoreExport(faults=["cannot be parsed as JSON" if found is None else _NO_EXPORT])
    read, entries = known
    export = StoreExport(found=len(entries))
    if len(entries) > MOST:
        export.faults.append(f"has more than {MOST:,} entries: the others are not read")
    for number, entry in enumerate(entries[:MOST], 1):
        fields = entry.get("fields") if isinstance(entry, dict) else None
        inner = fields if isinstance(fields, list) else []
        export.holds_values |= any(one.get("value") for one in inner if isinstance(one, dict))
        try:
            if not isinstance(entry, dict):
                raise BadInput.at("", "is not an object")
            export.dates += read(entry, secret)
        except BadInput as error:
            export.faults.append(f"entry #{number}: {error.faults[0].text}")
    return export


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def _recognised(found: Any) -> tuple[_Reader, list[Any]] | None:
    """The reader of an export and its entries; None for what is no export."""
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
    return None


def _vault(facts: _Facts, secret: str) -> list[StoreDate]:
    """KV v2: the current version; that its value differs from the one before, metadata does not show."""
    version = facts["versions"].get(str(facts.get("current_version")))
    if not isinstance(version, dict):
        raise BadInput.at("", "its current_version is not among its versions")
    if version.get("destroyed") is True or version.get("deletion_time"):
        raise BadInput.at("", "its current version is deleted")
    text = f"version {facts['current_version']} was written"
    return [StoreDate(_named(None, secret), "E13", None, _instant(version, "created_time"), text)]


def _github(facts: _Facts, secret: str) -> list[StoreDate]:
    at, name = _instant(facts, "updated_at", "updatedAt"), _named(facts.get("name"), secret)
    return [StoreDate(name, "E14", None, at, "the secret of GitHub Actions was last updated")]


def _one_password(facts: _Facts, secret: str) -> list[StoreDate]:
    """An item: its concealed fields by their labels, else the item by its title."""
    listed = facts.get("fields") or []
    if not isinstance(listed, list):
        raise BadInput.at("", "fields is not a list")
    concealed = [one for one in listed if isinstance(one, dict) and one.get("type") == "CONCEALED"]
    labels = [one["label"] for one in concealed if _NAME.fullmatch(str(one.get("label")))]
    names = labels if labels and not secret else [_named(facts.get("title"), secret)]
    at = _instant(facts, "updated_at")
    return [StoreDate(name, "E14", None, at, "the item was last updated") for name in names]


def _instant(facts: _Facts, *names: str) -> datetime:
    """The first of these fields as an instant; `BadInput` if it is none."""
    value = next((facts[name] for name in names if name in facts), None)
    try:
        return parse_instant(str(value), "")
    except BadInput:
        raise BadInput.at("", f"{names[0]} is not a time") from None


def _named(text: Any, secret: str) -> str:
    """The secret that an entry is of; `BadInput` if neither it nor anybody names one."""
    if secret or (isinstance(text, str) and _NAME.fullmatch(text)):
        return secret or str(text)
    raise BadInput.at("", "does not name a variable: say which with `secret`")
