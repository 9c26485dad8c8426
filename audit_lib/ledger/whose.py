"""Says of a text whose secret it is, by the ledger's fingerprints alone: it is compared, never stored."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from audit_lib.base.clock import iso
from audit_lib.base.connection_url import url_parts
from audit_lib.base.in_words import counted
from audit_lib.ledger import Entry, Ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.secrecy.keeper import Keeper, Key

_ASSIGNED = re.compile(r"(?s)(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)")
_SCHEME = re.compile(r"(?is)(?:authorization:\s*)?(?:bearer|token|basic)\s+(\S+)")
_QUOTES = ("'", '"', "`")


@dataclass(frozen=True)
class Answer:
    """What is known of a text. `known` is None if there is no ledger to compare with."""

    known: bool | None
    lines: tuple[str, ...]


def whose(text: str, ledger: Ledger, key: Key) -> Answer:
    """Whose secret the text is, in force where, retired when; or that no snapshot has seen it.

    The text is compared as it is, without quotes, `NAME=` or `Bearer`, percent-decoded, and, where it is a
    URL, by its password.
    """
    snapshots, stays = ledger.of_kind("snapshot"), tenures(ledger)
    span = (snapshots[0], snapshots[-1]) if snapshots else None
    matched = {part: found for part, candidate in candidates(text) if (found := _held(candidate, stays, key))}
    if not matched and (span is None or key.origin == "throw-away"):
        return Answer(None, ("not known: the ledger has no snapshot to compare with",))
    older = [entry for entry in ledger.of_kind("snapshot") if entry.key_id != key.key_id]
    if not matched and older:
        return Answer(None, tuple(_not_compared(ledger, older)))
    if not matched and span:
        looks = len(ledger.of_kind("snapshot"))
        return Answer(
            False,
            (
                f"not seen since the first snapshot of {iso(span[0].at)}"
                f" ({looks} snapshots, the last of {iso(span[1].at)})",
                "this does not prove that it is not a secret of yours: it may be older, from a place that no"
                " snapshot covers, or cut short",
            ),
        )
    lines = [line for part, found in matched.items() for line in _told(part, found, stays)]
    return Answer(True, tuple(dict.fromkeys(lines)))


def _not_compared(ledger: Ledger, older: list[Entry]) -> Iterator[str]:
    """That some snapshots, or all, are under an earlier key."""
    alike = len(ledger.of_kind("snapshot")) - len(older)
    yield f"not known: {counted(alike, 'snapshot')} under the present key did not see it"
    keys = ", ".join(sorted({entry.key_id for entry in older}))
    span = f"of {iso(older[0].at)} to {iso(older[-1].at)}"
    yield f"{counted(len(older), 'snapshot')} under key {keys}, {span}, cannot be compared: it may be in them"


def candidates(text: str) -> Iterator[tuple[str, str]]:
    """The texts that may be the secret, each with what was taken of the given one; the plain one first."""
    plain = text.strip()
    forms = {"": plain}
    for name, pattern in (("the part after the name", _ASSIGNED), ("the token of the header", _SCHEME)):
        if found := pattern.fullmatch(plain):
            forms[name] = _unquoted(found[1].strip())
    forms["without quotes"] = _unquoted(plain)
    forms["percent-decoded"] = unquote(plain)
    for form in list(forms.values()):
        parts = url_parts(form)
        if parts is not None and parts.password:
            forms.setdefault("the password of the URL", parts.password)
    seen: set[str] = set()
    for part, candidate in forms.items():
        if candidate and candidate not in seen:
            seen.add(candidate)
            yield part, candidate


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _held(candidate: str, stays: Iterable[Tenure], key: Key) -> list[Tenure]:
    fingerprint = Keeper(key).fingerprint(candidate)
    return [stay for stay in stays if stay.fingerprint == fingerprint]


def _told(part: str, found: list[Tenure], stays: Iterable[Tenure]) -> Iterator[str]:
    if part:
        yield f"{part} is a secret of this project:"
    current = [stay for stay in found if stay.gone is None]
    for stay in sorted(found, key=lambda stay: (stay.gone is not None, stay.home, stay.first.at)):
        yield f"{stay.home}: {in_force(stay) if stay.gone is None else retired(stay, stays)}"
    names = list(dict.fromkeys(stay.home.secret for stay in current))
    if len(names) > 1:
        yield f"{names[0]} equals {', '.join(names[1:])}: rotating one alone leaves the other exposed"
    places = list(dict.fromkeys(f"{stay.home.environment}/{stay.home.service}" for stay in current))
    environments = {stay.home.environment for stay in current}
    if len(environments) > 1:
        yield f"one value is used in {', '.join(places)}: rotate all of them"


def in_force(stay: Tenure) -> str:
    """`in force at the last look of …`, since when at the earliest and at the latest."""
    since = f"not before {iso(stay.absent.at)}" if stay.absent else "its start is not known"
    return (
        f"in force at the last snapshot, {iso(stay.last.at)} ({stay.last.place});"
        f" seen since {iso(stay.first.at)}, {since}"
    )


def retired(stay: Tenure, stays: Iterable[Tenure]) -> str:
    """`retired between … and …`, and by which entry of the ledger."""
    assert stay.gone is not None
    after = [other for other in stays if other.home == stay.home and other.first.place == stay.gone.place]
    claim = after[0].claim if after else None
    how = f"retired by {claim.place}" if claim else f"retired, seen by {stay.gone.place}"
    unrecorded = "" if claim else "; nobody recorded the rotation"
    return f"{how}, between {iso(stay.last.at)} and {iso(stay.gone.at)}{unrecorded}"
