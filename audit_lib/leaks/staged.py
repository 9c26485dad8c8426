"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.history import at_head, in_index
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sources import LARGEST, TOO_LARGE, Reading, Source, is_text, object_sources
from audit_lib.leaks.targets import shown_names, target_of
from audit_lib.leaks.values import Found, Values
from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import tenures
from audit_lib.ledger.whose import candidates
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS
from audit_lib.secrecy.strength import strength_bits

# What may be a value in a line: a text in quotes, what follows a name, a word, and parts of a word.
_WORDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"""(?=["'`]([^"'`]{8,512})["'`])""",
        r"""[=:]\s*(\S.{7,511})""",
        r"""(\S{8,512})""",
        r"""([\w.~+/=-]{8,512})""",
        r"""([\w-]{8,512})""",
    )
)
_NO_TEXT = f"is binary or over {LARGEST:,} bytes: values that the ledger alone knows were not searched for"
_EARLIER_KEY = "values that it saw only under an earlier key cannot be compared"
_Blobs = Mapping[str, list[str]]  # by id, with their paths


@dataclass(frozen=True, order=True)
class StagedHit:
    """A known value in staged content, by its place and its secret's name. Line 0 is the path itself."""

    path: str
    line: int
    secret: str
    known: str  # in force in …, or by what the value is known


@dataclass(frozen=True)
class StagedSearch:
    """What a search of the staged content gave."""

    files: int
    values: int  # how many known values were searched for
    hits: tuple[StagedHit, ...]
    left_out: tuple[NotSearched, ...]


def search_staged(
    root: Path,
    keeper: Keeper,
    targets: pd.DataFrame,
    ledger: Ledger,
    *,
    index: Path | None = None,
    rules: Rules | None = None,
) -> StagedSearch:
    """Every place of a known value in what the index holds and HEAD does not.

    Values at hand (LeakTargets) are found in every form and in archives. Of a value of the ledger only the
    fingerprint is known: it is found as a word or a text in quotes. Weak values and templates are left out.
    With `rules` what looks like a secret is found, too, unless its file held it before.
    Raises `GitFailed` where git cannot say what is staged.
    """
    head = _decoded(at_head(root))
    staged = _new(_decoded(in_index(root, index)), head)
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    values = Values(keeper, real)
    known = {row.fingerprint: (row.variable, _force(row.in_force)) for row in rows(real)}
    seen, earlier = _seen(ledger)
    reading = Reading()
    sources = list(object_sources(root, list(staged), reading))
    found = [one for source in sources for one in values.search(source, reading)]
    hits = {*_in_contents(found, staged, values, known), *_in_paths(staged, values, known)}
    only_seen = {mark: name for mark, name in seen.items() if mark not in known}
    for source in sources if only_seen else ():
        by_ledger = _by_ledger(source, keeper, only_seen, reading)
        hits |= {
            StagedHit(values.scrub(path), line, name, "seen by the ledger")
            for line, name in by_ledger
            for path in staged[source.origin.oid]
        }
    places = {(hit.path, hit.line) for hit in hits}
    held = keeper.fingerprints()
    old = _old_shapes(root, staged, head, rules) if rules else {}
    new = [one for source in sources if rules for one in _new_shapes(source, staged, old, rules, reading)]
    shown = shown_names({shape.name for *_, shape in new}, keeper, held)
    hits |= {hit for hit in _by_shape(new, values, shown) if (hit.path, hit.line) not in places}
    left_out = {
        NotSearched(path, one.reason)
        for one in reading.left_out
        for path in staged.get(one.place.removeprefix("git object "), [one.place])
    }
    left_out |= {NotSearched(path, "cannot be read") for oid in reading.missing for path in staged[oid]}
    left_out |= {NotSearched("ledger", _EARLIER_KEY)} if earlier else set()
    files = sum(map(len, staged.values()))
    return StagedSearch(files, len(known.keys() | seen.keys()), tuple(sorted(hits)), tuple(sorted(left_out)))


def _decoded(listed: Mapping[str, Collection[bytes]]) -> dict[str, list[str]]:
    return {oid: sorted(map(os.fsdecode, paths)) for oid, paths in listed.items()}


def _new(index: _Blobs, head: _Blobs) -> dict[str, list[str]]:
    """The blobs that the index holds at paths where HEAD holds another or none."""
    new = {oid: [path for path in paths if path not in head.get(oid, ())] for oid, paths in index.items()}
    return {oid: paths for oid, paths in new.items() if paths}


