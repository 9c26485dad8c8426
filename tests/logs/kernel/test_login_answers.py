"""Both readers agree on declared logins, and on how redirects are settled, on mixtures by chance."""

import io
import random
from collections import Counter
from dataclasses import replace
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.log_kinds import DECLARED
from audit_lib.logs.file_counts import KINDS, LogSums
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.login_redirects import settled
from audit_lib.logs.read_file import read_naively
from audit_lib.logs.read_options import Plan, Wanted
from audit_lib.settings import Login
from tests.support.sums import told

LOGINS = (
    Login("page", "POST", "/login/", (200,), succeeded_statuses=(302,)),
    Login("api", "POST", "/api/v1/login/access-token", (400, 401)),
    Login("by person", "PUT", "/people/{id}/session", (422,)),
    Login("parameter", "POST", "/auth/sign-in", failed_redirect="/?error_code"),
    Login("there and back", "POST", "/signin", failed_redirect="/signin", succeeded_redirect="/home"),
    Login("said", "POST", "/enter", failed_message="Could not let in"),
)
FORMATS = load_formats().declaring((401, 403, 418), LOGINS)
# fmt: off
PATHS = (
    "/login", "/login/", "/LOGIN", "/%6Cogin", "/login/%zz", "/login;x=1", "//login", "http://h/login",
    "/", "*", "-",
    "/api/v1/login/access-token?x=1", "/people/123/session", "/people/ada/session", "/auth/sign-in/", "/home",
    "/?error_code=5", "/?a=b&ERROR_CODE=1", "/?error_code", "/signin", "/signin?token=abc",
)
# fmt: on
METHODS = ("GET", "POST", "post", "PUT", "LOGIN-IN")
STATUSES = (200, 302, 303, 400, 401, 403, 418, 422, 429, 500)
CLIENTS = ("203.0.113.7", "198.51.100.2", "2001:db8::7", "-")


def _line(chance: random.Random, second: int) -> str:
    method, path, status, client = map(chance.choice, (METHODS, PATHS, STATUSES, CLIENTS))
    clock = f"{10 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    kind = chance.random()
    if kind < 0.1:
        return f'INFO:     {client}:123 - "{method} {path} HTTP/1.1" {status} OK'
    if kind < 0.2:
        asked = f'"method":"{method}","path":"{path}","status":{status},"client":"{client}"'
        return f'{{"timestamp":"2026-08-01T{clock}Z",{asked}}}'
    if kind < 0.25:
        return f"2026-08-01 {clock},123 - app - WARNING - Could not let in ada from 203.0.113.9"
    if kind < 0.3:
        said = 'FastCGI sent in stderr: "PHP message: Could not let in ada" while reading'
        return f"2026/08/01 {clock} [error] 12#12: *7 {said} upstream, client: 203.0.113.8, server: x"
    return f'{client} - - [01/Aug/2026:{clock} +0000] "{method} {path} HTTP/1.1" {status} 17 "-" "x"'


def _log(seed: int, lines: int = 1_500) -> bytes:
    chance = random.Random(seed)
    return "\n".join(_line(chance, 5 * number) for number in range(lines)).encode()


def _both(log: bytes, plan: Plan) -> tuple[LogSums, LogSums]:
    fast = reduce_chunks(read_chunks(io.BytesIO(log), plan), plan)
    return fast, read_naively(io.BytesIO(log), plan)


def _plan(**wanted: bool) -> Plan:
    return Plan(FORMATS, ZoneInfo("UTC"), wanted=Wanted(**wanted), chunk=1 << 13)


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_agree(seed: int) -> None:
    """Groups, minutes and events are the same, before redirects are settled and after."""
    fast, naive = _both(_log(seed), _plan())
    assert told(fast) == told(naive)
    assert told(settled(fast, LOGINS, Wanted())) == told(settled(naive, LOGINS, Wanted()))


def _kinds(sums: LogSums, table: str) -> Counter[str]:
    columns = getattr(sums, table)
    number = columns["count"].tolist() if "count" in columns else [1] * len(columns["kind"])
    found: Counter[str] = Counter()
    for kind, count in zip(columns["kind"].tolist(), number, strict=True):
        found[KINDS[kind]] += count
    return found


