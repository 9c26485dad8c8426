"""Remove any one precondition (docs/detections.md#what-none-needs): no good verdict that needs it stays."""

import random
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import Quarter, iso
from audit_lib.ledger import Draft, Ledger, write_entry
from audit_lib.ledger.keys import key_of
from audit_lib.logins import alerts
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.coverage import NEEDS, cover
from audit_lib.logins.detect import judge
from audit_lib.logins.parameters import detection_policy
from audit_lib.logins.traffic import Traffic, Window
from audit_lib.logs.read import read_logs
from audit_lib.settings import LogSource, Project, bundled_policy, choose_policy, load_project
from audit_lib.settings.load import dump
from audit_lib.settings.models import AlertRule, Login
from tests.support.small_logs import DECLARED_LOG, START, Ask, formats_of, line, small_traffic, traffic_of

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
DAY, DAYS = 86400, 35
ROUTES = ("/api/positions", "/api/orders", "/api/market", "/api/news")
LOGIN = "/api/auth/login"
VALID = "INFO: All required secrets validated successfully\n"
STARTED = f"{iso(START + timedelta(days=DAYS, minutes=-1))} {VALID}"
AT = iso(START + timedelta(hours=1))
ZONE_UNSAID = replace(DECLARED_LOG, zone_declared=False)
NO_INSTANCES = replace(DECLARED_LOG, instances=0)
ZONELESS = f'{START:%Y-%m-%d %H:%M:%S} INFO:     198.51.1.1:1 - "GET /api/news HTTP/1.1" 200 X\n'
POSSIBLE_WORDS = f"{AT} app: password was wrong for x from 192.0.2.1\n"
OWN_WORDS = f"{AT} INFO: POST /login 401 3ms\n"
UNTIMED_WORDS = "sshd[7]: Failed password for x from 192.0.2.1 port 5 ssh2\n"
UNTIMED = 'INFO:     192.0.2.1:1 - "GET /api/orders HTTP/1.1" {} X\n'


@cache
def people(seed: int) -> list[Ask]:
    """Five weeks of people who log in and are refused now and then: no detection has cause."""
    chance = random.Random(seed)
    clients = [f"198.51.{number}.{chance.randrange(1, 250)}" for number in range(12)]
    asks: list[Ask] = []
    for day in range(DAYS):
        for number in range(30):
            at = day * DAY + chance.uniform(0, DAY - 60)
            person, route = clients[(day + number) % len(clients)], chance.choice(ROUTES)
            asks.append((at, person, route, 200))
        person, at = clients[day % len(clients)], day * DAY + chance.uniform(0, DAY - 700)
        asks += [(at, person, LOGIN, 401, "POST"), (at + 60, person, LOGIN, 200, "POST")]
        asks.append((day * DAY + chance.uniform(0, DAY - 60), person, f"/gone-{'abcdefgh'[day % 8]}", 404))
    return [*asks, (chance.uniform(0, DAY), clients[0], ROUTES[0], 429)]


def _with(ask: Ask, **more: object) -> Ask:
    names = ("at", "client", "route", "status", "method")
    return tuple((dict(zip(names, (*ask, "GET"), strict=False)) | more).values())  # type: ignore[return-value]


def _week_moved(ask: Ask) -> Ask | None:
    week = ask[0] // (7 * DAY)
    return None if week == 1 else _with(ask, at=ask[0] - 7 * DAY) if week == 2 else ask


# How each precondition is taken away, and nothing else that its detections need more than it: requests are
# changed or left out, lines come on top, or something else is given beside the log.
REMOVED: dict[str, dict[str, Any]] = {
    "lines understood": {"more": "?? POST /api/auth/login 401\n"}, "own words": {"more": OWN_WORDS},
    "order": {"more": line((0, "198.51.1.1", ROUTES[0], 200))},
    "clocks": {"more": line((40 * DAY, "198.51.1.1", ROUTES[0], 401))}, "whole logs": {"change": _week_moved},
    "days": {"days": DAYS + 1}, "instances": {"source": NO_INSTANCES},
    "zone": {"source": ZONE_UNSAID, "more": ZONELESS}, "an answer": {"change": lambda ask: None},
    "a failed login declared": {"failure": None}, "times": {"more": UNTIMED.format(401)},
    "certain messages": {"more": UNTIMED_WORDS},
    "clients named": {"more": f'{iso(START)} INFO:     - "GET /api/news HTTP/1.1" 200 X\n'},
    "clients are callers": {"change": lambda ask: _with(ask, client=("10.0.0.7", ask[1])[ask[1][7:] < "2"])},
    "callers told apart": {"change": lambda ask: _with(ask, client="10.0.0.7")},
    "routes": {"routes": 2}, "a login seen": {"change": lambda ask: _with(ask, route="/page", status=200)},
    "a success seen": {"change": lambda ask: _with(ask, status=500) if ask[3] == 200 else ask},
    "a failed login seen": {"change": lambda ask: None if ask[3] == 401 else ask},
    "a usual rate": {"change": lambda ask: ask if ask[3] != 200 or ask[2] in (LOGIN, *ROUTES[:2]) else None},
    "wording": {"known_messages": None, "started": ""}, "queries kept": {"logs_queries": None},
}  # fmt: skip


