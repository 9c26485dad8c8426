"""The append-only record: what was seen, done and decided, in chains that show a change."""

from audit_lib.ledger.append import append as append, write_entry as write_entry
from audit_lib.ledger.chain import Chain as Chain, chain_files as chain_files, read_chain as read_chain
from audit_lib.ledger.entry import Draft as Draft, Entry as Entry
from audit_lib.ledger.read import (
    END_OF_TIME as END_OF_TIME,
    Ledger as Ledger,
    all_heads as all_heads,
    current_key_ids as current_key_ids,
    heads_of as heads_of,
    known_heads as known_heads,
    read_ledger as read_ledger,
)
