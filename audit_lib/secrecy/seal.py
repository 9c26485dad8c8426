"""Searches what is about to be published, packed and encoded as it may be, for every known value."""

import html
import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pandas as pd

from audit_lib.base.archives import Budget, kind_of, unpack
from audit_lib.base.errors import Refused
from audit_lib.secrecy.forms import SHORTEST, STRONG_BITS, WINDOW
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import PART, Matcher
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrecy.value_questions import component

SHOWN = 20  # hits
_INFLATED = 16 << 20  # bytes of a stream that is no file
_DEEPEST = 3  # encodings within each other
_SECRET_KINDS = ("secret", "unlisted")  # unlisted: named like a secret, and in no policy
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
)
_WRITTEN = re.compile(r"://|\s")
_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d([T ][\d:.Z+-]*)?")
_PACKAGE = Path(__file__).parents[1]
_TEXTS = (".py", ".toml", ".json", ".yml", ".j2", ".css", ".js")
_NOTEBOOKS = ("quarterly_review.ipynb", "incident.ipynb")
_TAG = re.compile(rb"<[^<>]*>")
# Each way begins with a byte that is known: the engine then skips all others, in a third of the time.
_WRAPPED = re.compile(rb"\r\n[ \t]*|\n[ \t]*|\xad|\xc2\xad|\xe2\x80[\x8b-\x8d]|\x1b\[[0-?]*[ -/]*[@-~]")
# A shorter run is found by the base64 forms, or holds less than a window.
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass(frozen=True)
class Classes:
    """The keeper's values, as fingerprints, by how they are searched for."""

    sealed: frozenset[str]  # strong, and secret by name or by shape: whole, and any 12 characters
    whole: frozenset[str]  # all others of eight characters or more: whole
    open: frozenset[str]  # short ones, dates, and what ordinary text holds: not at all
    not_searched: tuple[str, ...]  # names of secrets whose values are open
    ordinary: int  # how many other values are open
    names: Mapping[str, str]  # of each value the secret that has it
    public: str = field(repr=False)  # what a report may say anyway, such as names and formats


def classify(keeper: Keeper, inventory: pd.DataFrame, public: str) -> Classes:
    """The keeper's values by what they are, never by what the project's policy calls them: whoever writes
    the policy could else have one published. A secret under one name is one under every name.

    `public` is text that the report may hold anyway (policy, names): a weak value within it is not searched
    for, and neither are 12 characters that are in it, such as a key's public prefix.
    """
    known = inventory.dropna(subset=["fingerprint"])
    secret = known[known["kind"].isin(_SECRET_KINDS)]
    for flag in ("placeholder", "template"):
        secret = secret[~secret[flag].fillna(False)]
    named = frozenset(secret["fingerprint"])
    for whole in keeper.fingerprints():  # whatever the policy says that a URL is for
        keeper.part(whole, component("password"))
    held = frozenset(keeper.fingerprints())
    strong = {one for one in held if keeper.ask(one, strength_bits) >= STRONG_BITS}
    # What the inventory names and the keeper lacks stays in a class, so that the seal sees it is missing.
    sealed = {one for one in strong if one in named or keeper.ask(one, _looks_drawn)} | (named - held)
    said = public.casefold()

    def is_ordinary(value: str) -> bool:
        name = value.casefold()
        return len(value) < SHORTEST or bool(_DATE.fullmatch(value)) or name in said or name in _own_text()

    ordinary = {one for one in held - sealed if keeper.ask(one, is_ordinary)}
    weak = secret[secret["fingerprint"].isin(ordinary)]
    names = weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")"
    return Classes(
        sealed=frozenset(sealed),
        whole=held - sealed - ordinary,
        open=frozenset(ordinary),
        not_searched=tuple(sorted(set(names))),
        ordinary=len(ordinary - named),
        names=dict(zip(known["fingerprint"], known["secret"], strict=True)),
        public=public,
    )


def _looks_drawn(value: str) -> bool:
    """Whether a value was drawn rather than written: no address and no text, of which a part is ordinary."""
    return not _WRITTEN.search(value) and _GENERATED.search(value) is not None


@cache
def _own_text() -> str:
    """This program's own text, folded: a word in it is nobody's secret, but for the sample's values."""
    texts = [path for path in sorted(_PACKAGE.rglob("*")) if path.suffix in _TEXTS]
    texts = [path for path in texts if path.parent.name not in ("sample", "notebooks")]
    folders = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
    texts += [folder / name for folder in folders for name in _NOTEBOOKS if (folder / name).is_file()]
    return "\n".join(path.read_text("utf-8") for path in texts).casefold()


@dataclass(frozen=True)
class SealPlan:
    """What is searched for, in how many artefacts; of a search that was done also what it found."""

    values: int
    forms: int
    runs: int  # runs of 12 characters
    artefacts: int
    not_searched: tuple[str, ...]
    ordinary: int = 0  # other values that are not searched for
    hits: tuple[str, ...] = ()  # places, never values

    def statement(self, manifest: str = "MANIFEST.json") -> str:
        """What the report says: true of a published copy and of a run by hand alike."""
        parts = [
            f"`review` publishes this report only after a search of its {self.artefacts} artefacts for "
            f"{self.values} secret values in {self.forms} forms, and for {self.runs} runs of {WINDOW} "
            f"characters of them, with 0 hits. Treat a copy without {manifest} as unchecked."
        ]
        if self.not_searched:
            parts.append(
                "Not searched for, since they are too weak to be distinguished from ordinary text: "
                f"{', '.join(self.not_searched)}."
            )
        if self.ordinary:
            parts.append(
                f"Of the other values {self.ordinary} are not searched for: they are shorter than 8 "
                "characters, a date, or a part of this program's own text or of the policy's."
            )
        return " ".join(parts)


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> SealPlan:
    """What will be searched for, to be stated in the artefacts themselves.

    Raises:
        Refused: the keeper lacks a value that the inventory names: it would not be searched for.
    """
    if missing := sum(name not in keeper for name in classes.sealed | classes.whole):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    return _planned(_matcher(keeper, classes), classes, artefacts)


