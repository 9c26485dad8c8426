"""The append-only record: what was seen, done and decided, in chains that show a change."""

from audit_lib.ledger.append import append
from audit_lib.ledger.chain import Chain, chain_files, read_chain
from audit_lib.ledger.entry import KINDS, Draft, Entry
from audit_lib.ledger.read import END_OF_TIME, Ledger, all_heads, current_key_ids, read_ledger

__all__ = [
    "END_OF_TIME",
    "KINDS",
    "Chain",
    "Draft",
    "Entry",
    "Ledger",
    "all_heads",
    "append",
    "chain_files",
    "current_key_ids",
    "read_chain",
    "read_ledger",
]
