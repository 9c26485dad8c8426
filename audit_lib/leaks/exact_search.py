"""Searches content for known values: in every form, in parts, and weak ones beside their name."""

import hmac
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import BESIDE, MOST_HITS as MOST_PLACES, PART, Hit, Matcher
from audit_lib.secrecy.redact import MARK, WEAKEST_BITS, Redactor

__all__ = ["MOST_PLACES", "WEAKEST_BITS", "ExactSearch", "Found", "crowded"]

_OVERLAP = 1 << 16  # bytes that two pieces of a content share
_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, order=True)
class Found:
    """One place of a value within a content; `line` counts from 1, `start` in bytes from 0."""

    start: int
    line: int
    fingerprint: str
    encoding: str
    matched: str  # exact | truncated


class ExactSearch:
    """The values of some fingerprints, ready to be searched for. Shows and returns fingerprints only."""

    def __init__(
        self,
        keeper: Keeper,
        strong: Iterable[str],
        weak: Mapping[str, tuple[str, ...]],
        *,
        texts: Iterable[str] = (),
        whole: Iterable[str] = (),
    ) -> None:
        """Strong values are searched for by themselves, weak ones beside one of their names alone.

        The texts are names with a value, and are searched for as they are. Of those that are `whole` no
        part is searched for.
        """
        self._strong = frozenset(strong)
        self._weak = dict(weak)
        self._texts, self._whole = frozenset(texts), frozenset(whole)
        self._keeper = keeper
        self._key = keeper.key.derive("leak search")

    # Made on use: where nothing has changed since the last search, nothing is looked into.
    @cached_property
    def _matcher(self) -> Matcher:
        beside: dict[str, list[bytes]] = {name: [b""] for name in self._texts}
        for name, called in self._weak.items():
            beside.setdefault(name, []).extend(
                one.encode() + between for one in called for between in _BETWEEN
            )
        return Matcher.of(self._keeper, self._strong, self._strong - self._whole, beside=beside)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor.of(self._keeper, self._strong)

    @property
    def forms(self) -> int:
        """How many byte strings are searched for."""
        return self._matcher.forms

    @property
    def digest(self) -> str:
        """Names, under the key, what is searched for: another value gives another digest."""
        parts = [
            *sorted(self._strong),
            *(f"{key} {names}" for key, names in sorted(self._weak.items())),
            *sorted(self._texts),
            *sorted(self._whole),
        ]
        return hmac.digest(self._key, "\n".join(parts).encode(), sha256).hex()

    def meets(self, data: bytes) -> list[int]:
        """The places of values in a content."""
        return [hit.start for hit in self._matcher.find(data, 1 << 30)]

    def look(self, data: bytes) -> list[Found]:
        """Each occurrence of each value in one content, once, by position."""
        found = []
        line, counted = 1, 0
        for hit in self._matcher.find(data):
            if hit.form == BESIDE and not _ends_there(data, hit):
                continue
            line += data.count(b"\n", counted, hit.start)
            counted = hit.start
            encoding = "plain" if hit.form in (PART, BESIDE) else hit.form
            matched = "truncated" if hit.form == PART else "exact"
            found.append(Found(hit.start, line, hit.name, encoding, matched))
        return found

    def look_in_pieces(self, pieces: Iterable[bytes]) -> list[Found]:
        """As `look`, for a content that comes in pieces; what spans two pieces is found too."""
        found: set[Found] = set()
        carried, offset, lines = b"", 0, 0
        for piece in pieces:
            data = carried + piece if carried else piece
            for one in self.look(data):
                found.add(replace(one, start=one.start + offset, line=one.line + lines))
            cut = max(len(data) - _OVERLAP, 0)
            lines += data.count(b"\n", 0, cut)
            offset += cut
            carried = data[cut:]
        # A value cut by the end of a piece looks like a part there and is whole in the next.
        exact = {(one.start, one.fingerprint) for one in found if one.matched == "exact"}
        return sorted(
            one for one in found if one.matched == "exact" or (one.start, one.fingerprint) not in exact
        )

    def scrub(self, text: str) -> str:
        """A path, an author or a message without the values that it may itself hold."""
        clean = self._redactor.text(os.fsencode(text).decode("utf-8", "backslashreplace"))
        return clean.replace(MARK, "[secret]")


def crowded(found: Iterable[Found]) -> bool:
    """Whether a content holds so many places of one value that not all of them are listed."""
    counts = Counter(one.fingerprint for one in found)
    return any(count >= MOST_PLACES for count in counts.values())


def _ends_there(data: bytes, hit: Hit) -> bool:
    """Whether no word goes on behind a hit: the value is not the beginning of another."""
    return hit.end >= len(data) or not {data[hit.end - 1], data[hit.end]} <= _WORD
