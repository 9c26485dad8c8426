"""Searches content for known values: in every form, shortened, wrapped, and weak ones beside their name."""

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain

from audit_lib.secrecy.forms import forms, shortened, wrapped_pieces
from audit_lib.secrecy.found_places import (
    NAMED,
    SHORTENED,
    WRAPPED,
    Place,
    apart,
    by_form,
    ends_there,
    outside,
)
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Hit, Matcher, value_matcher
from audit_lib.secrecy.readings import before_joining, join_lines, readings, unpacked
from audit_lib.secrecy.spelled import SpelledSearch, spelled_search
from audit_lib.secrecy.strength import strength_bits

WEAKEST_BITS = 40  # of a value that is searched for by itself; a guessable one is in other texts, too
MOST_PLACES = 1_000  # of one form of a value that are listed in one content, or one piece of it
_SPELLED, _PACKED = "byte by byte", "gzip in base64"
_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b'": "', b'":"', b"': '", b" = ", b' = "', b" = '")


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
        shortened copy is searched for.
        """
        self._strong = frozenset(strong)
        self._weak = dict(weak)
        self._texts, self._whole = frozenset(texts), frozenset(whole)
        self._keeper = keeper
        self._key = keeper.key.derive("leak search")

    # Made on use: where nothing has changed since the last search, nothing is looked into.
    @cached_property
    def _matcher(self) -> Matcher:
        return value_matcher(self._keeper, {*self._strong, *self._weak, *self._texts}, self._patterns)

    @cached_property
    def _spelled(self) -> SpelledSearch:
        return spelled_search(self._keeper, self._strong, _SPELLED)

    def _patterns(self, fingerprint: str, value: str) -> Iterator[tuple[str, bytes]]:
        if fingerprint in self._strong:
            for form, content in forms(value):
                yield f"{fingerprint} {form}", content
            for content in () if fingerprint in self._whole else shortened(value):
                yield f"{fingerprint} {SHORTENED}", content
            for content in wrapped_pieces(value):
                yield f"{fingerprint} {WRAPPED}", content
        if fingerprint in self._texts:
            yield f"{fingerprint} {NAMED}", value.encode("utf-8", "surrogatepass")
        for name in self._weak.get(fingerprint, ()):
            for between in _BETWEEN:
                yield (
                    f"{fingerprint} {NAMED}",
                    name.encode() + between + value.encode("utf-8", "surrogatepass"),
                )

    @property
    def forms(self) -> int:
        """How many byte strings are searched for."""
        return len(self._matcher) + len(self._spelled)

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
        """The places that are worth a look, every one; quick, for content that mostly holds nothing."""
        hits = chain(self._matcher.hits(data), self._spelled.sift(data))
        return [*(hit.start for hit in hits), *(place.start for place in self._packed(data))]

    def look(self, data: bytes) -> list[Found]:
        """Each occurrence of each value in one content, once, by position."""
        forms_met = by_form(self._hits(data))
        exact = apart([*forms_met["exact"], *self._packed(data)])
        found = [*exact, *outside(forms_met[SHORTENED], exact)]
        found += [hit for hit in forms_met[NAMED] if ends_there(data, hit)]
        if outside(forms_met[WRAPPED], exact):
            found += self._look_wrapped(data, exact)
        return _with_lines(data, found)

    def look_in_pieces(self, pieces: Iterable[bytes]) -> list[Found]:
        """As `look`, for a content that comes in pieces; what spans two pieces is found too."""
        found: set[Found] = set()
        overlap = max(4 * self._matcher.longest, self._spelled.reach, 1 << 16)
        carried, offset, lines = b"", 0, 0
        for piece in pieces:
            data = carried + piece if carried else piece
            for one in self.look(data):
                found.add(replace(one, start=one.start + offset, line=one.line + lines))
            cut = max(len(data) - overlap, 0)
            lines += data.count(b"\n", 0, cut)
            offset += cut
            carried = data[cut:]
        # A value cut by the end of a piece looks shortened there and whole in the next.
        exact = {(one.start, one.fingerprint) for one in found if one.matched == "exact"}
        return sorted(
            one for one in found if one.matched == "exact" or (one.start, one.fingerprint) not in exact
        )

    def scrub(self, text: str) -> str:
        """A path, an author or a message without the values that it may itself hold."""
        data = text.encode("utf-8", "surrogateescape")
        spans: list[list[int]] = []
        found = [(hit.start, hit.end) for hit in self._hits(data) if not hit.name.endswith(WRAPPED)]
        for start, end in sorted([*found, *((place.start, place.end) for place in self._packed(data))]):
            if spans and start <= spans[-1][1]:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([start, end])
        for start, end in reversed(spans):
            data = data[:start] + b"[secret]" + data[end:]
        clean = data.decode("utf-8", "backslashreplace")
        return "[secret]" if self._reads(clean) else clean

    def scrub_all(self, texts: Iterable[str]) -> dict[str, str]:
        """Those of many texts that `scrub` changes, with what it makes of them."""
        known = list(texts)
        together = "\n".join(known)
        if not (self.meets(together.encode("utf-8", "surrogateescape")) or self._reads(together)):
            return {}
        return {text: clean for text in known if (clean := self.scrub(text)) != text}

    def _reads(self, text: str) -> bool:
        """Whether a value stands in the text once it is unescaped."""
        return any(self.meets(one.encode("utf-8", "surrogatepass")) for one in readings(text))

    def _hits(self, data: bytes) -> list[Hit]:
        return [*self._matcher.find(data, MOST_PLACES), *self._spelled.find(data)]

    def _packed(self, data: bytes) -> list[Place]:
        return [
            Place(start, end, hit.fingerprint, f"{hit.encoding}, {_PACKED}", "exact")
            for start, end, inside in unpacked(data)
            for hit in apart(by_form(self._matcher.find(inside, MOST_PLACES))["exact"])
        ]

    def _look_wrapped(self, data: bytes, exact: list[Place]) -> list[Place]:
        joined, breaks = join_lines(data)
        places = []
        for hit in apart(by_form(self._matcher.find(joined, MOST_PLACES))["exact"]):
            start, end = before_joining(hit.start, breaks), before_joining(hit.end - 1, breaks) + 1
            if "base64" in hit.encoding:
                places.append(replace(hit, start=start, end=end, encoding=f"{hit.encoding}, wrapped"))
        return outside(places, exact)


def crowded(found: Iterable[Found]) -> bool:
    """Whether a content holds so many places of one value that not all of them are listed."""
    counts = Counter(one.fingerprint for one in found)
    return any(count >= MOST_PLACES for count in counts.values())


def strong_search(keeper: Keeper) -> ExactSearch:
    """The search for the values that texts of other people are rid of by `scrub`.

    A weak value, such as a user's name, occurs in texts by chance.
    """
    strong = [one for one in keeper.fingerprints() if keeper.ask(one, strength_bits) >= WEAKEST_BITS]
    return ExactSearch(keeper, strong, {})


def _with_lines(data: bytes, places: list[Place]) -> list[Found]:
    found = []
    line, counted = 1, 0
    for place in sorted(places, key=lambda place: (place.start, place.fingerprint, place.encoding)):
        line += data.count(b"\n", counted, place.start)
        counted = max(counted, place.start)
        found.append(Found(place.start, line, place.fingerprint, place.encoding, place.matched))
    return found