def _seen(ledger: Ledger) -> tuple[dict[str, str], bool]:
    """The secret of each fingerprint in the ledger; whether some are left out, being of an earlier key."""
    stays = tenures(ledger)
    ours = [stay for stay in stays if ":" not in stay.fingerprint]
    return {stay.fingerprint: stay.home.secret for stay in ours}, len(ours) < len(stays)


def _force(environments: str) -> str:
    return f"in force in {environments}" if environments else "not known to be in force"


def _in_contents(
    found: Iterable[Found], staged: _Blobs, values: Values, known: Mapping[str, tuple[str, str]]
) -> Iterator[StagedHit]:
    for one in found:
        if one.matched == "exact":
            inside = f"!{values.scrub(one.origin.member)}" if one.origin.member else ""
            for path in staged[one.origin.oid]:
                yield StagedHit(values.scrub(path) + inside, one.line, *known[one.fingerprint])


def _in_paths(staged: _Blobs, values: Values, known: Mapping[str, tuple[str, str]]) -> Iterator[StagedHit]:
    for path in sorted({path for paths in staged.values() for path in paths}):
        for one in values.look(os.fsencode(path)):
            if one.matched == "exact":
                yield StagedHit(values.scrub(path), 0, *known[one.fingerprint])


def _by_ledger(
    source: Source, keeper: Keeper, seen: Mapping[str, str], reading: Reading
) -> Iterator[tuple[int, str]]:
    """Line and secret of the words in a staged text whose fingerprints are those of the ledger."""
    content = source.open().read(LARGEST + 1)
    if len(content) > LARGEST or not is_text(content):
        reading.left_out.append(NotSearched(source.origin.name, _NO_TEXT))
        return
    judged: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for word in {found[1].strip(" \t;,") for pattern in _WORDS for found in pattern.finditer(line)}:
            if word not in judged:
                judged[word] = _name(word, keeper, seen)
            if judged[word]:
                yield number, judged[word]


def _name(word: str, keeper: Keeper, seen: Mapping[str, str]) -> str:
    """The secret whose value a word is; "" for any other word, and for one that texts hold by chance."""
    for _, candidate in candidates(word):
        name = seen.get(keeper.fingerprint(candidate), "")
        if name and strength_bits(candidate) >= WEAKEST_BITS:
            return name
    return ""


def _old_shapes(root: Path, staged: _Blobs, head: _Blobs, rules: Rules) -> dict[str, set[str]]:
    """By path the fingerprints of what HEAD holds there: no news to a commit, `leaks` lists it."""
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)}
    old: dict[str, set[str]] = {}
    for source in object_sources(root, list(before), Reading()):
        for text in _texts(source, Reading()):
            for path in before[source.origin.oid]:
                old.setdefault(path, set()).update(one.fingerprint for one in rules.find(text, (path,)))
    return old


def _new_shapes(
    source: Source, staged: _Blobs, old: Mapping[str, set[str]], rules: Rules, reading: Reading
) -> Iterator[tuple[str, int, Shape]]:
    """Path, line and shape of each secret that a commit would bring to what HEAD holds."""
    paths = staged[source.origin.oid]
    for text in _texts(source, reading):
        for shape in rules.find(text, paths):
            lines = Values(rules.keeper, target_of(shape.fingerprint, shape.rule, rules.keeper))
            line = next((one.line for one in lines.look(text)), 0)
            yield from ((path, line, shape) for path in paths if shape.fingerprint not in old.get(path, ()))


def _texts(source: Source, reading: Reading) -> Iterator[bytes]:
    if source.size > LARGEST:
        reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
        return
    yield from (text for content in source.contents(Reading()) if (text := content.text))


def _by_shape(
    new: Iterable[tuple[str, int, Shape]], values: Values, shown: Collection[str]
) -> Iterator[StagedHit]:
    """One hit for each line: under a name that may be shown, else under the rule that met it."""
    named: dict[tuple[str, int], str] = {}
    for path, line, shape in sorted(
        new, key=lambda one: (one[2].name not in shown, one[2].name, one[2].rule)
    ):
        name = shape.name if shape.name in shown else shape.rule
        named.setdefault((values.scrub(path), line), name)
    return (StagedHit(*place, name, "looks like a secret") for place, name in named.items())
