"""What an entry names beside its own chain: the project that it is of, and how far the other chains go."""

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.ledger.chain import Chain, chain_files, last_entry, read_chain
from audit_lib.ledger.entry import Draft, Entry, mac_holds
from audit_lib.secrecy.keeper import Key


@dataclass(frozen=True)
class Anchor:
    """The project's id (32 hexadecimal digits), and the head of each other chain, by writer."""

    project: str
    heads: Mapping[str, str] = field(default_factory=dict)


def anchor_of(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Anchor:
    """What the next entry of a writer names; only entries under the key count."""
    ends = {path.stem: last_entry(path) for path in chain_files(ledger_dir)}
    own = {name: end for name, end in ends.items() if end is not None and _is_under(key, end)}
    named = {end.project for end in own.values()} - {""}
    heads = {name: end.head for name, end in own.items() if name != writer}
    if writer in own and own[writer].project:
        named = {own[writer].project}
    if len(named) == 1:
        return Anchor(named.pop(), heads)
    # Nothing is written yet, the key changes, or the ends are of the first version, broken, or of several.
    chains = [read_chain(path) for path in chain_files(ledger_dir)]
    project = project_of(chains, key) or _before(chains, key, draft) or _new_id(key, draft, at, writer)
    return Anchor(project, {name: head for name, head in heads.items() if own[name].project in ("", project)})


def project_of(chains: Iterable[Chain], key: Key | None, known: Iterable[tuple[str, str]] = ()) -> str:
    """The id of the project that a ledger is of; "" if its entries name none.

    It is the one that goes with a head that is `known` (writer, "number:hash"), else the first one.
    """
    entries = [entry for chain in chains for entry in chain.entries if entry.project]
    entries = sorted((e for e in entries if key is None or _is_under(key, e)), key=attrgetter("order"))
    seen = set(known)
    remembered = (entry for entry in entries if (entry.writer, entry.head) in seen)
    first = next(remembered, entries[0] if entries else None)
    return first.project if first else ""


def _before(chains: Iterable[Chain], key: Key, draft: Draft) -> str:
    """The id that goes on from before a change of key, or from before entries named one.

    It is then taken from the first entry, so that all writers agree; "" if there is none.
    """
    left = draft.body["from_key_id"] if draft.kind == "key bridge" else ""
    entries = [e for chain in chains for e in chain.entries if e.key_id == left or _is_under(key, e)]
    first = min(entries, key=attrgetter("order"), default=None)
    return first.project or first.hash[:32] if first else ""


def _new_id(key: Key, draft: Draft, at: datetime, writer: str) -> str:
    first = json.dumps([writer, iso(at), draft.kind, draft.body], sort_keys=True)
    return hmac.digest(key.derive("project"), first.encode(), sha256).hex()[:32]


def _is_under(key: Key, entry: Entry) -> bool:
    return entry.key_id == key.key_id and mac_holds(key, entry)