def test_settling_moves_and_loses_nothing() -> None:
    """Sums stay, events of failed logins equal their counts, and minutes hold those that are requests."""
    before, _ = _both(_log(7), _plan())
    after = settled(before, LOGINS, Wanted())
    assert sum(_kinds(after, "groups").values()) == sum(_kinds(before, "groups").values())
    assert int(after.moments["count"].sum()) == int(before.moments["count"].sum())
    assert _kinds(after, "groups")[DECLARED] == _kinds(after, "events")[DECLARED]
    requests = (after.events["kind"] == KINDS.index(DECLARED)) & (after.events["status"] > 0)
    timed = requests & (after.events["at"] > 0)
    assert int(after.moments["count"][after.moments["declared"] == 1].sum()) == int(timed.sum())


def test_declared_logins_count_without_their_route() -> None:
    """What is only counted by day and kind has the same failed logins as what is counted by everything."""
    log = _log(11)
    whole = settled(_both(log, _plan())[0], LOGINS, Wanted())
    wanted = Wanted(client=False, route=False, method=False, minutes=False)
    less = settled(_both(log, Plan(FORMATS, ZoneInfo("UTC"), wanted=wanted))[0], LOGINS, wanted)
    assert _kinds(less, "groups") == _kinds(whole, "groups")
    assert less.names == ("",) or set(less.groups["route"].tolist()) == {0}


def test_a_message_keeps_its_kind_if_it_is_no_failed_login() -> None:
    """A declared phrase takes a text from no message of another kind, such as a database failure."""
    lever = Login("lever", "POST", "/x", failed_message="could not connect to server", added=True)
    line = (
        b"2026-08-01 10:00:00 UTC [7] FATAL: x\npsycopg2.OperationalError: could not connect to server: no\n"
    )
    plain, pulled = (
        _kinds(read_naively(io.BytesIO(line), replace(_plan(), formats=formats)), "groups")
        for formats in (load_formats(), load_formats().declaring((), [lever]))
    )
    assert plain == pulled == {"database_failure": 1}


def test_examples_read_the_same_beside_a_declared_phrase() -> None:
    """A phrase that fits nothing changes no example of any bundled message."""
    plain, declared = load_formats(), load_formats().declaring((), [LOGINS[-1]])
    for block in plain.messages:
        for example in block.examples:
            line = f"2026-08-01 10:00:00,123 - app - ERROR - {example}\n".encode()
            kinds = [
                _kinds(read_naively(io.BytesIO(line), replace(_plan(), formats=formats)), "events")
                for formats in (plain, declared)
            ]
            assert kinds[0] == kinds[1], example


def test_declared_logins_of_a_far_year_stay_apart() -> None:
    """A failed login of the last year that is read has its minute, as any other request."""
    log = b"".join(
        b'203.0.113.7 - - [01/Aug/2199:10:00:00 +0000] "POST /login HTTP/1.1" %d 1 "-" "x"\n' % status
        for status in (200, 302)
    )
    fast, naive = _both(log, _plan())
    assert told(fast) == told(naive)
    declared = zip(fast.moments["status"].tolist(), fast.moments["declared"].tolist(), strict=True)
    assert dict(declared) == {200: 1, 302: 0}


def test_settling_follows_routes_that_are_counted_together() -> None:
    """Beyond the budget of routes sums still hold: a failed login is taken from the other routes."""
    log = _log(13) + b"".join(
        b'\n203.0.113.7 - - [01/Aug/2026:12:30:00 +0000] "GET /r%x HTTP/1.1" 200 1 "-" "x"' % (7 * number)
        for number in range(400)
    )
    plan = replace(_plan(), routes=3)
    fast, naive = _both(log, plan)
    assert told(settled(fast, LOGINS, Wanted())) == told(settled(naive, LOGINS, Wanted()))
    whole = settled(_both(log, _plan())[0], LOGINS, Wanted())
    assert _kinds(settled(fast, LOGINS, Wanted()), "groups") == _kinds(whole, "groups")


def test_settling_many_logins_of_one_address_takes_no_time() -> None:
    """An address that is redirected and comes back a hundred thousand times cannot make a review hang."""
    clock = "01/Aug/2026:%02d:%02d:%02d +0000"
    lines = [
        f'203.0.113.7 - - [{clock % (hour, second // 60, second % 60)}] "{request} HTTP/1.1" 302 1 "-" "x"'
        for hour, request in ((1, "POST /signin"), (3, "GET /signin"))
        for second in range(3_600)
        for _ in range(8)
    ]
    plan = _plan()
    fast = reduce_chunks(read_chunks(io.BytesIO("\n".join(lines).encode()), plan), plan)
    began = process_time()
    assert _kinds(settled(fast, LOGINS, Wanted()), "groups")["possible_login_failure"] == 28_800
    assert process_time() - began < 10
