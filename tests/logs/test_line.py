"""One line as it is read: clients, routes, times, subjects, and what is never taken for a failure."""

from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.formats import SECRET_IN_URL, SHOWING_VALUES, load_formats
from audit_lib.logs.line import LINE_LIMIT, LineReader
from audit_lib.logs.times import WHOLE, parse_time
from audit_lib.logs.values import clean_route, mask_email
from tests.support.fakes import fake_value
from tests.support.log_lines import FORMATS, read_line

UTC = ZoneInfo("UTC")


CLIENTS = [
    ('{"status":401,"path":"/","ip":"::ffff:203.0.113.7:443"}', "203.0.113.7"),
    ('INFO:     203.0.113.7:52341 - "GET / HTTP/1.1" 401 Unauthorized', "203.0.113.7"),
    ('INFO:     203.0.113.7:0 - "GET / HTTP/1.1" 401 Unauthorized', "203.0.113.7"),
    ('INFO:     [2001:DB8::1]:5000 - "GET / HTTP/1.1" 401 Unauthorized', "2001:db8::1"),
    ('INFO:     2001:db8::0:1:5000 - "GET / HTTP/1.1" 401 Unauthorized', "2001:db8::1"),
    ('INFO:     ::ffff:203.0.113.7:5000 - "GET / HTTP/1.1" 401 Unauthorized', "203.0.113.7"),
    ('INFO:     None - "GET / HTTP/1.1" 401 Unauthorized', ""),
    ('INFO:      - "GET / HTTP/1.1" 401 Unauthorized', ""),
    ('INFO:     Proxy.Example.com:1 - "GET / HTTP/1.1" 401 Unauthorized', "(not an address)"),
    ('INFO:     <script>:1 - "GET / HTTP/1.1" 401 Unauthorized', "(not an address)"),
    ('2001:db8::1 - - [24/Nov/2026:13:50:34 +0000] "GET / HTTP/1.1" 401 1', "2001:db8::1"),
    ('{"client":"203.0.113.7:99","status":"401","path":"/"}', "203.0.113.7"),
    # Letters without end and a mark behind them: trying all ways to divide them would not end.
    (f'INFO:     {"a" * 250}!:80 - "GET / HTTP/1.1" 401 Unauthorized', "(not an address)"),
]


@pytest.mark.parametrize(("line", "client"), CLIENTS)
def test_a_client_is_an_address_without_its_port(line: str, client: str) -> None:
    """Ports, brackets and spellings go; what is no address does not enter a frame."""
    assert [(shown.kind, shown.client) for shown in read_line(line).events] == [("unauthorized", client)]


TIMES = [
    ('2025-10-26T14:03:22.123456Z INFO:     1.2.3.4:1 - "GET / HTTP/1.1" 401', "2025-10-26 14:03:22.123456"),
    ('2026-03-11 13:56:58,403 [INFO] 172.18.0.16:57368 - "GET / HTTP/1.1" 401', "2026-03-11 13:56:58.403"),
    ('[2024-05-28T09:57:26.466Z] [-] INFO: 1.2.3.4:1 - "GET / HTTP/1.1" 401', "2024-05-28 09:57:26.466"),
    ('2026-07-23 20:33:22 INFO:     172.20.0.1:62912 - "GET / HTTP/1.1" 401 Un', "2026-07-23 20:33:22"),
    ('2026-07-23 20:33:22+0200 INFO:     1.1.1.1:6 - "GET / HTTP/1.1" 401', "2026-07-23 18:33:22"),
    ('2026-07-23T20:33:22-05:30 - a.b - INFO - 1.1.1.1:6 - "GET / HTTP/1.1" 401', "2026-07-24 02:03:22"),
    ('1.1.1.1 - - [24/Nov/2026:13:50:34 +0100] "GET / HTTP/1.1" 401 0', "2026-11-24 12:50:34"),
    ('[4/Nov/2026 13:50:34] "GET / HTTP/1.1" 401 5', "2026-11-04 13:50:34"),
    ('Nov  4 2026 13:50:34.5: "GET / HTTP/1.1" 401 5', "2026-11-04 13:50:34.5"),
    ('{"time":"2026-11-24T13:50:34","status":401,"path":"/"}', "2026-11-24 13:50:34"),
    ('{"ts":1764000000,"status":401,"path":"/"}', "2025-11-24 16:00:00"),
    ('{"time":1764000000123,"status":401,"path":"/"}', "2025-11-24 16:00:00.123"),
    ('backend-1  | 2026-07-23T20:33:22Z INFO:     1.1.1.1:6 - "GET / HTTP/1.1" 401', "2026-07-23 20:33:22"),
]


