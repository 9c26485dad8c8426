"""One line as it is read: clients, routes, times, subjects, and what is never taken for a failure."""

from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from audit_lib.logs.formats import SECRET_IN_URL, SHOWING_VALUES, load_formats
from audit_lib.logs.line import LINE_LIMIT, explain_line
from audit_lib.logs.times import WHOLE, parse_time
from audit_lib.logs.values import clean_route, mask_email
from tests.support.fakes import fake_value
from tests.support.log_lines import FORMATS, read_line
from tests.support.paths import rows_beside

UTC = ZoneInfo("UTC")
CASES, URLS = rows_beside(__file__), FORMATS.words["query"]
# Letters without end and a mark behind them: trying all ways to divide them would not end.
ENDLESS = (f'INFO:     {"a" * 250}!:80 - "GET / HTTP/1.1" 401 Unauthorized', "(not an address)")
LONG = [("x" * (LINE_LIMIT + 1), "not understood"), ("{" * 100_000 + "}" * 100_000, "not understood")]
TOKENS = [
    (f"/hook/{fake_value(f'path {number}', length)}", "/hook/{id}")
    for length in (20, 32, 43, 64)
    for number in range(50)
]


@pytest.mark.parametrize(("line", "client"), [*CASES["clients"], ENDLESS])
def test_a_client_is_an_address_without_its_port(line: str, client: str) -> None:
    """Ports, brackets and spellings go; what is no address does not enter a frame."""
    assert [(shown.kind, shown.client) for shown in read_line(line).events] == [("unauthorized", client)]


@pytest.mark.parametrize(("line", "expected"), CASES["times"] + CASES["counted"])
def test_a_time_in_front_of_a_line_is_its_time(line: str, expected: str) -> None:
    """People put time before lines in many ways; each is read to the microsecond, in UTC."""
    is_counted = [line, expected] in CASES["counted"]
    read = read_line(line, "Asia/Kathmandu" if is_counted else "UTC")
    assert [shown.kind for shown in read.events] == ([] if is_counted else ["unauthorized"])
    assert read.at == parse_time(f"{expected}Z".encode(), UTC)
    assert not is_counted or read.lacks == WHOLE


@pytest.mark.parametrize(("zone", "wall", "utc"), CASES["zones"])
def test_a_time_without_zone_is_one_of_its_source(zone: str, wall: str, utc: str) -> None:
    """A zone-less time is read in the source's zone; a zone in the line wins. No calendar has some."""
    assert parse_time(wall.encode(), ZoneInfo(zone)) == (parse_time(utc.encode(), UTC) if utc else None)


def test_a_route_is_a_path_without_what_names_one_thing() -> None:
    """Query, identifiers and tokens go, needless encoding too; what is left is printable."""
    assert [
        path for path, route in CASES["routes"] + TOKENS if clean_route(path.encode("latin-1")) != route
    ] == []


@pytest.mark.parametrize(("raw", "masked"), CASES["masked"])
def test_an_address_is_masked_and_anything_else_hidden(raw: str, masked: str) -> None:
    """Of an address first letter and domain stay; of what is none, nothing: it could be a password."""
    assert mask_email(raw.encode()) == masked
    assert read_line("Failed login attempt for: ").events[0].subject == ""  # nobody is named


@pytest.mark.parametrize(("line", "state"), CASES["states"] + LONG)
def test_every_line_ends_in_one_state(line: str, state: str) -> None:
    """Whatever bytes a line holds, it is read, not understood or blank."""
    assert read_line(line.encode("latin-1")).state == state


@pytest.mark.parametrize("line", CASES["dirt"])
def test_colours_nuls_and_line_ends_hide_no_failure(line: str) -> None:
    """A failure is seen through what terminals, rotation and other systems leave in a line."""
    (event,) = read_line(line.encode("latin-1")).events
    assert (event.kind, event.client, event.route) == ("unauthorized", "1.1.1.1", "/a")


@pytest.mark.parametrize("line", CASES["no_failure"])
def test_what_only_speaks_of_401_is_no_failure(line: str) -> None:
    """Outbound calls, decoys in a query and text that quotes a status are not counted as failures."""
    assert {shown.kind for shown in read_line(line).events} <= {"notice", "other"}


@pytest.mark.parametrize(("line", "shown"), CASES["requests"])
def test_requests_in_other_shapes_are_counted_once(line: str, shown: list[str]) -> None:
    """WebSockets, preflights and requests within a platform's export are one request each."""
    assert [f"{each.kind} {each.status}" for each in read_line(line).events] == shown


@pytest.mark.parametrize("url", [*URLS["examples"], *URLS["counter_examples"]])
def test_a_token_in_a_url_is_noted(url: str) -> None:
    """A web token wherever it stands, what was drawn, or a UUID, behind a word; no half, slug or file."""
    values = {part: f"eyJ{fake_value(part, 24)}" for part in ("half", "claims", "mac")}
    values |= {"jwt": ".".join(values.values()), "drawn": fake_value(24, 24), "uuid": str(UUID(int=1 << 127))}
    read = read_line(f'INFO:  1.1.1.1:1 - "GET {url.format(**values)} HTTP/1.1" 200 OK')
    noted = url in URLS["examples"]
    assert [event.message for event in read.events[1:]] == [SECRET_IN_URL] * noted
    assert ("a JWT" in repr(read)) == ("{jwt}" in url and noted)
    assert not [value for value in values.values() if value in repr(read)]


@pytest.mark.parametrize(("name", "noted"), CASES["parameters"])
def test_a_parameter_is_a_secrets_by_pattern_or_policy(name: str, noted: str) -> None:
    """What ends like a secret's name, or is a variable of the policy, is noted by what says so alone."""
    line = f'INFO:  1.1.1.1:1 - "GET /a?x=1&{name}={fake_value(name)} HTTP/1.1" 200 OK'
    shown = read_line(line, formats=load_formats(secrets=("DATABASE_URL", "SYNC_TOKEN"))).events
    noted_as = [("", ""), (SECRET_IN_URL, noted)] if noted else [("", "")]
    assert [(event.message, event.subject) for event in shown] == noted_as
    assert fake_value(name) not in repr(shown)


@pytest.mark.parametrize("template", CASES["showing"])
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
    other = line.replace("password auth", "pass").replace("failed", "gone")
    assert _shown(other % ("no page", client))[0] == []


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
    assert read_line('{"Records":[' + ",".join(["{}"] * 5_001) + "]}").state == "not understood"


def test_what_a_client_writes_is_a_line_only_if_nothing_stands_beside_it() -> None:
    """An object named data is read if the line is nothing else, and not beside a time, a text or a level."""
    inner = '"data":{"event":"user.login","success":false,"ip":"203.0.113.7","time":"2026-11-24T13:50:34Z"}}'
    assert _shown('{"log_id":"7",' + inner) == ([("login_failed", "203.0.113.7")], True)
    assert _shown('{"level":"info",' + inner)[0] == []
    assert _shown('{"message":"got",' + inner)[0] == []


@pytest.mark.parametrize("template", CASES["digits"])
def test_lines_that_differ_in_digits_alone_are_each_read_as_their_own(template: str) -> None:
    """What a reader keeps of one line gives another no client, status or kind that it has not."""
    prefix = "2026-11-24 13:50:3{},640 - app - INFO - "
    for digit in "0123456789":
        raw = (prefix.format(digit) + template.format(digit)).encode()
        assert read_line(raw) == explain_line(raw, FORMATS, UTC)[0]
