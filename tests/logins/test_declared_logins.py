"""Logins that are declared count exactly, and those that are not leave nothing "none"."""

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.in_words import DECLARED
from audit_lib.ledger import Ledger
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.declared import propose
from audit_lib.logins.detect import judge, tabulate
from audit_lib.logins.parameters import DetectionPolicy, detection_policy
from audit_lib.logins.traffic import Window
from audit_lib.logs.formats import load_formats
from audit_lib.logs.read import LogRead, read_logs
from audit_lib.settings import Policy, Project, choose_policy, load_project
from tests.support.audits import run_audit
from tests.support.login_logs import APPLICATIONS, ATTACKER, START, Application, truth, visits, written
from tests.support.small_logs import DECLARED_LOG, traffic_of

UNTIL = START + timedelta(days=14)
# Detections that look at failed logins.
GUESSING = {"guessing", "spraying", "let-in", "known-clients-failing"}
POLICY = 'name = "own"\nextends = "generic"\n[detections]\nclients = "real"\n'
DECLARES_401 = "[detections.failure]\nstatuses = [401, 403]\n"


def _project(
    folder: Path, log: str, audit: str = "", policy: str = ""
) -> tuple[Policy, DetectionPolicy, LogRead]:
    folder.mkdir(exist_ok=True)
    (folder / "app.log").write_text(log, "utf-8")
    layout = 'time_zone = "UTC"\n'
    layout += '[[log]]\npattern = "app.log"\nservice = "web"\ninstances = 1\n'
    (folder / "audit.toml").write_text(layout + audit, "utf-8")
    (folder / "own.toml").write_text(POLICY + policy, "utf-8")
    project = load_project(folder)
    chosen = choose_policy(project, str(folder / "own.toml"))
    rules = detection_policy(chosen)
    formats = load_formats().declaring(rules.failed_statuses, rules.logins)
    return chosen, rules, read_logs(project, None, formats)


def _detections(rules: DetectionPolicy, logs: LogRead, until: datetime = UNTIL) -> pd.DataFrame:
    project = Project("app", Path(), log_sources=(DECLARED_LOG,))
    return tabulate(judge(traffic_of(logs, rules, Window(START, until), project)))


def _declared(application: Application) -> str:
    return f'[[logins]]\nname = "page"\n{application.declaration}'


def _alert(policy: Policy, rules: DetectionPolicy, logs: LogRead, since: datetime = START) -> str:
    project = Project("app", Path(), log_sources=(DECLARED_LOG,))
    alerts = evaluate(policy.alerts, traffic_of(logs, rules, Window(since, UNTIL), project), Ledger())
    return str(alerts.set_index("alert").loc["failed authentication", "state"])


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_failed_logins_are_exact_once_declared(application: Application, tmp_path: Path) -> None:
    """Counts, addresses and events are those that were planted, and the alert fires."""
    made = visits(1)
    policy, rules, logs = _project(tmp_path / "app", written(application, made), _declared(application))
    failed = logs.counts[logs.counts["kind"].eq(DECLARED)]
    assert failed.groupby("client")["count"].sum().to_dict() == dict(truth(made))
    assert int(logs.sources["not_understood"].sum()) == 0
    events = logs.events[logs.events["kind"].eq(DECLARED)]
    assert sorted(events["at"]) == sorted(visit.at for visit in made if visit.what == "failed")
    assert _alert(policy, rules, logs) == "fired"
    found = _detections(rules, logs)
    bursts = found[found["detection"].eq("guessing") & found["verdict"].eq("found")]
    assert ATTACKER in set(bursts["subject"])
    entered = found[found["detection"].eq("let-in")]
    if application.tells_success:
        assert ATTACKER in set(entered["subject"])
    else:
        assert set(entered["verdict"]) != {"none"}


@pytest.mark.parametrize("policy", ["", DECLARES_401], ids=["nothing declared", "401 declared"])
@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_nothing_is_none_or_quiet_before(application: Application, policy: str, tmp_path: Path) -> None:
    """Before its login is declared no detection of failed logins says "none", and the alert is not quiet.

    It fires only if messages of the application say so.
    """
    log = written(application, visits(1))
    chosen, rules, logs = _project(tmp_path / "app", log, policy=policy)
    found = _detections(rules, logs)
    assert set(found.loc[found["verdict"].eq("none"), "detection"]) & GUESSING == set()
    told = logs.events["kind"].eq("login_failed") & logs.events["client"].eq(ATTACKER)
    assert _alert(chosen, rules, logs) == ("fired" if told.any() else "unknown")


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.name)
def test_the_login_is_proposed(application: Application, tmp_path: Path) -> None:
    """The route that was planted is asked about, and no other; once declared it is not."""
    log = written(application, visits(1))
    _, rules, logs = _project(tmp_path / "before", log)
    asked = propose(logs.counts, rules.logins, rules.failed_statuses)
    assert len(asked) == 1
    route = next(line for line in asked[0].block.splitlines() if "route = " in line)
    assert route.removeprefix("# ") in application.declaration
    _, rules, logs = _project(tmp_path / "after", log, _declared(application))
    assert propose(logs.counts, rules.logins, rules.failed_statuses) == ()


