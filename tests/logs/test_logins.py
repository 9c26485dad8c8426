"""Declared logins: by status, by message, and by where a client goes after a redirect."""

from typing import Any

import pytest

from audit_lib.base.in_words import DECLARED
from audit_lib.settings import Login
from tests.support.log_lines import FORMATS, events_of, read_line, read_text, requests_of
from tests.support.paths import rows_beside

LOGINS = (
    Login("page", "POST", "/login/", (200,), succeeded_statuses=(302,)),
    Login("api", "POST", "/api/v1/login/access-token", (400, 401)),
    Login("by person", "PUT", "/people/{id}/session", (422,)),
    Login("parameter", "POST", "/auth/sign-in", failed_redirect="/?error_code"),
    Login("there and back", "POST", "/signin", failed_redirect="/signin", succeeded_redirect="/home"),
    Login("there and on", "POST", "/signin", failed_redirect="/signin", succeeded_redirect="/code"),
    Login("written", "POST", "/enter", failed_message="Could not let in"),
)
DECLARING = FORMATS.declaring((401, 403, 418), LOGINS)
CASES = rows_beside(__file__)
LINE = '{} - - [01/Aug/2026:10:{:02}:{:02} +0000] "{} HTTP/1.1" {} 17 "-" "x"'


@pytest.mark.parametrize(("request_line", "status", "kind"), CASES["answers"])
def test_a_declared_answer_is_a_failed_login(request_line: str, status: int, kind: str) -> None:
    """By method, route and status; letter case, a slash at the end and the host aside."""
    line = LINE.format("203.0.113.7", 0, 0, request_line, status)
    assert [event.kind for event in read_line(line, formats=DECLARING).events] == [kind]


@pytest.mark.parametrize(("line", "client"), CASES["messages"])
def test_a_declared_message_is_a_failed_login_of_its_address(line: str, client: str) -> None:
    """The address behind the most telling words is the client."""
    events = read_line(line, formats=DECLARING).events
    assert [(event.kind, event.client) for event in events] == [(DECLARED, client)]


def test_a_declared_message_takes_no_text_of_another_kind() -> None:
    """A phrase that a database failure holds leaves it one; no example of any message changes its kind."""
    line = "psycopg2.OperationalError: could not connect to server: no"
    phrase = Login("wide", "POST", "/x", failed_message="could not connect to server", added=True)
    assert read_line(line, formats=FORMATS.declaring((), (phrase,))).events[0].kind == "database_failure"
    for block in FORMATS.messages[::7]:
        for example in block.examples[:1]:
            plain, declared = (read_line(example, formats=formats).events for formats in (FORMATS, DECLARING))
            assert [event.kind for event in plain] == [event.kind for event in declared]


@pytest.mark.parametrize(("asked", "kind"), CASES["followed"])
def test_a_redirected_login_ended_where_the_client_went(asked: list[list[Any]], kind: str) -> None:
    """Within half a minute a browser follows; a client that does not may be a program. What another client
    asks for, or one that the log does not name, or a path without the declared parameter, settles nothing."""
    lines = [LINE.format(client, at // 60, at % 60, request, status) for client, request, status, at in asked]
    sums = read_text("\n".join(lines), DECLARING)
    assert requests_of(sums, "kind", "status")[kind, asked[0][2]] == 1
    assert sum(requests_of(sums, "status").values()) == len(lines)
    assert events_of(sums, "kind") == ([] if kind == "other" else [kind])