# multilog counts from 2^62 on, ten seconds ahead of UTC, the audit from 1970: neither lacks a zone.
COUNTED = [
    ("@400000006a6f5c42075bca00 INFO: started", "2026-08-02 15:03:20.123456"),
    ("type=USER_END msg=audit(1785683000.123:7): pid=7 uid=0", "2026-08-02 15:03:20.123"),
]


@pytest.mark.parametrize(("line", "expected"), [*TIMES, *COUNTED])
def test_a_time_in_front_of_a_line_is_its_time(line: str, expected: str) -> None:
    """People put time before lines in many ways; each is read to the microsecond, in UTC."""
    is_counted = (line, expected) in COUNTED
    read = read_line(line, "Asia/Kathmandu" if is_counted else "UTC")
    assert [shown.kind for shown in read.events] == ([] if is_counted else ["unauthorized"])
    assert read.at == parse_time(f"{expected}Z".encode(), UTC)
    assert not is_counted or read.lacks == WHOLE


@pytest.mark.parametrize(
    ("zone", "wall", "utc"),
    [
        ("Europe/Berlin", b"2026-07-01 12:00:00", b"2026-07-01 10:00:00Z"),
        ("Europe/Berlin", b"2026-01-01 00:30:00,5", b"2025-12-31 23:30:00.5Z"),
        ("Europe/Berlin", b"2026-10-25 02:30:00", b"2026-10-25 00:30:00Z"),  # twice: the first
        ("Europe/Berlin", b"2026-07-01 12:00:00Z", b"2026-07-01 12:00:00Z"),
        ("Asia/Kathmandu", b"2026-07-01 12:00:00", b"2026-07-01 06:15:00Z"),
        *(
            ("UTC", none, None)
            for none in (
                b"2026-02-30 00:00:00",
                b"2026-00-10 00:00:00",
                b"2026-01-01 25:00:00",
                b"0001-01-01 00:00:00",
            )
        ),
    ],
)
def test_a_time_without_zone_is_one_of_its_source(zone: str, wall: bytes, utc: bytes | None) -> None:
    """A zone-less time is read in the source's zone; a zone in the line wins. No calendar has some."""
    assert parse_time(wall, ZoneInfo(zone)) == (parse_time(utc, UTC) if utc else None)


ROUTES = [
    (b"/api/positions?x=1", "/api/positions"),
    (b"/api/orders/12345/legs/2", "/api/orders/{id}/legs/{id}"),
    (b"/u/123e4567-e89b-12d3-a456-426614174000", "/u/{id}"),
    (b"/files/deadbeef01", "/files/{id}"),
    (b"/reports/2026-11-24", "/reports/{id}"),
    (b"/users/someone@example.com", "/users/{id}"),
    (b"/users/someone%40example.com/x", "/users/{id}/x"),
    (b"/api/%61uth/login", "/api/auth/login"),
    (b"/api/v1/secret-validation-results-of-today", "/api/v1/secret-validation-results-of-today"),
    (b"/x;jsessionid=1", "/x"),
    (b"http://evil.example/a/b?c", "/a/b"),
    (b"host.example:443", ""),
    (b"*", "*"),
    (b"/\xff\xe2\x80\xae", "/\ufffd\ufffd"),
    (b"/a" * 40, "/a" * 11 + "/{id}"),
    *(
        (f"/hook/{fake_value(f'path {number}', length)}".encode(), "/hook/{id}")
        for length in (20, 32, 43, 64)
        for number in range(50)
    ),
]


