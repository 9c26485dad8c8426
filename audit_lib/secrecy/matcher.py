"""Finds values in a content: in every form (SECURITY.md#forms), and any twelve characters of strong ones.

An Aho-Corasick automaton looks for a short part of each form; the form is compared where its part is found.
"""

import html
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self
from urllib.parse import quote, quote_plus, unquote_to_bytes

from ahocorasick_rs import BytesAhoCorasick

from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import WEAKEST_BITS, strength_bits

SHORTEST = 8  # characters, and bytes of a form: a shorter one is found by chance
WINDOW = 12  # characters of a strong value that are found wherever they stand

_INFLATED = 16 << 20  # bytes of a stream that is no file
_SCRIPT_SAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>'"}  # of JSON within a <script>
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_TAG = re.compile(rb"<[^<>]*>")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
# Ends of lines, soft hyphens, signs of no width, colour codes, and ends of strings in a list, as notebooks
# hold a text. Each begins with a byte that is known: the engine then skips all others.
_WRAPPED = re.compile(
    rb"\r\n[ \t]*|\n[ \t]*|\xad|\xc2\xad|\xe2\x80[\x8b-\x8d]|\x1b\[[0-?]*[ -/]*[@-~]"
    rb'|(?:\\r)?\\n[ \t]*|"\s{0,200},\s{0,200}"'
)
# A shorter run is found by the base64 forms, or holds less than a window.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")

PART = "part"  # the form of a hit that is a part of a value
BESIDE = "beside its name"
MOST_HITS = 1_000  # of one form of a value in one content that are listed
_HEAD = 32  # bytes by which a form is looked for
_STEP = 6  # any 12 bytes hold one of the parts of …
_PIECE = 7  # … so many bytes that begin at a multiple of the step
_PREFIX = re.compile(rb"(?:[A-Za-z]{2,8}[0-9]{0,2}[-_])+")  # with which all keys of a provider begin
_MOST_PARTS = 300_000  # bytes of all strong values together: of many long ones only the beginning
_AT_ONCE = 1 << 20  # bytes whose parts are listed at a time


