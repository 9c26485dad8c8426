"""One sighting for each value, place, path, encoding and line of a file: the earliest, and how often."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Sighting:
    """One place where a value was seen: the columns of the Sightings contract, and in which content."""

    fingerprint: str
    matched: str
    place: str
    path: str
    line: int | None
    encoding: str
    content: str  # what was met: the same content at two commits is one occurrence
    commit: str = ""
    authored_at: datetime | None = None
    committed_at: datetime | None = None
    at_head: bool = False
    reachable: bool = False

    @property
    def age(self) -> tuple[datetime, datetime, str, int]:
        """Orders sightings from the earliest: by author time, then committer time, commit and line."""
        return (self.authored_at or _NEVER, self.committed_at or _NEVER, self.commit, self.line or 0)


def merged(sightings: Iterable[Sighting]) -> list[dict[str, Any]]:
    """Rows of the Sightings contract in a total order."""
    earliest: dict[tuple[str, ...], Sighting] = {}
    contents: dict[tuple[str, ...], set[str]] = {}
    for sighting in sightings:
        # In the history a line moves from commit to commit; in a file each is one to go to.
        line = "" if sighting.commit else str(sighting.line)
        key = (sighting.fingerprint, sighting.matched, sighting.place, sighting.path, sighting.encoding, line)
        earliest[key] = _merge(earliest[key], sighting) if key in earliest else sighting
        contents.setdefault(key, set()).add(sighting.content)
    return [_row(earliest[key], len(contents[key])) for key in sorted(earliest)]


def _merge(one: Sighting, other: Sighting) -> Sighting:
    first = min(one, other, key=lambda sighting: sighting.age)
    seen = one.at_head or other.at_head, one.reachable or other.reachable
    # A value has many sightings, and to replace none of their fields takes as long as to replace all.
    if seen == (first.at_head, first.reachable):
        return first
    return replace(first, at_head=seen[0], reachable=seen[1])


def _row(sighting: Sighting, occurrences: int) -> dict[str, Any]:
    row = {part.name: getattr(sighting, part.name) for part in fields(sighting) if part.name != "content"}
    return row | {"occurrences": occurrences}
