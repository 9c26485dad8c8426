"""Finds values in every form (SECURITY.md#forms), and any twelve characters of strong ones; removes them."""

import html
import json
import re
import tomllib
import zlib
from base64 import b64decode, b64encode
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote, quote_plus, unquote_to_bytes

from ahocorasick_rs import BytesAhoCorasick, Implementation

from audit_lib.base.archives import kind_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import WEAKEST_BITS, strength_bits

SHORTEST = 8  # characters, and bytes of a form: a shorter one is found by chance
WINDOW = 12  # characters of a strong value that are found wherever they stand
_INFLATED = 16 << 20  # bytes of a stream that is no file
_SCRIPT_SAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "&<>'"}  # of JSON within a <script>
# The second makes standard base64 of any, and spaces of all other signs.
_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), re.sub(rb"[^\w+/]", b" ", bytes.maketrans(b"-_", b"+/"))
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|([\\/\"']))")
# Ends of lines, soft hyphens, signs of no width, colour codes, and ends of strings in a list.
_WRAPPED = re.compile(
    rb"\r\n[ \t]*|\n[ \t]*|\xad|\xc2\xad|\xe2\x80[\x8b-\x8d]|\x1b\[[0-?]*[ -/]*[@-~]"
    rb'|\\r\\n[ \t]*|\\n[ \t]*|"\s{0,200},\s{0,200}"'  # a branch that begins with a choice makes it slow
)
_ENTITY = re.compile(rb"&(?:#\d{1,4000}|#[xX][\dA-Fa-f]+|[A-Za-z][A-Za-z\d]{1,31});?")  # int() takes 4,300
PART = "part"  # the form of a hit that is a part of a value
BESIDE = "beside its name"
MOST_HITS = 1_000  # of one form of a value in one content that are listed
_HEAD = 16  # bytes by which a form is looked for
_PLAIN_ADDRESS = re.compile(r"https?://(?:[a-z]{0,15}\d{0,5}[.:/-])*[a-z]{0,15}\d{0,5}")  # short parts
_PREFIX = re.compile(rb"(?:[A-Za-z]{2,8}[0-9]{0,2}[-_])+")  # with which all keys of a provider begin
_MOST_PARTS = 300_000  # bytes of all strong values together: of many long ones only the beginning
_AT_ONCE = 1 << 20  # bytes whose parts are listed at a time
MARK = "[secret removed]"
Reading = tuple[str, bytes]  # a way of reading some bytes, and what is read so
DEEPEST = 100  # levels of a message: a display has a few
_LAYERS = 3  # encodings within each other
_HARMLESS = 3  # characters of a value that say nothing of it
_BASE64_END, _OPENING = re.compile(rb"[A-Za-z0-9+/_=-]{0,4}"), re.compile(r"""^(?:\\*["'`])?""")
_BESIDE = tomllib.loads(Path(__file__).with_name("beside_names.toml").read_text("utf-8"))
_VALUES = [
    re.compile("(?i)" + re.sub(r"\{([a-z]+)\}", lambda named: _BESIDE["fragments"][named[1]], place["value"]))
    for place in _BESIDE["place"]
]


def encode(text: str) -> bytes:
    """UTF-8, lone surrogates kept."""
    return text.encode("utf-8", "surrogatepass")


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Pairs of a form's name and its bytes; no bytes twice, none under eight bytes, plain first."""
    plain = encode(value)
    # At each alignment the groups that hold bytes of the value alone.
    groups = [b64encode(plain[-before % 3 : len(plain) - (len(plain) + before) % 3]) for before in range(3)]
    every = [
        ("plain", plain),
        *(
            (name, encode(form))
            for name, texts in _written(value, plain).items()
            for text in texts
            for form in (text, *_dumped(text))
        ),
        *(("base64", group) for group in groups),
        *(("base64url", group.translate(_URL_SAFE)) for group in groups),
        *(("utf-16", value.encode(codec, "surrogatepass")) for codec in ("utf-16-le", "utf-16-be")),
    ]
    named: dict[bytes, str] = {}
    for name, form in every:
        named.setdefault(form, name)
    yield from ((name, form) for form, name in named.items() if len(form) >= SHORTEST)


def _dumped(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _written(value: str, plain: bytes) -> dict[str, list[str]]:
    dumped, digits = _dumped(value), (plain.hex("-"), plain.hex("-").upper())
    escaped = (html.escape(value), html.escape(value, quote=False))
    urls = (quote(plain, safe=""), quote(plain), quote_plus(plain))
    return {
        "json": [*dumped, *(text.replace("/", "\\/") for text in dumped)]
        + [text.translate(_SCRIPT_SAFE) for text in dumped],
        "html": [*escaped, escaped[0].replace("&#x27;", "&#39;").replace("&quot;", "&#34;")],
        "quoted": [repr(value)[1:-1], repr(plain)[2:-1], value.replace("$", "$$"), value.replace("$", "\\$")],
        "reversed": [value[::-1]],
        "spaced": [" ".join(value)],
        "url": [*urls, *(url.lower() for url in urls if "%" in url)]
        + [re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), url) for url in urls],
        "hex": [text.replace("-", "") for text in digits],
        "escaped bytes": [sign + text.replace("-", sign) for text in digits for sign in ("\\x", "%")],
        "numbers": [apart.join(map(str, plain)) for apart in (",", ", ", " ")]
        + [apart.join(map(hex, plain)) for apart in (", ", " ")],
    }