def encode(text: str) -> bytes:
    """UTF-8, lone surrogates kept."""
    return text.encode("utf-8", "surrogatepass")


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes; no bytes twice, none under eight bytes, plain first."""
    plain, seen = encode(value), set[bytes]()
    every = [("plain", plain)]
    for name, written in _written(value, plain):
        every += [(name, encode(text)) for text in (written, *_dumped(written))]
    for before in range(3):  # the groups that hold bytes of the value alone, at each alignment
        groups = b64encode(plain[-before % 3 : len(plain) - (len(plain) + before) % 3])
        every += [("base64", groups), ("base64url", groups.translate(_URL_SAFE))]
    every += [("utf-16", value.encode(codec, "surrogatepass")) for codec in ("utf-16-le", "utf-16-be")]
    for name, form in every:
        if len(form) >= SHORTEST and form not in seen:
            seen.add(form)
            yield name, form


def _written(value: str, plain: bytes) -> Iterator[tuple[str, str]]:
    """What writers of texts make of a value; all of it may also be within a JSON text, as in a log."""
    escaped = html.escape(value)
    for text in _dumped(value):
        slashed, safe = text.replace("/", "\\/"), text.translate(_SCRIPT_SAFE)
        yield from (("json", form) for form in (text, slashed, safe))
    numeric = escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield from (("html", text) for text in (escaped, numeric, html.escape(value, quote=False)))
    yield from (("quoted", text) for text in (repr(value)[1:-1], repr(plain)[2:-1]))
    yield from (("quoted", value.replace("$", "$$")), ("quoted", value.replace("$", "\\$")))
    yield from (("reversed", value[::-1]), ("spaced", " ".join(value)))
    for text in (quote(plain, safe=""), quote(plain), quote_plus(plain)):
        small = (_PERCENT.sub(lambda found: found[0].lower(), text), text.lower()) if "%" in text else ()
        yield from (("url", form) for form in (text, *small))
    for digits in (plain.hex("-"), plain.hex("-").upper()):
        yield "hex", digits.replace("-", "")
        yield from (("escaped bytes", sign + digits.replace("-", sign)) for sign in ("\\x", "%"))
    yield from (("numbers", apart.join(map(str, plain))) for apart in (",", ", ", " "))
    yield from (("numbers", apart.join(map(hex, plain))) for apart in (", ", " "))


def _dumped(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


@dataclass(frozen=True, order=True)
class Hit:
    """A place of a value: data[start:end]."""

    start: int
    end: int
    name: str
    form: str  # as `forms` names it, PART, or that of a text


class Matcher:
    """Values of eight characters or more by name, compiled once and searched for from any thread."""

    def __init__(
        self,
        values: Mapping[str, str],
        strong: Iterable[str] = (),
        public: str = "",
        texts: Iterable[tuple[str, str, bytes]] = (),
    ) -> None:
        """Of strong values any 12 bytes that `public` lacks are found, too; texts, each with a name and the
        word for its form, as they are."""
        self._values = {name: value for name, value in values.items() if len(value) >= SHORTEST}
        # By the part that is looked for: name, form, content, and how many bytes of it stand before the part.
        known: dict[bytes, list[tuple[str, str, bytes, int]]] = defaultdict(list)
        whole = [(name, *form) for name, value in self._values.items() for form in forms(value)]
        for name, form, content in (*whole, *texts):
            known[content[:_HEAD]].append((name, form, content, 0))

        strong = [name for name in strong if name in self._values]
        most, open_text = max(_MOST_PARTS // max(1, len(strong)), 4 * WINDOW), encode(public)
        self.forms, self.runs = len(whole), 0
        for name in strong:
            content = encode(values[name])[:most]
            # Within a provider's prefix and less than eight bytes behind it every key is the same.
            prefix = _PREFIX.match(content)
            own = max(prefix.end() + SHORTEST - WINDOW, 0) if prefix else 0
            for at in range(own, len(content) - WINDOW + 1):
                if (window := content[at : at + WINDOW]) not in open_text:
                    first = -(-at // _STEP) * _STEP
                    known[content[first : first + _PIECE]].append((name, PART, window, first - at))
                    self.runs += 1
        self._parts = list(known.values())
        self._automaton = BytesAhoCorasick(list(known))
        self.contents = sorted({content for entries in self._parts for _, _, content, _ in entries})

    @classmethod
    def of(
        cls,
        keeper: Keeper,
        names: Iterable[str] | None = None,
        strong: Iterable[str] | None = None,
        public: str = "",
        *,
        beside: Mapping[str, Iterable[bytes]] = MappingProxyType({}),
    ) -> Self:
        """For values that the keeper holds: those named by fingerprint, or all that no text has by chance; of
        those in `beside` only behind one of these texts, such as `NAME=`."""
        held = dict(keeper.values())
        if names is None:
            names = [name for name, value in held.items() if strength_bits(value) >= WEAKEST_BITS]
        values = {name: held[name] for name in sorted(names)}
        texts = [(name, BESIDE, text + encode(held[name])) for name in beside for text in beside[name]]
        return cls(values, values if strong is None else sorted(strong), public, texts)

    def find(self, data: bytes, most: int = MOST_HITS) -> list[Hit]:
        """The places of each value in order, what overlaps as one; of each form no more than so many."""
        hits: set[Hit] = set()
        counts: Counter[tuple[str, str, bytes, int]] = Counter()
        for base in range(0, len(data), _AT_ONCE):
            some = data[base : base + _AT_ONCE + _HEAD]
            for number, at, _ in self._automaton.find_matches_as_indexes(some, overlapping=True):
                for known in self._parts[number]:
                    name, form, content, before = known
                    start = base + at - before
                    if counts[known] < most and start >= 0 and data.startswith(content, start):
                        counts[known] += 1
                        hits.add(Hit(start, start + len(content), name, form))
        merged: dict[str, list[Hit]] = defaultdict(list)
        for hit in sorted(hits):
            places = merged[hit.name]
            last = places.pop() if places and hit.start < places[-1].end else hit
            form = hit.form if last.form == PART else last.form
            places.append(Hit(last.start, max(last.end, hit.end), hit.name, form))
        return sorted(hit for places in merged.values() for hit in places)


def readings(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Pairs of a way of reading and what its readers see then: unescaped, unwrapped, decoded."""
    if b"<" in content or b"&" in content:
        for text in (_TAG.sub(b"", content), content):
            yield "HTML", html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "replace")
    yield "escapes", _ESCAPE.sub(lambda at: at[3] or encode(chr(int(at[1] or at[2], 16))), content)
    yield "URL", unquote_to_bytes(content)
    yield "CSV", content.replace(b'""', b'"')
    yield "joined lines", _WRAPPED.sub(b"", content)
    with suppress(zlib.error):  # a stream without a header by which it is known
        yield "zlib", zlib.decompressobj().decompress(content, _INFLATED)
    runs = (run.rstrip(b"=").translate(_STANDARD) for run in _BASE64.findall(content))
    decoded = [b64decode(run[: len(run) - (len(run) % 4 == 1)] + b"==") for run in runs]
    # Files one by one, since each may be packed in its own way; short texts together.
    yield from (("base64", part) for part in decoded if len(part) > 64 or part[:2] == b"\x1f\x8b")
    yield "base64", b"\n".join(decoded)
