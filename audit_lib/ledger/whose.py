"""Says of a text whose secret it is, by the ledger's fingerprints alone: it is compared, never stored."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from audit_lib.base.bounded import url_parts
from audit_lib.base.clock import iso
from audit_lib.base.in_words import counted
from audit_lib.ledger.chain import Ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.secrecy.keeper import Keeper, Key

_ASSIGNED = re.compile(r"(?s)(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)")
_SCHEME = re.compile(r"(?is)(?:authorization:\s*)?(?:bearer|token|basic)\s+(\S+)")


@dataclass(frozen=True)
class Answer:
    """What is known of a text. `known` is None if there is nothing to compare with."""

    known: bool | None
    lines: tuple[str, ...]


def whose(text: str, ledger: Ledger, key: Key) -> Answer:
    """Whose secret the text is, in force where, retired when; or that no snapshot has seen it.

    The text is compared as it is, without quotes, `NAME=` or `Bearer`, percent-decoded, and, where it is a
    URL, by its password.
    """
    every, keeper = tenures(ledger), Keeper(key)
    lines: list[str] = []
    for part, candidate in candidates(text):
        held = [tenure for tenure in every if tenure.fingerprint == keeper.fingerprint(candidate)]
        held.sort(key=lambda tenure: (tenure.gone is not None, tenure.home, tenure.first.at))
        lines += [f"{part} is a secret of this project:"] if part and held else []
        lines += [f"{tenure.home}: {_state(tenure, every)}" for tenure in held]
        name, *others = dict.fromkeys(tenure.home.secret for tenure in held if not tenure.gone) or [""]
        also = f"{name} equals {', '.join(others)}: rotating one alone leaves the other exposed"
        lines += [also] if others else []
    if lines:
        return Answer(True, tuple(dict.fromkeys(lines)))
    snapshots = ledger.of_kind("snapshot")
    older = [entry for entry in snapshots if entry.key_id != key.key_id]
    if not snapshots or key.origin == "throw-away":
        return Answer(None, ("not known: the ledger has no snapshot to compare with",))
    first, last = iso(snapshots[0].at), iso(snapshots[-1].at)
    if older:
        alike = counted(len(snapshots) - len(older), "snapshot")
        keys = ", ".join(sorted({entry.key_id for entry in older}))
        under = f"{counted(len(older), 'snapshot')} under key {keys}, of {first} to {iso(older[-1].at)}"
        unseen = f"not known: {alike} under the present key did not see it"
        return Answer(None, (unseen, f"{under}, cannot be compared: it may be in them"))
    unseen = (
        f"not seen since the first snapshot of {first} ({counted(len(snapshots), 'snapshot')}, last {last})"
    )
    doubt = "it may still be a secret of yours: older, from a place that no snapshot covers, or cut short"
    return Answer(False, (unseen, doubt))


def candidates(text: str) -> Iterator[tuple[str, str]]:
    """The texts that may be the secret, each with what was taken of the given one; the plain one first."""
    plain = text.strip()
    forms = {"": plain}
    for name, pattern in (("the part after the name", _ASSIGNED), ("the token of the header", _SCHEME)):
        if assigned := pattern.fullmatch(plain):
            forms[name] = _unquoted(assigned[1].strip())
    forms |= {"without quotes": _unquoted(plain), "percent-decoded": unquote(plain)}
    for form in list(forms.values()):
        if (parts := url_parts(form)) and parts.password:
            forms.setdefault("the password of the URL", parts.password)
    first = {candidate: part for part, candidate in reversed(forms.items()) if candidate}
    yield from ((part, candidate) for part, candidate in forms.items() if first.get(candidate) == part)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "'\"`" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _state(tenure: Tenure, every: tuple[Tenure, ...]) -> str:
    if tenure.gone is None:
        since = f"not before {iso(tenure.absent.at)}" if tenure.absent else "its start is not known"
        seen = f"in force at the last snapshot, {iso(tenure.last.at)} ({tenure.last.place})"
        return f"{seen}; seen since {iso(tenure.first.at)}, {since}"
    after = (t.claim for t in every if t.home == tenure.home and t.first.place == tenure.gone.place)
    claim = next(after, None)
    how = f"retired by {claim.place}" if claim else f"retired, seen by {tenure.gone.place}"
    unrecorded = "" if claim else "; nobody recorded the rotation"
    return f"{how}, between {iso(tenure.last.at)} and {iso(tenure.gone.at)}{unrecorded}"