def _traffic(
    seed: int = 0,
    *,
    change: Callable[[Ask], Ask | None] = lambda ask: ask,
    more: str = "",
    started: str = STARTED,
    **given: Any,
) -> Traffic:
    """People's log, as detections look at it."""
    asks = [*filter(None, map(change, people(seed))), started + more]
    return small_traffic(asks, **{"days": DAYS, "routes": 1000, "limits_requests": True} | given)


def _verdicts(*seed: int, **given: Any) -> dict[str, str]:
    """What each detection says of people's log."""
    return {found.detection: found.verdict for found in judge(_traffic(*seed, **given))}


def test_a_redirect_that_refuses_may_let_in() -> None:
    """A form that refuses some and sends others on is a doubt unless it is no login; so is a message."""
    form = f'{iso(START)} INFO:     198.51.1.1:1 - "POST /form/ABCDEFGH HTTP/1.1" '
    traffic, fact = _traffic(more=f"{form}401 X\n{form}302 X\n"), {"a success seen"}
    assert "POST /form, " in cover(traffic).reason(fact)  # a code stays out of it
    page = Login(name="page", method="POST", route="/in", failed_message="no")
    other = replace(page, name="other", succeeded_statuses=(302,))
    for told, doubt in (((), 0), ((page,), 1), ((page, other), 0), ((page, replace(other, method="PUT")), 1)):
        more = {"no_logins": ("POST /form/ABCDEFGH",), "added_logins": told}
        said = cover(replace(traffic, policy=traffic.policy.model_copy(update=more))).reason(fact)
        assert said.partition(" looks")[0] == "how a success of POST /in" * doubt


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("source", [DECLARED_LOG, ZONE_UNSAID], ids=["zone declared", "zone in lines"])
def test_what_shows_everything_is_none(source: LogSource, seed: int) -> None:
    """With all facts there, each detection says "none"."""
    assert set(_verdicts(seed, source=source).values()) == {"none"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", REMOVED)
def test_no_detection_says_none_without_what_it_needs(name: str, seed: int) -> None:
    """Whatever is taken away, no detection that needs it says "none"."""
    found = _verdicts(seed, **REMOVED[name])
    assert {id_ for id_, own in NEEDS.items() if name in own and found[id_] == "none"} == set()


def test_a_fact_that_is_forgotten_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one fact out of those of silence, the property finds its "none" unearned; it covers each fact."""
    assert set().union(*NEEDS.values()) == {*REMOVED, "every log read"}
    name, fact = "application-failing", "a usual rate"
    before = _verdicts(**REMOVED[fact])
    monkeypatch.setitem(NEEDS, name, NEEDS[name] - {fact})  # type: ignore[arg-type]
    after = _verdicts(**REMOVED[fact])
    assert (before[name], after[name]) == ("unknown", "none")


# Alerts: of each kind one, and how what it needs to be quiet is taken away.
RULES = tuple(
    AlertRule(kind, "high", (kind,), at_least=10, minutes=5)
    for kind in ("unauthorized", "rate_limited", "database_failure")
)
EVERY = {rule.name for rule in RULES}
QUIET = (
    *(line((60.0 * number, "198.51.1.1", ROUTES[0], 200)) for number in range(50)),
    f"{iso(START + timedelta(hours=9))} {VALID}",
)
BLIND: dict[str, tuple[dict[str, Any], set[str]]] = {
    "every log read": ({"lines": ()}, EVERY), "lines understood": ({"more": "?? 401\n"}, EVERY),
    "own words": ({"more": OWN_WORDS}, EVERY),
    "clocks": ({"more": line((40 * DAY, "198.51.1.1", ROUTES[0], 200))}, EVERY),
    "instances": ({"source": NO_INSTANCES}, EVERY),
    "zone": ({"more": ZONELESS, "source": ZONE_UNSAID}, EVERY),
    "a_line_of_the_time": ({"lines": tuple(one.partition(" ")[2] for one in QUIET)}, EVERY),
    "a failed login declared": ({"failure": None}, {"unauthorized"}),
    "certain_logins": ({"more": POSSIBLE_WORDS}, {"unauthorized"}),
    "an answer": ({"lines": QUIET[-1:]}, {"unauthorized", "rate_limited"}),
    "known_wording": ({"known_messages": None}, {"database_failure"}),
}  # fmt: skip


def _states(lines: tuple[str, ...] = QUIET, more: str = "", **given: Any) -> dict[str, str]:
    found = evaluate(RULES, small_traffic((*lines, more), **given), Ledger())
    return dict(zip(found["alert"], found["state"], strict=True))


@pytest.mark.parametrize("source", [DECLARED_LOG, ZONE_UNSAID], ids=["zone declared", "zone in lines"])
def test_alerts_are_quiet_if_all_is_seen(source: LogSource) -> None:
    """With what each needs, alerts of requests, of failed logins and of messages are quiet."""
    assert set(_states(source=source).values()) == {"quiet"}
    facts = {*alerts.NEEDS, *alerts.NEEDS_OF_LOGINS, *alerts.NEEDS_OF_REQUESTS}
    assert facts == set(BLIND) - {"a_line_of_the_time", "certain_logins", "known_wording"}


@pytest.mark.parametrize("name", BLIND)
def test_no_alert_is_quiet_without_what_it_needs(name: str) -> None:
    """Whatever is taken away, the alerts that need it are unknown, and no other."""
    removed, blind = BLIND[name]
    assert {alert for alert, state in _states(**removed).items() if state == "unknown"} == blind


PAGE, GONE = {"route": "/page"}, {"route": "/api/v9/gone", "status": 401}
NOT_THERE: dict[str, Callable[[Ask], Ask]] = {
    "login": lambda ask: _with(ask, **(
        {"route": "/api/wp/login", "status": 404 if ask[3] == 401 else 405} if ask[2] == LOGIN else PAGE)),
    "API": lambda ask: _with(ask, **({"route": "/"} if ask[2] == LOGIN else GONE)),
    "refused": lambda ask: _with(ask, route="/wp-login.php") if ask[2] == LOGIN and ask[3] == 401 else ask,
    "all": lambda ask: _with(ask, route="/" + ask[2].replace("/", "x"), status=404),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_THERE)
def test_a_route_that_is_not_there_earns_nothing(case: str) -> None:
    """Requests to routes that the application never answered show no login, and earn no "none"."""
    found = _verdicts(change=NOT_THERE[case])
    about = {id_ for id_, own in NEEDS.items() if {"a failed login seen", "a login seen"} & own}
    assert {id_ for id_ in (about if case != "all" else found) if found[id_] == "none"} == set()


@pytest.mark.parametrize(("said", "doubted"), CASES["own_words"])
def test_words_of_its_own_are_a_doubt(said: str, doubted: bool) -> None:
    """A line of text with 401 or 403, or beside access lines and warnings, may be a refusal: a fact that each
    "none" needs does not hold."""
    doubt = cover(small_traffic((*QUIET, said.replace("{at}", AT) + "\n"))).reason({"own words"})
    assert ("may be refusals" in doubt) == doubted
    assert all("own words" in own for own in NEEDS.values())


@pytest.mark.parametrize(("said", "doubt"), CASES["certain"])
def test_who_failed_may_be_uncertain(said: str, doubt: str) -> None:
    """A message that names a proxy, a host or nobody at a time is told before odd words; a clear one not."""
    found = cover(small_traffic((*QUIET, said.replace("{at}", AT) + "\n")))
    assert found.reason({"certain messages", "own words"})[: len(doubt) or None] == doubt


@pytest.mark.parametrize("case", CASES["hints"], ids=lambda case: case["name"])
def test_a_log_that_may_lack_lines_is_a_doubt(case: dict[str, Any]) -> None:
    """Thin days, filtered refusals, an early end, a silence, routes of another, times that go back."""
    counts = [count for days, count in case["days"] for _ in range(days)]
    times = [DAY * (day + n / count) for day, count in enumerate(counts) for n in range(count)]
    (first, last), route, more = case.get("gap", (0, 0)), case.get("route", ROUTES[0]), case.get("more", [])
    asks = more + [(at, "198.51.1.1", route, 200) for at in times if not first <= at / 3600 < last]
    asks += [(DAY * day + 60.0, "198.51.1.1", route, 401) for day in range(*case.get("refused", (0, 0, 1)))]
    given = {"days": len(counts), "source": replace(DECLARED_LOG, time_zone=case.get("zone", "UTC"))}
    reason = cover(small_traffic(asks, since=case.get("since", 0), **given)).reason({"whole logs", "order"})
    assert (reason[: len(case.get("hint", ""))], bool(reason)) == (case.get("hint", ""), "hint" in case)


@pytest.mark.parametrize(("name", "doubted"), CASES["empty"])
def test_an_empty_log_beside_others_of_its_rotation_is_no_loss(name: str, doubted: bool) -> None:
    """Beside another log of its rotation, with lines, nothing was written; alone it may not be kept."""
    read = (traffic := small_traffic(QUIET)).activity.sources
    sources = pd.concat([read, read.assign(source=name, state="empty")], ignore_index=True)
    traffic = replace(traffic, activity=replace(traffic.activity, sources=sources))
    assert bool(cover(traffic).reason({"every log read"})) == doubted


def test_the_shapes_of_such_lines_are_listed() -> None:
    """Where they were read stands what they look like, without their text."""
    row = small_traffic([OWN_WORDS * 200]).activity.sources.iloc[0]
    assert row["own_words"] == 200
    assert "in words of their own: lines such as `0-0-a0:0:a0 a: a /a 0 a0`" in row["reason"]


def _request(at: str) -> str:
    return f'{at} INFO: 192.0.2.1:1 - "GET /api/x HTTP/1.1" 200 X\n'


@pytest.mark.parametrize(("days", "wrong"), [
    (("2026-09-01", "2027-09-01"), True), (("2026-09-01", "2027-09-01", "2026-09-02"), True),
    (("2026-09-01", "2026-10-04"), False),
])  # fmt: skip
def test_times_beyond_the_review_are_a_wrong_clock(days: list[str], wrong: bool, tmp_path: Path) -> None:
    """Requests of next year, amid a log or at its end, are said; a log goes on until its review."""
    (tmp_path / "app.log").write_text("".join(_request(f"{day}T00:00:00Z") for day in days), "utf-8")
    quarter, rules = Quarter(2026, 3), detection_policy(bundled_policy("paiid"))
    project = Project("test", tmp_path, log_sources=(DECLARED_LOG,))
    read = read_logs(project, quarter, formats_of(rules.failure.statuses))
    window, as_of = Window(quarter.start, quarter.end), datetime(2026, 10, 5, tzinfo=UTC)
    doubt = cover(traffic_of(read, rules, window, project, as_of=as_of)).reason(NEEDS["guessing"])
    assert ("a clock is wrong" in doubt) == wrong


AUDIT = 'extends = "paiid"\ntime_zone = "UTC"\n[[log]]\npattern = "app.log"\ninstances = 1\n'


def _alerts(folder: Path, audit: str = AUDIT) -> Result:
    (folder / "audit.toml").write_text(audit, "utf-8")
    (folder / "app.log").write_text(_request(iso(datetime.now(UTC) - timedelta(minutes=10))), "utf-8")
    return CliRunner().invoke(main, ["alerts", "--project", str(folder), "--since", "30m"])


def test_alerts_end_with_2_once_what_they_judge_by_was_changed(tmp_path: Path) -> None:
    """They print the digest of settings and formats, and say if it is not that of the last sign-off."""
    results, project = [_alerts(tmp_path)], load_project(tmp_path)
    signed = {"as_of": "2026-09-30T00:00:00Z", "in_force": list(dump(choose_policy(project), project))}
    draft = Draft("signoff", {"manifest_sha256": "0" * 64, "by": "carol", "heads": {}, **signed})
    write_entry(project.ledger_dir, key_of(project, make=True), draft, datetime.now(UTC), "carol")
    results += [_alerts(tmp_path), _alerts(tmp_path, f'{AUDIT}service = "web"\n')]
    assert [result.exit_code for result in results] == [0, 0, 2]
    said = ("(never signed)", "(as in the sign-off", "changed since the sign-off")
    assert all(text in result.output for text, result in zip(said, results, strict=True))
