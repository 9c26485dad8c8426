"""The hits of a search as places of values: by form, without those that overlap another of the same value."""

from bisect import bisect_right
from dataclasses import dataclass

from audit_lib.secrecy.matcher import Hit

SHORTENED, WRAPPED, NAMED = "shortened", "wrapped", "beside its name"
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True)
class Place:
    """Where a value is, in which encoding, and whether as a whole: exact | truncated."""

    start: int
    end: int
    fingerprint: str
    encoding: str
    matched: str


def by_form(hits: list[Hit]) -> dict[str, list[Place]]:
    """The hits as places: exact ones of any encoding, shortened, wrapped, and those beside a name."""
    places: dict[str, list[Place]] = {"exact": [], SHORTENED: [], WRAPPED: [], NAMED: []}
    for hit in hits:
        fingerprint, form = hit.name.split(" ", 1)
        matched = "truncated" if form == SHORTENED else "exact"
        encoding = "plain" if form in (SHORTENED, NAMED) else form
        places[form if form in places else "exact"].append(
            Place(hit.start, hit.end, fingerprint, encoding, matched)
        )
    return places


def apart(places: list[Place]) -> list[Place]:
    """Without those that overlap one of the same value before them: UTF-16 reads in both byte orders."""
    ends: dict[str, int] = {}
    kept = []
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if place.start >= ends.get(place.fingerprint, 0):
            ends[place.fingerprint] = place.end
            kept.append(place)
    return kept


def outside(places: list[Place], exact: list[Place]) -> list[Place]:
    """Those that overlap no exact place of the same value, themselves apart."""
    whole: dict[str, list[Place]] = {}
    for place in exact:
        whole.setdefault(place.fingerprint, []).append(place)
    kept = []
    for place in apart(places):
        near = whole.get(place.fingerprint, [])
        before = bisect_right(near, place.end - 1, key=lambda other: other.start)
        if before == 0 or near[before - 1].end <= place.start:
            kept.append(place)
    return kept


def ends_there(data: bytes, place: Place) -> bool:
    """Whether no word goes on behind a place: the value is not the beginning of another."""
    return place.end >= len(data) or not {data[place.end - 1], data[place.end]} <= _WORD