def _matcher(keeper: Keeper, classes: Classes) -> Matcher:
    return Matcher.of(keeper, classes.sealed | classes.whole, classes.sealed, classes.public)


def _planned(matcher: Matcher, classes: Classes, artefacts: int) -> SealPlan:
    values = len(classes.sealed | classes.whole)
    return SealPlan(values, matcher.forms, matcher.runs, artefacts, classes.not_searched, classes.ordinary)


def seal(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """The result of a search of a folder without a hit.

    Raises:
        Refused: a value is in an artefact, or one cannot be searched as a whole.
    """
    result = search(folder, keeper, classes)
    if result.hits:
        more = len(result.hits) - SHOWN
        shown = [*result.hits[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise Refused("\n".join([*shown, "nothing was published"]))
    return result


def search(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in the files of a folder, their names and all that is packed in them. Raises `Refused`."""
    paths = [path for path in folder.rglob("*") if not path.is_dir()]
    # Archives last: a file that was searched is not searched again as a copy in one.
    paths.sort(key=lambda path: (path.suffix == ".zip", path))
    return search_files({path.relative_to(folder).as_posix(): path for path in paths}, keeper, classes)


def search_files(files: Mapping[str, Path], keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in files, in the names that they have here, and in all that is packed in them.

    Raises:
        Refused: a file cannot be searched as a whole: packed too deep, too large, damaged, or in a container
            that is not opened.
    """
    matcher = _matcher(keeper, classes)
    seen: set[bytes] = set()
    hits: list[str] = []
    for number, (name, path) in enumerate(files.items(), start=1):
        in_name = matcher.find(name.encode("utf-8", "surrogateescape"), 1)
        hits += [f"the name of artefact {number}: {_called(hit, classes)}" for hit in in_name[:1]]
        shown = f"artefact {number}" if in_name else name
        for way, content in views(shown, path.read_bytes(), seen):
            found = {(hit.name, hit.form): hit for hit in reversed(matcher.find(content))}
            hits += [
                f"{shown}: {_called(hit, classes)}, at byte {hit.start} of its {way}"
                for hit in sorted(found.values())
            ]
    return replace(_planned(matcher, classes, len(files)), hits=tuple(hits))


def _called(hit: Any, classes: Classes) -> str:
    name = classes.names.get(hit.name)
    value = f"the value of {name}" if name else "a value"
    return f"{WINDOW} characters of {value}" if hit.form == PART else f"{value} as {hit.form}"


def views(name: str, data: bytes, seen: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """Pairs of a way of reading and what is then read, the bytes themselves first, no content twice.

    What was read is noted in `seen`: a copy of it is left out the next time.

    Raises:
        Refused: it cannot be searched as a whole.
    """
    budget = Budget()
    waiting: list[tuple[str, bytes, int]] = [("bytes", data, 0)]
    while waiting:
        way, content, depth = waiting.pop()
        if (digest := sha256(content).digest()) in seen:
            continue
        seen.add(digest)
        yield way, content
        faults: list[str] = []
        parts = [(part.path or "content", part.content) for part in unpack(content, faults, budget)]
        if faults:
            raise Refused(f"{name}: {faults[0]}")
        inner = [(f"member {path}", part, depth) for path, part in parts]
        if depth < _DEEPEST and (not parts or not kind_of(content)):
            inner += [(step, text, depth + 1) for step, text in _readings(content)]
        waiting += [
            (step if way == "bytes" else f"{way}, {step}", part, deeper)
            for step, part, deeper in inner
            if part and part != content
        ]


def _readings(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A text as its readers see it: unescaped, unwrapped, decoded."""
    if content.lstrip()[:1] in (b"{", b"["):
        with suppress(ValueError, RecursionError):  # of another kind: it was searched as it is
            yield "JSON", "\n".join(_strings(json.loads(content))).encode("utf-8", "surrogatepass")
    if b"<" in content or b"&" in content:
        for text in (_TAG.sub(b"", content), content):
            yield "HTML", html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "replace")
    yield "joined lines", _WRAPPED.sub(b"", content)
    if b"%" in content:
        yield "URL", unquote_to_bytes(content)
    if b'""' in content:
        yield "CSV", content.replace(b'""', b'"')
    decoded = []
    for found in _BASE64.finditer(content):
        run = found[0].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        run = run[: len(run) - (len(run) % 4 == 1)]
        decoded.append(b64decode(run + b"=" * (-len(run) % 4)))
    with suppress(zlib.error):  # a stream without a header by which it is known
        yield "zlib", zlib.decompressobj().decompress(content, _INFLATED)
    # Files one by one, since each may be packed in its own way; short texts together.
    yield from (("base64", part) for part in decoded if len(part) > 64 or part[:2] == b"\x1f\x8b")
    yield "base64", b"\n".join(decoded)


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from _strings(value)
    elif isinstance(node, list):
        # A notebook's text is a list of its lines.
        if node and all(isinstance(item, str) for item in node):
            yield "".join(node)
        for item in node:
            yield from _strings(item)
    elif isinstance(node, int | float):
        yield repr(node)