def _line(second: int, client: str, request: str, status: int) -> str:
    at = START + timedelta(seconds=second)
    return f'{client} - - [{at:%d/%b/%Y:%H:%M:%S +0000}] "{request} HTTP/1.1" {status} 5 "-" "x"\n'


def _incidents(found: pd.DataFrame) -> set[tuple[str, str, str]]:
    rows = found[found["verdict"].eq("found")]
    return set(zip(rows["detection"], rows["subject"], rows["severity"], strict=True))


SAID = "Invalid email or password for x"


@pytest.mark.parametrize(("answers", "message", "declaration"), [
    ({500: 9}, SAID, "failed_statuses = [500]"), ({200: 9}, SAID, 'failed_message = "…"'),
    ({200: 9}, "", ""), ({500: 9, 200: 4}, "", ""),
    ({401: 9, 500: 2, 200: 4}, SAID, "failed_statuses = [401]"),
])  # fmt: skip
def test_a_login_is_proposed_by_what_it_answers_or_by_messages(
    answers: dict[int, int], message: str, declaration: str, tmp_path: Path
) -> None:
    """A login that answers 500, or 200 to everybody, is proposed if messages report failures."""
    log = [
        _line(9 * n, ATTACKER, "POST /login", status) for status in answers for n in range(answers[status])
    ]
    log += [f"{START.isoformat()} app: {message}\n"] * 5 if message else []
    _, rules, logs = _project(tmp_path / "app", "".join(log), policy=DECLARES_401)
    asked = propose(logs.counts, rules.logins, rules.failed_statuses)
    assert [declaration in one.block for one in asked] == [True] * bool(declaration)


def test_audit_toml_takes_nothing_away(tmp_path: Path) -> None:
    """Whatever an insider declares in audit.toml, each incident and refusal from before is still there."""
    log = [_line(-7000 + 900 * n, "198.51.100.9", "POST /api/login", 401) for n in range(6)]
    log += [_line(10 * n, ATTACKER, "POST /api/login", 401) for n in range(20)]
    log += [_line(300 + n, ATTACKER, "GET /api/orders", 401) for n in range(6)]
    log.append(_line(330, ATTACKER, "POST /api/login", 200))
    log.append(_line(340, ATTACKER, "GET /api/orders", 200))
    lever = '[[logins]]\nname = "page"\nroute = "/api/login"\n'
    lever += "failed_statuses = [418]\nsucceeded_statuses = [401, 200]\n"
    lever += '[[logins]]\nname = "orders"\nroute = "/api/orders"\nmethod = "GET"\n'
    lever += "failed_statuses = [500]\nsucceeded_statuses = [401]\n"
    _, rules, before = _project(tmp_path / "before", "".join(log), policy=DECLARES_401)
    honest = _detections(rules, before)
    _, rules, after = _project(tmp_path / "after", "".join(log), lever, DECLARES_401)
    pulled = _detections(rules, after)
    assert {"guessing", "let-in"} <= {detection for detection, _, _ in _incidents(honest)}
    assert _incidents(honest) <= _incidents(pulled)
    assert before.counts["kind"].tolist() == after.counts["kind"].tolist()


def test_a_redirect_that_nobody_follows_is_not_known(tmp_path: Path) -> None:
    """A program that does not follow a redirect may have failed or not: nothing is claimed."""
    log = "".join(_line(20 * n, ATTACKER, "POST /auth/sign-in/", 302) for n in range(50))
    declared = '[[logins]]\nname = "page"\nroute = "/auth/sign-in"\nfailed_redirect = "/?error_code"\n'
    policy, rules, logs = _project(tmp_path / "app", log, declared)
    assert dict(zip(logs.counts["kind"], logs.counts["count"], strict=True)) == {"possible_login_failure": 50}
    assert logs.minutes["declared"].sum() == 0
    found = _detections(rules, logs)
    assert set(found.loc[found["detection"].isin(GUESSING), "verdict"]) == {"unknown"}
    assert _alert(policy, rules, logs) == "unknown"


