"""Logs that declare their columns: rows are read by them alone, and a header that lies names nobody."""

import pytest

from audit_lib.logs.line import MOST_CHANGES, UNDECLARED
from tests.support.log_lines import FORMATS, events_of, read_text
from tests.support.paths import rows_beside

CASES = rows_beside(__file__)
HEAD, ROWS, HEADERS = CASES["begin"], CASES["rows"], {"": "", **CASES["headers"]}
DEFAULT = HEADERS["default"]


def _read(text: str) -> dict[str, object]:
    """Who made the requests, and how many lines are not understood."""
    sums = read_text(text)
    return {"requests": events_of(sums, "client"), "not understood": sums.facts.states["not understood"]}


@pytest.mark.parametrize(("header", "row", "client"), CASES["read"])
def test_the_header_says_where_the_client_stands(header: str, row: str, client: str) -> None:
    """Other columns or another order are read as they are declared; without a header the default holds."""
    assert _read(HEAD + HEADERS[header] + ROWS[row]) == {"requests": [client], "not understood": 0}


def test_a_header_within_the_file_holds_from_there_on() -> None:
    """A server that is configured anew writes one; so does one that is started again, with the same."""
    names = ("default", "site", "site", "forwarded", "default")
    found = _read(HEAD + "".join(HEADERS[name] + ROWS[name] for name in names))
    assert found == {"requests": [f"203.0.113.{host}" for host in [7, 8, 8, 9, 7]], "not understood": 0}


@pytest.mark.parametrize(("header", "row"), CASES["not_read"])
def test_a_header_that_does_not_fit_its_rows_names_nobody(header: str, row: str) -> None:
    """Such a row is not understood, even if it would be read without the header."""
    assert _read(HEAD + HEADERS[header] + ROWS[row]) == {"requests": [], "not understood": 1}


@pytest.mark.parametrize("header", [
    "#Fields: date time s-ip cs-method cs-uri-stem\n",
    DEFAULT.replace("s-ip", "c-ip"),
    DEFAULT.replace("\n", " x" * 5000 + "\n"),
    "".join(f"#Fields: date time x-{number}\n" for number in range(MOST_CHANGES)) + DEFAULT,
])  # fmt: skip
def test_columns_that_tell_no_client_name_nobody(header: str) -> None:
    """One is missing or named twice, there are too many, or they change too often: no row is a request."""
    assert _read(HEAD + header + ROWS["default"])["requests"] == []


def test_a_log_that_does_not_begin_with_a_directive_declares_nothing() -> None:
    """What a client can write into another log changes nothing."""
    line = ROWS["access"]
    assert _read(line + HEADERS["swapped"] + line) == {"requests": ["203.0.113.7"] * 2, "not understood": 0}


def test_the_body_that_stands_for_undeclared_columns_is_there() -> None:
    """It is left out by its name where a file declares other columns."""
    assert UNDECLARED in {block.name for block in FORMATS.bodies}