def test_a_route_is_a_path_without_what_names_one_thing() -> None:
    """Query, identifiers and tokens go, needless encoding too; what is left is printable."""
    assert [(path, route) for path, route in ROUTES if clean_route(path) != route] == []


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (b"someone@example.com", "s***@example.com"),
        (b"someone@Example.co.uk,", "s***@example.co.uk"),
        (b"not-an-address", "***"),
        (b"a@b", "***"),
        (b"", "***"),
    ],
)
def test_an_address_is_masked_and_anything_else_hidden(raw: bytes, masked: str) -> None:
    """Of an address first letter and domain stay; of what is none, nothing: it could be a password."""
    assert mask_email(raw) == masked
    assert read_line("Failed login attempt for: ").events[0].subject == ""  # nobody is named


STATES = [
    (b"", "blank"),
    (b"\r\n", "blank"),
    (b" \t\0\n", "blank"),
    (b"\x1b[0m\n", "blank"),
    (b"\xef\xbb\xbf\n", "blank"),
    (b"News aggregator failed to initialize\n", "not understood"),
    (b"\x01\n", "not understood"),
    (b"\xff\xfe\n", "not understood"),
    (b"x" * (LINE_LIMIT + 1), "not understood"),
    (b'INFO:     1.1.1.1:1 - "GET / HTTP/1.1" 401\rINFO: x\n', "not understood"),
    (b"10 %\r20 %\rINFO: done\n", "not understood"),
    (b'1.1.1.1 - - [01/Aug/2026:10:00:00 +0000] "GET / HTTP/1.1" 401 5 "-" "a\rb"\n', "request"),
    (b"INFO: Failed login attempt for: a\rb@example.com\n", "message"),
    (b'{"a": ', "not understood"),
    (b'{"a": }', "not understood"),
    (b"{" * 100_000 + b"}" * 100_000, "not understood"),
    (b"{}", "text only"),
    (b"INFO:     Started server process [1]", "text only"),
    (b"INFO:     Application startup failed. Exiting.", "message"),
    (b'INFO:     1.1.1.1:1 - "GET / HTTP/1.1" 200 OK', "request"),
]


@pytest.mark.parametrize(("raw", "state"), STATES)
def test_every_line_ends_in_one_state(raw: bytes, state: str) -> None:
    """Whatever bytes a line holds, it is read, not understood or blank."""
    assert read_line(raw).state == state


DIRT = [
    b'\xef\xbb\xbfINFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401 Unauthorized\n',
    b'INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401 Unauthorized\r\r\n',
    b'\x1b[32mINFO\x1b[0m:     1.1.1.1:1 - "\x1b[1mGET /a HTTP/1.1\x1b[0m" \x1b[31m401 Unauthorized\x1b[0m\n',
    b'\0\0\0INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 4\x0001 Unauthorized',
    b'INFO:     1.1.1.1:1 - "GET /a HTTP/1.1" 401 \xff\xfe\n',
]


@pytest.mark.parametrize("raw", DIRT)
def test_colours_nuls_and_line_ends_hide_no_failure(raw: bytes) -> None:
    """A failure is seen through what terminals, rotation and other systems leave in a line."""
    assert [(shown.kind, shown.client, shown.route) for shown in read_line(raw).events] == [
        ("unauthorized", "1.1.1.1", "/a")
    ]