@pytest.mark.parametrize(("path", "answered"), [
    ("/.env", True), ("/app/.git/config", True), ("/.kube/config", True), ("/.well-known-not/x", True),
    ("/.well-known/security.txt", False), ("/a..b", False), ("/../etc", False),
])  # fmt: skip
def test_dotfiles_are_a_class_of_their_own(path: str, answered: bool, tmp_path: Path) -> None:
    """Probing is whoever is answered for a name that begins with a dot, but for /.well-known/."""
    found = _detections(*_project(tmp_path / "app", _line(0, ATTACKER, f"GET {path}", 200))[1:])
    severities = set(found.loc[found["detection"].eq("probing") & found["verdict"].eq("found"), "severity"])
    assert severities == ({"critical"} if answered else set())


def test_audit_toml_alone_makes_nothing_known_by_what_never_happens(tmp_path: Path) -> None:
    """A declaration that no line ever fits leaves what rests on it unknown."""
    log = "".join(_line(60 * n, f"198.51.100.{n % 20}", "GET /", 200) for n in range(200))
    lever = '[[logins]]\nname = "x"\nroute = "/never"\nfailed_statuses = [418]\n'
    policy, rules, logs = _project(tmp_path / "app", log, lever)
    assert _alert(policy, rules, logs) == "unknown"
    reasons = _detections(rules, logs).set_index("detection")["reason"]
    assert "audit.toml alone declares logins" in reasons["guessing"]


@pytest.mark.parametrize("place", ["audit.toml", "policy"])
def test_a_redirect_after_failures_is_no_certain_success(place: str, tmp_path: Path) -> None:
    """If a failure is a redirect, too, a policy makes a success unknown, and audit.toml puts it in doubt."""
    said = [written(APPLICATIONS[1], [visit for visit in visits(4) if visit.what != "succeeded"])]
    given = _declared(APPLICATIONS[1])
    audit, policy = (given, "") if place == "audit.toml" else ("", given)
    _, rules, logs = _project(tmp_path / "app", said[0], audit, policy)
    found = _detections(rules, logs)
    entered = found[found["detection"].eq("let-in")]
    if place == "policy":
        assert set(entered["verdict"]) == {"unknown"}
    else:
        assert entered["classification"].str.contains("does not declare this a success").all()


@pytest.mark.parametrize("identities", ["masked", "full"])
def test_tables_mark_known_clients(identities: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a review's tables an own monitor is marked, masked or not, and others are not."""
    monkeypatch.setenv("AUDIT_KEY_FILE", str(tmp_path / "none"))
    clients = (ATTACKER, "198.51.100.9")
    log = "".join(_line(10 * n, client, "POST /api/login", 401) for n in range(3) for client in clients)
    _project(tmp_path / "app", log, policy=f'known_clients = ["{ATTACKER}"]\n{DECLARES_401}')
    own = str(tmp_path / "app" / "own.toml")
    opened = load_project(tmp_path / "app")
    audit = run_audit(opened, "2026Q4", "2026-12-31", identities=identities, policy=own)
    shown = {name: " (known)" in name for name in audit.log_counts["address"] if name}
    assert sorted(shown.values()) == [False, True]
    assert [text.startswith("203.0.113.") for text, known in shown.items() if known] == [True]


@pytest.mark.parametrize(("status", "statuses", "named"), [
    (422, "failed_statuses = [422]\n", True), (422, "failed_statuses = [422]\n", False), (401, "", True),
])  # fmt: skip
def test_a_login_that_an_answer_and_a_message_tell_counts_once(
    status: int, statuses: str, named: bool, tmp_path: Path
) -> None:
    """Six logins that are refused, each with a message beside it, are six, whoever the message names."""
    lines = []
    for number in range(6):
        at = (START + timedelta(seconds=10 * number)).isoformat()
        lines.append(f'{at} INFO:     {ATTACKER}:1 - "POST /session HTTP/1.1" {status} X\n')
        lines.append(f"{at} INFO: Sign-in refused{f' from {ATTACKER}' * named}\n")
    declared = f'[[logins]]\nname = "page"\nmethod = "POST"\nroute = "/session"\n{statuses}'
    declared += 'failed_message = "Sign-in refused"\n'
    _, rules, logs = _project(tmp_path / "app", "".join(lines), declared, DECLARES_401)
    found = _detections(rules, logs)
    assert found.loc[found["detection"].eq("guessing") & found["verdict"].eq("found"), "count"].tolist() == [
        6
    ]
