"""The append-only record: what was seen, done and decided, in chains that show a change."""

from audit_lib.ledger.chain import Draft, Entry, Ledger, all_heads, append, heads_of, read_ledger, write_entry

__all__ = ["Draft", "Entry", "Ledger", "all_heads", "append", "heads_of", "read_ledger", "write_entry"]