NO_FAILURE = [
    '2026-11-24 13:50:31,687 - httpx - INFO - HTTP Request: GET http://a/ "HTTP/1.0 401 Unauthorized"',
    '2026-11-24 13:50:31,687 - app - ERROR - API error: 401 - {"fault":"Invalid Access Token"}',
    'INFO:     1.1.1.1:1 - "GET /?note=401%20Unauthorized HTTP/1.1" 200 OK',
    "2026-11-24 13:50:31,687 - app - INFO - GET /x HTTP/1.1 401 Unauthorized",
    "INFO:     connection rejected (403 Forbidden)",
]


@pytest.mark.parametrize("line", NO_FAILURE)
def test_what_only_speaks_of_401_is_no_failure(line: str) -> None:
    """Outbound calls, decoys in a query and text that quotes a status are not counted as failures."""
    assert {shown.kind for shown in read_line(line).events} <= {"notice", "other"}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('INFO:  1.1.1.1:1 - "WebSocket /ws?token=x" [accepted]', [("other", 101), ("notice", None)]),
        ('INFO:  1.1.1.1:1 - "WebSocket /ws" 403', [("forbidden", 403)]),
        ('INFO:  1.1.1.1:1 - "OPTIONS /api HTTP/1.1" 429 Too Many Requests', [("rate_limited", 429)]),
        ('{"status":true,"path":"/x","message":"m"}', []),
        ('{"message":"INFO: 1.1.1.1:1 - \\"GET / HTTP/1.1\\" 401 Unauthorized"}', [("unauthorized", 401)]),
        (
            '{"labels":[{"name":"statusCode","value":"401"},{"name":"path","value":"/"}]}',
            [("unauthorized", 401)],
        ),
    ],
)
def test_requests_in_other_shapes_are_counted_once(line: str, shown: list[tuple[str, int | None]]) -> None:
    """WebSockets, preflights and requests within a platform's export are one request each."""
    assert [(each.kind, each.status) for each in read_line(line).events] == shown


def test_a_secret_in_a_url_is_noted_by_its_name_alone() -> None:
    """The request is noted with the parameter's name; the value is nowhere."""
    value = fake_value("url")
    read = read_line(f'INFO:  1.1.1.1:1 - "GET /a?x=1&API_KEY={value} HTTP/1.1" 200 OK')
    assert [(shown.message, shown.subject) for shown in read.events] == [("", ""), (SECRET_IN_URL, "api_key")]
    assert value not in repr(read)


@pytest.mark.parametrize(
    ("name", "noted"),
    [
        ("API_TOKEN", "api_token"),
        ("session_token", "*token"),
        ("X-Api-Key", "*key"),
        ("clientSecret", "*secret"),
        ("new_password", "*password"),
        ("DATABASE_URL", "database_url"),
        ("keyboard", None),
        ("tokens", None),
        ("author", None),
    ],
)
def test_a_parameter_is_a_secrets_by_pattern_or_policy(name: str, noted: str | None) -> None:
    """What ends like a secret's name, or is a variable of the policy, is noted by what says so."""
    formats = load_formats(secrets=("DATABASE_URL",))
    line = f'INFO:  1.1.1.1:1 - "GET /a?x=1&{name}={fake_value(name)} HTTP/1.1" 200 OK'
    for event in read_line(line, formats=formats).events[1:]:
        assert (event.message, event.subject) == (SECRET_IN_URL, noted)
    assert (noted is not None) == (len(read_line(line, formats=formats).events) == 2)


@pytest.mark.parametrize(
    "template",
    [
        "  String should match [type=x, input_value='{}', input_type=str]",
        "pydantic_core._pydantic_core.ValidationError: 1 error [input_value='{}']",
        "pydantic_core._pydantic_core.ValidationError: input_value={}",
        "[input_value='{}']",
        "Failed login attempt for: {}",
        "2026-11-24 13:50:31,687 - app - ERROR - JWT validation error | error_msg={}",
        '{{"message":"x input_value={}"}}',
        "RuntimeError: {}",
    ],
)
def test_no_value_of_a_line_reaches_what_is_read(template: str) -> None:
    """Whatever a message says, only its kind and a name are kept; one that shows an input value is a leak."""
    value = fake_value("message")
    read = read_line(template.format(value))
    assert value not in repr(read)
    is_leak = bool({shown.message for shown in read.events} & set(SHOWING_VALUES))
    assert is_leak or not template.startswith(("[input_value", "pydantic_core"))


