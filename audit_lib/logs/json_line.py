"""The fields of a structured (JSON) log line, wherever the platform or the library put them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from audit_lib.logs.fields import parse_time
from audit_lib.logs.formats import JsonFields
from audit_lib.logs.templates import FIELDS

_TIME = re.compile(FIELDS["time"])
# Seconds, milliseconds, microseconds, nanoseconds since 1970, told apart by size (1973 to 5138).
_SCALES = ((1e8, 1e11, 1_000_000.0), (1e11, 1e14, 1_000.0), (1e14, 1e17, 1.0), (1e17, 1e20, 0.001))


@dataclass(frozen=True)
class Structured:
    """What a structured line names; empty where it names none."""

    time: str | float | None
    text: bytes
    status: int | None
    client: bytes
    method: bytes
    path: bytes
    level: bool

    def at(self, zone: ZoneInfo) -> int | None:
        """Microseconds since 1970 UTC, from ISO text or a number."""
        if isinstance(self.time, str):
            raw = self.time.encode("utf-8", "replace")
            return parse_time(raw, zone) if _TIME.fullmatch(raw) else None
        for low, high, scale in _SCALES:
            if self.time is not None and low <= self.time < high:
                return int(self.time * scale)
        return None


def json_fields(text: bytes, names: JsonFields) -> Structured | None:
    """The fields of one line; None where it is no JSON object."""
    try:
        record = json.loads(text.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    fields = dict(_labels(record, names)) | record
    status = str(_first(fields, names.status))
    return Structured(
        time=_first(fields, names.time),
        text=_bytes(_first(fields, names.text)),
        status=int(status) if re.fullmatch("[1-5][0-9][0-9]", status) else None,
        client=_bytes(_first(fields, names.client)),
        method=_bytes(_first(fields, names.method)),
        path=_bytes(_first(fields, names.path)),
        level=_first(fields, names.level) is not None,
    )


def _labels(record: dict[str, Any], names: JsonFields) -> Iterator[tuple[str, Any]]:
    """Labels as an object, or as a list of objects with name and value."""
    for name in names.labels:
        given = record.get(name)
        if isinstance(given, dict):
            yield from given.items()
        for label in given if isinstance(given, list) else ():
            if isinstance(label, dict) and isinstance(label.get("name"), str):
                yield label["name"], label.get("value")


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> Any:
    """The first of the named fields that holds text or a number."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return value
    return None


def _bytes(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