def _runs(value: str, most: int) -> Iterator[bytes]:
    """Runs of 12 of the first bytes, 8 behind a prefix of all keys of a kind; of JSON none with a quote."""
    content = encode(value)[:most]
    own = max(prefix.end() + SHORTEST - WINDOW, 0) if (prefix := _PREFIX.match(content)) else 0
    is_json = "".join(value.split())[:2] in ('{"', '["', "[{")  # others have what is around its texts
    runs = (content[at : at + WINDOW] for at in range(own, len(content) - WINDOW + 1))
    yield from (run for run in runs if not (is_json and b'"' in run))


class Hit(NamedTuple):
    """A place of a value: data[start:end]."""

    start: int
    end: int
    name: str
    form: str  # as `forms` names it, PART, or that of a text


class Matcher:
    """Values of eight characters or more by name: a form is compared where its beginning is found."""

    most_in_table = 2_000  # beginnings: what is read fast takes 1 KB a sign, and a while to make

    def __init__(
        self,
        values: Mapping[str, str],
        strong: Iterable[str] = (),
        public: str = "",
        texts: Iterable[tuple[str, str, bytes]] = (),
    ) -> None:
        """Of strong values any 12 bytes that `public` lacks are found, too. Each of `texts` is the name of a
        value, the name of a form and its bytes."""
        self._values = {name: value for name, value in values.items() if len(value) >= SHORTEST}
        whole = [(name, *form) for name, value in self._values.items() for form in forms(value)]
        strong = [name for name in strong if name in self._values]
        most, said = max(_MOST_PARTS // max(1, len(strong)), 4 * WINDOW), encode(public)
        parts = [(name, PART, run) for name in strong for run in _runs(values[name], most) if run not in said]
        self.forms, self.runs = len(whole), len(parts)
        known: dict[bytes, list[tuple[str, str, bytes]]] = defaultdict(list)  # by what each begins with
        for entry in (*whole, *texts, *parts):
            known[entry[2][:_HEAD]].append(entry)
        self._entries = list(known.values())
        self._automaton = BytesAhoCorasick(
            list(known), implementation=Implementation.DFA if len(known) <= self.most_in_table else None
        )
        self.contents = sorted({content for entries in self._entries for _, _, content in entries})

    @classmethod
    def of(
        cls,
        keeper: Keeper,
        names: Iterable[str] | None = None,
        strong: Iterable[str] | None = None,
        public: str = "",
        beside: Mapping[str, Iterable[bytes]] | None = None,
    ) -> Self:
        """Of a keeper's values those named, or all that no text has by chance; some only `beside` a text."""
        held = dict(keeper.values())
        told = (name for name, value in held.items() if strength_bits(value) >= WEAKEST_BITS)
        values = {name: held[name] for name in sorted(told if names is None else names)}
        texts = [
            (name, BESIDE, one + encode(held[name])) for name, some in (beside or {}).items() for one in some
        ]
        parted = [name for name in values if not _PLAIN_ADDRESS.fullmatch(held[name])]
        return cls(values, parted if strong is None else sorted(strong), public, texts)

    def find(self, data: bytes, most: int = MOST_HITS) -> list[Hit]:
        """The places of each value in order, what overlaps as one; of each form no more than so many."""
        hits: set[Hit] = set()
        counts: dict[tuple[str, str, bytes], int] = defaultdict(int)
        for base in range(0, len(data), _AT_ONCE):
            some = data[base : base + _AT_ONCE + _HEAD]
            for number, at, _ in self._automaton.find_matches_as_indexes(some, overlapping=True):
                for entry in self._entries[number]:
                    if counts[entry] < most and data.startswith(entry[2], base + at):
                        counts[entry] += 1
                        hits.add(Hit(base + at, base + at + len(entry[2]), *entry[:2]))
        merged: dict[str, list[Hit]] = defaultdict(list)
        for hit in sorted(hits):
            places = merged[hit.name]
            last = places.pop() if places and hit.start < places[-1].end else hit
            places.append(
                (hit if last.form == PART else last)._replace(start=last.start, end=max(last.end, hit.end))
            )
        return sorted(hit for places in merged.values() for hit in places)


def _decoded(content: bytes) -> Iterator[Reading]:
    if b"<" in content or b"&" in content:
        for text in (re.sub(b"<[^<>]*>", b"", content), content):
            yield "HTML", _ENTITY.sub(lambda at: html.unescape(at[0].decode()).encode(), text)
    yield from {
        "escapes": _ESCAPE.sub(lambda at: at[3] or encode(chr(int(at[1] or at[2], 16))), content),
        "URL": unquote_to_bytes(content),
        "CSV": content.replace(b'""', b'"'),
        "joined lines": _WRAPPED.sub(b"", content),
    }.items()
    with suppress(zlib.error):  # a stream without a header by which it is known
        yield "zlib", zlib.decompressobj().decompress(content, _INFLATED)
    runs = (run for run in content.translate(_STANDARD).split() if len(run) >= 16)  # 12 bytes: a window
    parts = [b64decode(run[: len(run) - (len(run) % 4 == 1)] + b"==") for run in runs]
    # Files one by one, since each may be packed in its own way; texts together, too.
    yield from (("base64", part) for part in parts if len(part) > 64 or part[:2] == b"\x1f\x8b")
    yield "base64", b"\n".join(part for part in parts if len(part) <= 64 or not kind_of(part))


def readings(
    content: bytes, seen: set[bytes], members: Callable[[bytes], Iterable[Reading]] | None = None
) -> Iterator[Reading]:
    """Pairs of a way of reading and what is read so: the content, its members, and what is encoded in them up
    to three times. Nothing that is `seen` comes; what comes is, by its digest."""
    waiting = [("bytes", content, 0)]
    while waiting:
        way, data, depth = waiting.pop()
        if (digest := sha256(data).digest()) in seen:
            continue
        seen.add(digest)
        yield way, data
        inner = [(step, part, depth) for step, part in (members(data) if members else ())]
        # What is packed is no text that hides another one; nor, in what is shown, is a picture.
        if depth < _LAYERS and not (kind_of(data) if inner else not members and depth and b"\0" in data):
            inner += [(step, text, depth + 1) for step, text in _decoded(data)]
        above = "" if way == "bytes" else f"{way}, "
        waiting += [(above + step, part, deeper) for step, part, deeper in inner if part]


def redact_named(text: str) -> str:
    """The text without the values that stand beside the name of a secret, which nobody need know."""
    for pattern in _VALUES:
        text = pattern.sub(lambda at: f"{at[1]}{_OPENING.findall(at['value'])[0]}{MARK}", text)
    return text


class Redactor(Matcher):
    """A matcher that removes what it finds."""

    most_in_table = 0  # it reads little

    def text(self, text: str) -> str:
        """The text with `MARK` for each known value, in whatever form it is there.

        What still hides one in an encoding becomes the mark: a line, two lines, at last the whole text.
        """
        if not self._values or not text:
            return text
        redacted = self._without(data := encode(text), lambda size: MARK.encode())
        clean = text if redacted == data else redacted.decode("utf-8", "replace")
        if not self._hides_value(clean):
            return clean
        lines = clean.splitlines(keepends=True)
        for size, at in product((1, 2), range(len(lines))):
            some = lines[at : at + size]
            if self._hides_value("".join(some)):
                lines[at : at + size] = [MARK + line[len(line.rstrip("\r\n")) :] for line in some]
        return f"{MARK}\n" if self._hides_value("".join(lines)) else "".join(lines)

    def texts(self, texts: Collection[str]) -> dict[str, str]:
        """Those of many texts that hold a value, with what is left of each."""
        if self.text(together := "\n".join(texts)) == together:
            return {}
        return {text: clean for text in texts if (clean := self.text(text)) != text}

    def binary(self, data: bytes) -> bytes:
        """The bytes with known values overwritten, so that lengths and offsets stay."""
        return self._without(data, lambda size: b"*" * size)

    def tree(self, node: Any, depth: int = 0) -> Any:
        """A copy of a message's part without known values, keys too; a mark for what lies too deep."""
        if depth > DEEPEST:
            return MARK
        if isinstance(node, Mapping):
            return {self.tree(key, depth + 1): self.tree(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [self.tree(item, depth + 1) for item in node]
        if isinstance(node, bytes | bytearray | memoryview):
            return self.binary(bytes(node))
        text = node if isinstance(node, str) else repr(node)
        return clean if (clean := self.text(text)) != text else node

    def unfinished(self, data: bytes) -> int:
        """Where the longest end of some bytes starts that may go on as a value; their length if none may."""
        start, behind = (self._spans(data) or [(0, 0)])[-1]
        if start < behind == len(data):  # a part of a value, and the rest may follow
            return start
        for at in range(max(behind, len(data) - max(map(len, self.contents), default=0)), len(data)):
            following = bisect_right(self.contents, data[at:])
            if any(content.startswith(data[at:]) for content in self.contents[following : following + 1]):
                return at
        return len(data)

    def _without(self, data: bytes, mark: Callable[[int], bytes]) -> bytes:
        clean = bytearray(data)
        for start, end in reversed(self._spans(data)):
            clean[start:end] = mark(end - start)
        return bytes(clean)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        covered = bytearray(len(data))
        for hit in self.find(data, len(data)):
            start, end = hit.start, hit.end
            if hit.form.startswith("base64"):  # its groups at both ends hold bits of what is beside the value
                start -= len(_BASE64_END.findall(data[max(0, start - 4) : start][::-1])[0])
                end += len(_BASE64_END.findall(data[end : end + 4])[0])
            covered[start:end] = b"\1" * (end - start)
        return [found.span() for found in re.finditer(rb"\x01+", covered)]

    def _hides_value(self, text: str) -> bool:
        return any(self.find(read, 1) for _, read in readings(encode(text), set()))


class Tail:
    """The line of a stream that goes on, which is held back: a value may go on with it."""

    _held = ""

    def feed(self, redactor: Redactor, text: str) -> str:
        """What may go out: all whole lines so far."""
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        whole, self._held = self._held[:end], self._held[end:]
        return redactor.text(whole)

    def flush(self, redactor: Redactor, *, last: bool = False) -> str:
        """What was held back, but for an end that may begin a value: at last it goes out as the mark."""
        start = redactor.unfinished(data := encode(self._held))
        out, rest = (part.decode("utf-8", "replace") for part in (data[:start], data[start:]))
        self._held = "" if last else rest
        return redactor.text(out) + ("" if not last else MARK if len(rest) > _HARMLESS else rest)