def _shown(line: str) -> tuple[list[tuple[str, str]], bool]:
    read = read_line(line)
    return [(event.kind, event.client) for event in read.events], read.at is not None


def test_a_reason_behind_a_text_counts_only_if_that_refuses_a_client() -> None:
    """An application's own login elsewhere that failed is a possible failure, however it is worded."""
    line = '{"time":"2026-11-24T13:50:34Z","msg":"%s","error":"password authentication failed"%s}'
    client = ',"remote_ip":"203.0.113.7"'
    assert _shown(line % ("Unauthorized", client))[0] == [("login_failed", "203.0.113.7")]
    assert _shown(line % ("Unauthorized", ""))[0] == [("possible_login_failure", "")]
    assert _shown(line % ("no database", client))[0] == [("possible_login_failure", "203.0.113.7")]
    assert (
        _shown(line.replace("password auth", "pass").replace("failed", "gone") % ("no page", client))[0] == []
    )


def test_each_record_of_a_line_counts_and_none_has_a_time_that_is_not_its_own() -> None:
    """Records of one minute have the first one's time; of more they are counted without one."""
    record = (
        '{"eventTime":"2026-11-24T13:%s:00Z","sourceIPAddress":"203.0.113.%d","eventName":"login.failed"}'
    )
    near = '{"Records":[' + ",".join((record % ("50", 7), record % ("50", 8), record % ("50", 7))) + "]}"
    clients = ["203.0.113.7", "203.0.113.8", "203.0.113.7"]
    assert _shown(near) == ([("login_failed", client) for client in clients], True)
    far = '{"Records":[' + record % ("50", 7) + "," + record % ("53", 8) + "]}"
    assert _shown(far) == ([("login_failed", client) for client in clients[:2]], False)
    assert _shown('{"message":"seen",' + near[1:]) == ([], False)
    many = '{"Records":[' + ",".join(["{}"] * 5_001) + "]}"
    assert read_line(many).state == "not understood"


def test_what_a_client_writes_is_a_line_only_if_nothing_stands_beside_it() -> None:
    """An object named data is read if the line is nothing else, and not beside a time, a text or a level."""
    inner = '"data":{"event":"user.login","success":false,"ip":"203.0.113.7","time":"2026-11-24T13:50:34Z"}}'
    assert _shown('{"log_id":"7",' + inner) == ([("login_failed", "203.0.113.7")], True)
    assert _shown('{"level":"info",' + inner)[0] == []
    assert _shown('{"message":"got",' + inner)[0] == []


@pytest.mark.parametrize(
    "template",
    [
        "worker exited with code {}",
        "Worker (pid:7) exited with code {}",
        "Failed password for root from 203.0.113.{} port 22 ssh2",
        "Failed password for root from 203.0.113.7 port 22 ssh{}",
        "%ASA-6-60500{}: Login denied from 203.0.113.7/4 to x",
        "login failed for x from 203.0.113.{}",
        "answered 40{} to x",
        "served /v{}/x in 0.1 s",
    ],
)
def test_lines_that_differ_in_digits_alone_are_each_read_as_their_own(template: str) -> None:
    """What a reader keeps of one line gives another no client, status or kind that it has not."""
    prefix, reader = "2026-11-24 13:50:3{},640 - app - INFO - ", LineReader(FORMATS, UTC)
    for digit in "0123456789":
        raw = (prefix.format(digit) + template.format(digit)).encode()
        assert reader.read(raw) == LineReader(FORMATS, UTC).read(raw)
