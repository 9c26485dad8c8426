"""Logs that declare their columns: rows are read by them alone, and a header that lies names nobody."""

import pytest

from audit_lib.logs.line import MOST_CHANGES, UNDECLARED
from tests.support.log_lines import FORMATS, events_of, read_text

HEAD = "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2026-11-24 13:50:34\n"
DEFAULT = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent)"
    " cs(Referer) sc-status sc-substatus sc-win32-status time-taken\n"
)
# The client stands where the default has the server, and the server where it has the client.
SWAPPED = DEFAULT.replace("s-ip", "x").replace("c-ip", "s-ip").replace(" x ", " c-ip ")
SITE = DEFAULT.replace("s-ip", "s-sitename s-computername s-ip").replace("cs(User", "cs-version cs(User")
FORWARDED = "#Fields: date time c-ip cs-method cs-uri-stem sc-status X-Forwarded-For\r\n"
DEFAULT_ROW = "2026-11-24 13:50:34 192.0.2.1 POST /login - 443 - 203.0.113.7 curl/8 - 401 0 0 15\n"
SITE_ROW = (
    "2026-11-24 13:50:35 W3SVC1 WEB1 192.0.2.1 POST /login - 443 - 203.0.113.8 HTTP/2 curl/8 - 401 0 0 15\n"
)
FORWARDED_ROW = "2026-11-24 13:50:36 203.0.113.9 POST /login 401 198.51.100.1\r\n"
NOT_UNDERSTOOD = {"requests": [], "not understood": 1}


def _read(text: str) -> dict[str, object]:
    """Who made the requests, and how many lines are not understood."""
    sums = read_text(text)
    return {"requests": events_of(sums, "client"), "not understood": sums.facts.states["not understood"]}


@pytest.mark.parametrize(
    ("header", "row", "client"),
    [
        (DEFAULT, DEFAULT_ROW, "203.0.113.7"),
        (SWAPPED, DEFAULT_ROW, "192.0.2.1"),
        (SITE, SITE_ROW, "203.0.113.8"),
        (FORWARDED, FORWARDED_ROW, "203.0.113.9"),
        ("", DEFAULT_ROW, "203.0.113.7"),
    ],
)
def test_the_header_says_where_the_client_stands(header: str, row: str, client: str) -> None:
    """Other columns or another order are read as they are declared; without a header the default holds."""
    assert _read(HEAD + header + row) == {"requests": [client], "not understood": 0}


def test_a_header_within_the_file_holds_from_there_on() -> None:
    """A server that is configured anew writes one; so does one that is started again, with the same."""
    sites = (HEAD, SITE, SITE_ROW, SITE, SITE_ROW)
    parts = (HEAD, DEFAULT, DEFAULT_ROW, *sites, FORWARDED, FORWARDED_ROW, DEFAULT, DEFAULT_ROW)
    found = _read("".join(parts))
    hosts = [7, 8, 8, 9, 7]
    assert found == {"requests": [f"203.0.113.{host}" for host in hosts], "not understood": 0}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (SITE, DEFAULT_ROW),
        (DEFAULT, SITE_ROW),
        (FORWARDED, DEFAULT_ROW),
        (DEFAULT, DEFAULT_ROW.replace("203.0.113.7", "a.example.com")),
        (DEFAULT, DEFAULT_ROW.replace("401", "ok")),
        (DEFAULT, "2026-11-24 13:50:34 Login failed for x from 203.0.113.7\n"),
        (DEFAULT, '203.0.113.7 - - [24/Nov/2026:13:50:34 +0000] "POST /login HTTP/1.1" 401 17\n'),
    ],
)
def test_a_header_that_does_not_fit_its_rows_names_nobody(header: str, row: str) -> None:
    """Such a row is not understood, even if it would be read without the header."""
    assert _read(HEAD + header + row) == NOT_UNDERSTOOD


@pytest.mark.parametrize(
    "header",
    [
        "#Fields: date time s-ip cs-method cs-uri-stem\n",
        DEFAULT.replace("s-ip", "c-ip"),
        DEFAULT.replace("\n", " x" * 5000 + "\n"),
        "".join(f"#Fields: date time x-{number}\n" for number in range(MOST_CHANGES)) + DEFAULT,
    ],
)
def test_columns_that_tell_no_client_name_nobody(header: str) -> None:
    """One is missing or named twice, there are too many, or they change too often: no row is a request."""
    assert _read(HEAD + header + DEFAULT_ROW)["requests"] == []


def test_a_log_that_does_not_begin_with_a_directive_declares_nothing() -> None:
    """What a client can write into another log changes nothing."""
    line = '203.0.113.7 - - [24/Nov/2026:13:50:34 +0000] "POST /login HTTP/1.1" 401 17\n'
    assert _read(line + SWAPPED + line) == {"requests": ["203.0.113.7"] * 2, "not understood": 0}


def test_the_body_that_stands_for_undeclared_columns_is_there() -> None:
    """It is left out by its name where a file declares other columns."""
    assert UNDECLARED in {block.name for block in FORMATS.bodies}
