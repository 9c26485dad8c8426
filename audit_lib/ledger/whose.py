"""Says of a text whose secret it is, by the ledger's fingerprints alone: it is compared, never stored."""

import re
from collections.abc import Iterable, Iterator
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
        fingerprint = keeper.fingerprint(candidate)
        if found := [tenure for tenure in every if tenure.fingerprint == fingerprint]:
            lines += _described(part, found, every)
    if lines:
        return Answer(True, tuple(dict.fromkeys(lines)))
    snapshots = ledger.of_kind("snapshot")
    if not snapshots or key.origin == "throw-away":
        return Answer(None, ("not known: the ledger has no snapshot to compare with",))
    first, last = (iso(snapshots[at].at) for at in (0, -1))
    older = [entry for entry in snapshots if entry.key_id != key.key_id]
    if older:
        alike = counted(len(snapshots) - len(older), "snapshot")
        keys = ", ".join(sorted({entry.key_id for entry in older}))
        under = f"{counted(len(older), 'snapshot')} under key {keys}, of {first} to {iso(older[-1].at)}"
        said = f"not known: {alike} under the present key did not see it"
        return Answer(None, (said, f"{under}, cannot be compared: it may be in them"))
    looks = counted(len(snapshots), "snapshot")
    said = f"not seen since the first snapshot of {first} ({looks}, the last of {last})"
    doubt = "it may still be a secret of yours: older, from a place that no snapshot covers, or cut short"
    return Answer(False, (said, doubt))


def candidates(text: str) -> Iterator[tuple[str, str]]:
    """The texts that may be the secret, each with what was taken of the given one; the plain one first."""
    plain = text.strip()
    forms = {"": plain}
    for name, pattern in (("the part after the name", _ASSIGNED), ("the token of the header", _SCHEME)):
        if found := pattern.fullmatch(plain):
            forms[name] = _unquoted(found[1].strip())
    forms |= {"without quotes": _unquoted(plain), "percent-decoded": unquote(plain)}
    for form in list(forms.values()):
        if (parts := url_parts(form)) and parts.password:
            forms.setdefault("the password of the URL", parts.password)
    taken: dict[str, str] = {"": ""}
    for part, candidate in forms.items():
        if taken.setdefault(candidate, part) == part and candidate:
            yield part, candidate


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] in "'\"`" and text[-1] == text[0]
    return text[1:-1] if quoted else text


def _described(part: str, found: list[Tenure], every: Iterable[Tenure]) -> Iterator[str]:
    if part:
        yield f"{part} is a secret of this project:"
    for tenure in sorted(found, key=lambda one: (one.gone is not None, one.home, one.first.at)):
        yield f"{tenure.home}: {_state(tenure, every)}"
    current = [tenure.home for tenure in found if tenure.gone is None]
    names = list(dict.fromkeys(home.secret for home in current))
    if len(names) > 1:
        yield f"{names[0]} equals {', '.join(names[1:])}: rotating one alone leaves the other exposed"
    if len({home.environment for home in current}) > 1:
        places = dict.fromkeys(f"{home.environment}/{home.service}" for home in current)
        yield f"one value is used in {', '.join(places)}: rotate all of them"


def _state(tenure: Tenure, every: Iterable[Tenure]) -> str:
    if tenure.gone is None:
        since = f"not before {iso(tenure.absent.at)}" if tenure.absent else "its start is not known"
        seen = f"in force at the last snapshot, {iso(tenure.last.at)} ({tenure.last.place})"
        return f"{seen}; seen since {iso(tenure.first.at)}, {since}"
    after = [one for one in every if one.home == tenure.home and one.first.place == tenure.gone.place]
    claim = after[0].claim if after else None
    how = f"retired by {claim.place}" if claim else f"retired, seen by {tenure.gone.place}"
    unrecorded = "" if claim else "; nobody recorded the rotation"
    return f"{how}, between {iso(tenure.last.at)} and {iso(tenure.gone.at)}{unrecorded}"
