"""Instants that people and tools write: what is none is bad input, whatever it is."""

import pytest

from audit_lib.base.clock import LAST, iso, parse_instant
from audit_lib.base.errors import BadInput

NO_DATES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-01-01", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59", "9999-12-31", "", "soon",
)  # fmt: skip


def test_what_stands_for_no_date_is_none() -> None:
    """Zero times and the end of the calendar are bad input with its place, and end in no internal error."""
    for text in NO_DATES:
        with pytest.raises(BadInput, match=r"^here: must be a date"):
            parse_instant(text, "here")
    for text, ends in (("9999-12-31T23:59:59Z", LAST), ("2026-12-31T23:59:59Z",) * 2):
        assert iso(parse_instant(min(text, LAST), "ledger")) == ends
