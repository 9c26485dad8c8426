"""The append-only record: what was seen, done and decided, in chains that show a change."""

from audit_lib.ledger.chain import (
    Draft as Draft,
    Entry as Entry,
    Ledger as Ledger,
    all_heads as all_heads,
    append as append,
    heads_of as heads_of,
    read_ledger as read_ledger,
    write_entry as write_entry,
)
