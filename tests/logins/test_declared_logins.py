"""Logins that are declared count exactly, and those that are not leave nothing "none"."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.in_words import DECLARED
from audit_lib.ledger import Ledger
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.declared import propose
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.traffic import Window, failed_logins, tabulate_clients
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import Policy, Project, choose_policy, load_project
from tests.support.audits import run_audit
from tests.support.login_logs import APPLICATIONS, ATTACKER, START, Application, truth, visits, written
from tests.support.paths import rows_beside
from tests.support.small_logs import DECLARED_LOG, formats_of, incidents, traffic_of

VISITS = visits(1, failed=90, pages=300)
WINDOW = Window(START, START + timedelta(days=14))
GUESSING = {"guessing", "spraying", "let-in", "known-clients-failing"}  # which look at failed logins
NONE = 'no_logins = ["POST /x/login", "POST /api/login"]  # the second refuses: it is one\n'
POLICY = f'name = "own"\nextends = "generic"\n{NONE}[detections]\nclients = "real"\n'
DECLARES_401 = "[detections.failure]\nstatuses = [401, 403]\n"
LOGS = 'time_zone = "UTC"\n[[log]]\npattern = "app.log"\nservice = "web"\ninstances = 1\n'
PROJECT = Project("app", Path(), log_sources=(DECLARED_LOG,))
Read = tuple[Policy, DetectionPolicy, LogRead]


def _project(folder: Path, log: str, audit: str = "", policy: str = "") -> Read:
    folder.mkdir(exist_ok=True)
    (folder / "app.log").write_text(log, "utf-8")
    (folder / "audit.toml").write_text(LOGS + audit, "utf-8")
    (folder / "own.toml").write_text(POLICY + policy, "utf-8")
    project = load_project(folder)
    chosen = choose_policy(project, str(folder / "own.toml"))
    rules = detection_policy(chosen)
    return chosen, rules, read_logs(project, None, formats_of(rules.failure.statuses, rules.logins))


def _detections(rules: DetectionPolicy, logs: LogRead) -> pd.DataFrame:
    return tabulate(judge(traffic_of(logs, rules, WINDOW, PROJECT)))


def _found(found: pd.DataFrame, detection: str) -> pd.DataFrame:
    return found[found["detection"].eq(detection) & found["verdict"].eq("found")]


def _login(declaration: str, name: str = "page") -> str:
    return f'[[logins]]\nname = "{name}"\n{declaration}'


def _alert(policy: Policy, rules: DetectionPolicy, logs: LogRead) -> str:
    alerts = evaluate(policy.alerts, traffic_of(logs, rules, WINDOW, PROJECT), Ledger())
    return str(alerts.set_index("alert").loc["failed authentication", "state"])


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_failed_logins_are_exact_once_declared(application: Application, tmp_path: Path) -> None:
    """Counts, addresses and events are those that were planted, and the alert fires; nothing is proposed."""
    declared = _login(application.declaration)
    policy, rules, logs = _project(tmp_path / "app", written(application, VISITS), declared)
    failed = logs.counts[logs.counts["kind"].eq(DECLARED)]
    assert failed.groupby("client")["count"].sum().to_dict() == dict(truth(VISITS))
    events = logs.events[logs.events["kind"].eq(DECLARED)]
    assert sorted(events["at"]) == sorted(visit.at for visit in VISITS if visit.what == "failed")
    assert _alert(policy, rules, logs) == "fired"
    assert (propose(logs.counts, logs.minutes, rules), logs.sources["not_understood"].sum()) == ((), 0)
    found = _detections(rules, logs)
    assert ATTACKER in set(_found(found, "guessing")["subject"])
    entered = found[found["detection"].eq("let-in")]
    assert ATTACKER in set(entered["subject"]) or not application.tells_success
    assert set(entered["verdict"]) != {"none"}


@pytest.mark.parametrize("policy", ["", DECLARES_401], ids=["nothing declared", "401 declared"])
@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_nothing_is_none_or_quiet_before(application: Application, policy: str, tmp_path: Path) -> None:
    """Before its login is declared no detection of failed logins says "none", and the alert is not quiet."""
    chosen, rules, logs = _project(tmp_path / "app", written(application, VISITS), policy=policy)
    found = _detections(rules, logs)
    assert set(found.loc[found["verdict"].eq("none"), "detection"]) & GUESSING == set()
    told = logs.events["kind"].eq("login_failed") & logs.events["client"].eq(ATTACKER)
    assert _alert(chosen, rules, logs) == ("fired" if told.any() else "unknown")
    routes = [one.block.splitlines()[3][2:] for one in propose(logs.counts, logs.minutes, rules)]
    asked = [True] * ("POST" in str(application.failed))
    assert policy or [route in application.declaration for route in routes] == asked


def _lines(seconds: Iterable[int], request: str, status: int, client: str = ATTACKER) -> str:
    """Requests of a client, each so many seconds after the start."""
    times = [f"{START + timedelta(seconds=second):%d/%b/%Y:%H:%M:%S +0000}" for second in seconds]
    return "".join(f'{client} - - [{at}] "{request} HTTP/1.1" {status} 5 "-" "x"\n' for at in times)


BLOCK = 'failed_statuses = [{}]\nsucceeded_statuses = [{}]\nmethod = "POST"\nroute = "{}"\n'


@pytest.mark.parametrize(("route", "answers", "message", "declaration"), rows_beside(__file__)["proposed"])
def test_a_login_is_proposed_by_what_it_answers_or_by_messages(
    route: str, answers: dict[str, int], message: str, declaration: str, tmp_path: Path
) -> None:
    """A login that answers 500, or 200 to everybody, is proposed if messages report failures; a step that
    checks a code, if it refused and let in. Each has a name of its own, which no declared login has."""
    log = f"{START.isoformat()} app: {message}\n" * 5 * bool(message)
    for where, (answer, count) in product((route, f"/7{route}"), answers.items()):
        status, *then = answer.split()  # what is answered, and where who got it goes
        pair = [(f"POST {where}", int(status)), *((f"GET {page}", 200) for page in then)]
        times = range(600 * len(where), 600 * len(where) + 9 * count, 9)
        log += "".join(_lines([at], *each) for at in times for each in pair)
    declared = _login('route = "/in"\nfailed_statuses = [401]\n', "login")
    _, rules, logs = _project(tmp_path / "app", log, declared, DECLARES_401)
    frames, asked = (logs.counts, logs.minutes), (f"POST {route}", f"POST /{{id}}{route}")
    blocks = [one.block for one in propose(*frames, rules)]
    assert [declaration in block for block in blocks] == [True, True] * bool(declaration)
    assert len({'# name = "login"', *(block.splitlines()[2] for block in blocks)}) == 1 + len(blocks)
    assert propose(*frames, rules.model_copy(update={"no_logins": asked})) == ()


def test_audit_toml_takes_nothing_away(tmp_path: Path) -> None:
    """Whatever an insider declares in audit.toml, each incident and refusal from before is still there."""
    log = _lines(range(-7000, -1600, 900), "POST /api/login", 401, "198.51.100.9")
    log += _lines(range(0, 200, 10), "POST /api/login", 401) + _lines(range(300, 306), "GET /api/orders", 401)
    log += _lines([330], "POST /api/login", 200) + _lines([340], "GET /api/orders", 200)
    lever = _login('route = "/api/login"\nfailed_statuses = [418]\nsucceeded_statuses = [401, 200]\n')
    orders = 'route = "/api/orders"\nfailed_statuses = [500]\nsucceeded_message = "HTTP/1.1"\n'
    lever += _login(orders, "orders")
    _, rules, before = _project(tmp_path / "before", log, policy=DECLARES_401)
    honest = _detections(rules, before)
    _, rules, after = _project(tmp_path / "after", log, lever, DECLARES_401)
    assert {"guessing", "let-in"} <= {detection for detection, _, _ in incidents(honest)}
    assert incidents(honest) <= incidents(_detections(rules, after))
    assert before.counts["kind"].tolist() == after.counts["kind"].tolist()


@pytest.mark.parametrize("route", ["/session", "/signin"])  # the generic policy calls the second a login, too
@pytest.mark.parametrize("case", rows_beside(__file__)["tries"])
def test_what_may_be_a_failure_too_is_said(case: str, route: str, tmp_path: Path) -> None:
    """Who follows no redirect may have failed or not: nothing is claimed, and each count says how far."""
    steps, said, why = rows_beside(__file__)["tries"][case]
    asks = [(at + n, who, it) for who, times, *own in steps for at in times for n, it in enumerate(own)]
    lines = (_lines([at], ask[:-4], int(ask[-3:]), who) for at, who, ask in sorted(asks))
    log, own = (it.replace("/session", route) for it in ("".join(lines), _login(APPLICATIONS[4].declaration)))
    read = _project(tmp_path / "app", log, own, DECLARES_401)
    found = _detections(*read[1:]).set_index("detection")
    told = "\n".join(found.loc[found["verdict"].eq("found"), "classification"]).replace(route, "/session")
    assert [text for text in said or [told] if text in told] == (said or [""])
    assert found.loc["spraying", "reason"].startswith(why)
    assert not why or ("none" not in {*found.loc[[*GUESSING], "verdict"]} and _alert(*read) != "quiet")


def test_audit_toml_alone_makes_nothing_known_by_what_never_happens(tmp_path: Path) -> None:
    """A declaration that no line ever fits leaves what rests on it unknown."""
    log = "".join(_lines([60 * n], "GET /", 200, f"198.51.100.{n % 20}") for n in range(200))
    policy, rules, logs = _project(tmp_path / "app", log, _login('route = "/off"\nfailed_statuses = [418]\n'))
    assert _alert(policy, rules, logs) == "unknown"
    assert "audit.toml alone declares logins" in _detections(rules, logs)["reason"].iloc[0]  # of guessing


@pytest.mark.parametrize("route", ["/in", "/login", "/shop", "/x/login"])
def test_a_declared_success_excuses_failures_of_its_route(route: str, tmp_path: Path) -> None:
    """Who mistypes at a declared login is no guesser, and its route is there; of another neither holds."""
    hours, log = range(0, 40 * 3600, 3600), _lines(range(0, 40 * 3600, 90), "GET /", 200, "192.0.2.9")
    log += _lines([at + more for at in hours for more in (0, 20)], "POST /in", 422, "198.51.100.7")
    log += _lines([at + 60 for at in hours], f"POST {route}", 302, "198.51.100.7")
    statuses = ((422, 303, "/in"), (418, 302, route))
    declared = "".join(_login(BLOCK.format(*each), f"l{each[0]}") for each in statuses)
    _, rules, logs = _project(tmp_path / "app", log, declared)
    found = _detections(rules, logs)
    assert (len(_found(found, "guessing")) > 0) == (route in ("/shop", "/x/login"))
    assert found["reason"].str.contains("on a route that the application has").any() == (route != "/in")
    clients = tabulate_clients(traffic_of(logs, rules, WINDOW, PROJECT).activity.requests, WINDOW, rules)
    assert clients.set_index("client").loc["198.51.100.7", "successes"] == len(hours)


@pytest.mark.parametrize("first", ["", _login(BLOCK.format(400, 200, "/signin"), "ask")])
def test_who_asks_for_codes_and_guesses_one_is_let_in(first: str, tmp_path: Path) -> None:
    """Who is sent a code is neither let in nor known by that, declared or not, but by the step behind it."""
    log = _lines(range(0, 9000, 90), "POST /signin/verify", 200, "198.51.100.9")
    for client in (ATTACKER, "203.0.113.67"):
        log += _lines(range(0, 3000, 300), "POST /signin", 200, client)
        log += _lines(range(20, 3000, 60), "POST /signin/verify", 400, client)
    log += _lines([3030], "POST /signin/verify", 200)
    declared = first + _login(BLOCK.format(400, 200, "/signin/verify"), "check")
    found = _detections(*_project(tmp_path / "app", log, declared)[1:])
    assert _found(found, "let-in")["subject"].tolist() == [ATTACKER]
    assert set(_found(found, "guessing")["subject"]) == {ATTACKER, "203.0.113.67"}
    assert _found(found, "known-clients-failing").empty


@pytest.mark.parametrize("place", ["audit", "policy"])
def test_a_redirect_after_failures_is_no_certain_success(place: str, tmp_path: Path) -> None:
    """If a failure is a redirect, too, a policy makes a success unknown, and audit.toml puts it in doubt."""
    log = written(APPLICATIONS[1], [visit for visit in VISITS if visit.what != "succeeded"])
    _, rules, logs = _project(tmp_path / "app", log, **{place: _login(APPLICATIONS[1].declaration)})
    entered = _detections(rules, logs).query("detection == 'let-in'")
    doubted = entered["classification"].str.contains("does not declare this a success").all()
    assert doubted if place == "audit" else set(entered["verdict"]) == {"unknown"}


@pytest.mark.parametrize("identities", ["masked", "full"])
def test_tables_mark_known_clients(identities: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a review's tables an own monitor is marked, others are not; who may have mistyped is no headline."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "none"))
    failed = (_lines(range(0, 60, 10), "POST /api/login", 401, one) for one in (ATTACKER, "198.51.100.9"))
    log = "".join([*failed, _lines([90], "POST /api/login", 200, "198.51.100.9")])
    _project(tmp_path / "app", log, policy=f'known_clients = ["{ATTACKER}"]\n{DECLARES_401}')
    app, own = load_project(tmp_path / "app"), str(tmp_path / "app" / "own.toml")
    audit = run_audit(app, "2026Q4", "2026-12-31", identities=identities, policy=own)
    audit.detections = audit.detections.query("detection == 'let-in'")  # none that could not decide
    assert audit.detections["severity"].tolist() == ["medium"]
    assert "let in" not in audit.summary().sentence
    names = {*audit.log_counts["address"]} - {""}
    assert sorted(("203.0.113." in one, " (known)" in one) for one in names) == [(False,) * 2, (True,) * 2]


@pytest.mark.parametrize(("status", "statuses", "named"), [
    (422, "failed_statuses = [422]\n", True), (422, "failed_statuses = [422]\n", False), (401, "", True),
    (302, "", False), (401, "failed_statuses = [401]\n", True), (401, "failed_statuses = [401]\n", False),
])  # fmt: skip
def test_a_login_that_an_answer_and_a_message_tell_counts_once(
    status: int, statuses: str, named: bool, tmp_path: Path
) -> None:
    """Twelve logins that fail, each with a message beside it, are twelve, whoever the message names."""
    lines = []
    for number in range(12):
        at = (START + timedelta(seconds=10 * number)).isoformat()
        lines.append(f'{at} INFO:     {ATTACKER}:1 - "POST /session HTTP/1.1" {status} X\n')
        lines.append(f"{at} INFO: Sign-in refused{f' from {ATTACKER}' * named}\n")
    declared = f'method = "POST"\nroute = "/session"\n{statuses}failed_message = "Sign-in refused"\n'
    _, rules, logs = _project(tmp_path / "app", "".join(lines), _login(declared), DECLARES_401)
    assert _found(_detections(rules, logs), "guessing")["count"].tolist() == [12]
    assert failed_logins(logs.events, rules.logins)["count"].sum() == 12
    answers = logs.events[logs.events["status"].notna()]
    counts = [len(failed_logins(answers, logins)) for logins in (rules.logins, ())]
    assert counts == [12 * (status != 302), 12 * (status == 422)]
