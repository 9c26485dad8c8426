"""Says of a text whose secret it is, by the ledger's fingerprints alone: it is compared, never stored."""

import re
from urllib.parse import unquote

from audit_lib.base.bounded import url_parts
from audit_lib.base.clock import iso
from audit_lib.base.in_words import counted
from audit_lib.ledger.chain import Ledger
from audit_lib.ledger.timeline import Tenure, tenures
from audit_lib.secrecy.keeper import Keeper, Key

_ASSIGNED = re.compile(r"(?s)(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)")
_SCHEME = re.compile(r"(?is)(?:authorization:\s*)?(?:bearer|token|basic)\s+(\S+)")
_QUOTED = re.compile(r"(?s)\A(['\"`])(.*)\1\Z")


def whose(text: str, ledger: Ledger, key: Key) -> tuple[str, ...]:
    """Whose secret the text is, a line for each place: in force since when, or retired when.

    A single line says that no snapshot has seen it, or that it is not known, and why it cannot be compared.
    """
    marks = {Keeper(key).fingerprint(candidate) for candidate in candidates(text)}
    held = [tenure for tenure in tenures(ledger) if tenure.fingerprint in marks]
    held.sort(key=lambda tenure: (tenure.gone is not None, tenure.home, tenure.first.at))
    snapshots = ledger.of_kind("snapshot")
    older = [entry for entry in snapshots if entry.key_id != key.key_id]
    if held:
        return tuple(map(_state, held))
    if not snapshots or key.origin == "throw-away":
        return ("not known: the ledger has no snapshot to compare with",)
    if older:
        under = f"{counted(len(older), 'snapshot')} under key {older[-1].key_id}"
        seen = f"of {iso(older[0].at)} to {iso(older[-1].at)}"
        return (f"not known: {under}, {seen}, cannot be compared; no later one has it",)
    unseen = f"not seen since the first snapshot of {iso(snapshots[0].at)} (last {iso(snapshots[-1].at)})"
    return (f"{unseen}: it may be older, of a place that no snapshot covers, or cut short",)


def candidates(text: str) -> tuple[str, ...]:
    """The texts that may be the secret: the whole one, then without `NAME=`, `Bearer` or quotes,
    percent-decoded, and the password of a URL."""
    plain = text.strip()
    found = (pattern.fullmatch(plain) for pattern in (_ASSIGNED, _SCHEME))
    forms = [plain, *(part[1].strip() for part in found if part)]
    forms += [_QUOTED.sub(r"\2", form) for form in forms]
    forms += [unquote(plain), *(parts.password for form in forms if (parts := url_parts(form)))]
    return tuple(dict.fromkeys(filter(None, forms)))


def _state(tenure: Tenure) -> str:
    if tenure.gone:
        when = f"between {iso(tenure.last.at)} and {iso(tenure.gone.at)}"
        return f"{tenure.home}: retired by {tenure.gone.place}, {when}"
    since = f"not before {iso(tenure.absent.at)}" if tenure.absent else "its start is not known"
    seen = f"in force at the last snapshot, {iso(tenure.last.at)} ({tenure.last.place})"
    return f"{tenure.home}: {seen}; seen since {iso(tenure.first.at)}, {since}"
