"""Remembers how far each chain of a ledger went when this reviewer last wrote to it, outside the project."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from audit_lib.base.reviewer_state import recall, remember
from audit_lib.ledger.append import append
from audit_lib.ledger.entry import Draft, Entry
from audit_lib.ledger.read import all_heads
from audit_lib.secrecy.keeper import Key


@dataclass(frozen=True)
class KnownHeads:
    """The heads of a ledger as they were seen last, and the key that it was written under then."""

    key_id: str = ""  # "" if this reviewer never wrote to it
    heads: tuple[tuple[str, str], ...] = ()  # writer, "number:hash"


def known_heads(ledger_dir: Path) -> KnownHeads:
    """What is remembered of the ledger in this folder."""
    found = recall(_name(ledger_dir))
    heads = found.get("heads")
    if not isinstance(heads, dict):
        return KnownHeads()
    return KnownHeads(str(found.get("key_id", "")), tuple(sorted((str(w), str(h)) for w, h in heads.items())))


def heads_of(ledger_dir: Path, key: Key) -> tuple[tuple[str, str], ...]:
    """The heads that are remembered of a ledger, if it was written under this key then."""
    known = known_heads(ledger_dir)
    return known.heads if known.key_id == key.key_id else ()


def write_entry(ledger_dir: Path, key: Key, draft: Draft, at: datetime, writer: str) -> Entry:
    """The entry that `append` writes; how far every chain goes that the key vouches for is remembered."""
    entry = append(ledger_dir, key, draft, at, writer)
    _remember_heads(ledger_dir, key)
    return entry


def _remember_heads(ledger_dir: Path, key: Key) -> None:
    """Remember the heads of a ledger that was written under a key of one's own."""
    if key.origin == "file":
        known = dict(known_heads(ledger_dir).heads)
        remember(_name(ledger_dir), {"key_id": key.key_id, "heads": known | all_heads(ledger_dir, key)})


def _name(ledger_dir: Path) -> str:
    place = str(ledger_dir.resolve()).encode("utf-8", "surrogateescape")
    return f"ledger-{blake2b(place, digest_size=16).hexdigest()}"
