"""A status that the policy declares to be a failed login counts everywhere; logins that succeed are seen."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.logins import auth_failures
from audit_lib.logs.formats import load_formats
from audit_lib.logs.frames import LogRead
from audit_lib.logs.project_logs import read_logs
from audit_lib.settings import LogSource, Project
from tests.support.small_logs import Ask, detections, line, verdicts

EVIL, HOUR = "203.0.113.9", 3600
DECLARED = {"statuses": [400, 401, 403]}
VISITS: list[Ask] = [(hour * HOUR, f"198.51.{hour % 9}.7", "/page", 200) for hour in range(24)]


def _guesses(status: int) -> list[Ask]:
    return [(2 * HOUR + 5 * number, EVIL, "/login", status, "POST") for number in range(60)]


def _read(folder: Path, asks: list[Ask]) -> LogRead:
    (folder / "a.log").write_text("".join(map(line, asks)), "utf-8")
    formats = load_formats().declaring(DECLARED["statuses"])
    return read_logs(Project("test", folder, log_sources=(LogSource("a.log"),)), None, formats)


def test_a_declared_status_is_an_event_and_is_counted(tmp_path: Path) -> None:
    """Each 400 is an event with its line and a refusal in the totals, as a 401 is."""
    read = _read(tmp_path, [*VISITS, *_guesses(400)])
    assert read.events["kind"].value_counts()["declared_failure"] == 60
    totals = auth_failures.totals(read.sources, read.counts).set_index("total")["count"]
    assert totals["refused (400, 401, 403, 429)"] == 60
    kinds = auth_failures.by_kind(read.counts).set_index("kind")["count"]
    assert kinds["declared_failure"] == 60
    assert auth_failures.by_client(read.counts).iloc[0]["failures"] == 60


def test_statuses_that_are_declared_are_found_like_401(tmp_path: Path) -> None:
    """60 refusals by 400 in five minutes, then a login that succeeds, are what they are with 401."""
    (tmp_path / "400").mkdir()
    (tmp_path / "401").mkdir()
    entered: Ask = (2 * HOUR + 400, EVIL, "/login", 200, "POST")
    found = [
        detections(
            tmp_path / str(status), [*VISITS, *_guesses(status), entered], policy="generic", failure=DECLARED
        )
        for status in (400, 401)
    ]
    assert found[0].to_dict() == found[1].to_dict()
    by_id = verdicts(found[0])
    assert {id_ for id_, verdict in by_id.items() if verdict == "found"} >= {"A1", "A2", "A7", "A14"}


def test_an_alert_counts_declared_statuses(tmp_path: Path) -> None:
    """The alert on failed authentication fires on 400 if the policy declares it; the command ends with 3."""
    start = datetime.now(UTC) - timedelta(minutes=10)
    text = "".join(
        f'{iso(start + timedelta(seconds=number))} INFO: 192.0.2.1:1 - "POST /login HTTP/1.1" 400 X\n'
        for number in range(10)
    )
    (tmp_path / "app.log").write_text(text, "utf-8")
    (tmp_path / "audit.toml").write_text('[[log]]\npattern = "app.log"\n', "utf-8")
    (tmp_path / "own.toml").write_text(
        'name = "own"\nextends = "generic"\n[detections.failure]\nstatuses = [400]\n', "utf-8"
    )
    given = ["failures", "--alerts", "--since", "30m", "--project", str(tmp_path)]
    result = CliRunner().invoke(main, [*given, "--policy", str(tmp_path / "own.toml")])
    assert "FIRED    failed authentication: 10" in result.stdout
    assert result.exit_code == 3


@pytest.mark.parametrize("status", [200, 302, 303])
def test_a_login_after_failures_needs_no_protected_route(status: int, tmp_path: Path) -> None:
    """A login answered 200, 302 or 303 after failures is A7, though no route is declared protected."""
    pages: list[Ask] = [
        (2 * HOUR + 410 + page, EVIL, f"/page{'abcdefghijkl'[page]}", 200) for page in range(12)
    ]
    entered: Ask = (2 * HOUR + 400, EVIL, "/login", status, "POST")
    found = detections(
        tmp_path, [*VISITS, *_guesses(401), entered, *pages], policy="generic", failure=DECLARED
    )
    (seven,) = found[found["detection"].eq("A7")].to_dict("records")
    assert seven["verdict"] == "found"
    assert (seven["subject"], seven["severity"]) == (EVIL, "high")


def test_reading_the_form_is_no_login(tmp_path: Path) -> None:
    """A GET of the login route shows the form: success cannot be seen, so A3, A7 and A8 are unknown."""
    form: Ask = (2 * HOUR + 400, EVIL, "/login", 200, "GET")
    found = detections(tmp_path, [*VISITS, *_guesses(401), form], policy="generic", failure=DECLARED)
    rows = found.set_index("detection")
    for id_ in ("A3", "A7", "A8"):
        assert rows.loc[id_, "verdict"] == "unknown"
        assert (
            "no login that succeeds, and no answer on a protected route, was seen" in rows.loc[id_, "reason"]
        )


def test_redirects_of_a_form_that_refused_may_be_logins(tmp_path: Path) -> None:
    """A form under another name that refuses, then redirects, leaves A7 unknown until the policy names it."""
    asks = [*_guesses(401), (2 * HOUR + 400, EVIL, "/login", 302, "POST")]
    moved: list[Ask] = [(at, client, "/enter", status, "POST") for at, client, _, status, *_ in asks]
    inside: Ask = (HOUR, "198.51.1.7", "/enter", 200, "POST")
    found = detections(tmp_path, [*VISITS, inside, *moved], policy="generic", failure=DECLARED)
    seven = found.set_index("detection").loc["A7"]
    assert seven["verdict"] == "unknown"
    assert "1 redirects on routes that refuse may be logins that succeed" in seven["reason"]


def test_logins_that_fail_with_pauses_are_spaced(tmp_path: Path) -> None:
    """A3 counts refusals of the login route itself; a login between them ends the run."""
    tries: list[Ask] = [(HOUR + 660 * number, EVIL, "/login", 401, "POST") for number in range(4)]
    entered: Ask = (HOUR + 1000, EVIL, "/login", 303, "POST")
    for name, asks, verdict in (("tries", tries, "found"), ("entered", [*tries, entered], "none")):
        (tmp_path / name).mkdir()
        inside: Ask = (HOUR, "198.51.1.7", "/login", 303, "POST")
        found = detections(
            tmp_path / name, [*VISITS, inside, *asks], policy="generic", failure=DECLARED, clients="real"
        )
        assert verdicts(found)["A3"] == verdict
