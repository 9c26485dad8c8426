"""After a rotation a source is recovered, stuck, stale, unrelated, or may replay the old value."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.ledger import Draft, Ledger, append, read_ledger
from audit_lib.ledger.keys import demo_key
from audit_lib.logs.contracts import Deploys
from tests.support.small_logs import START, Ask, detections

API, USER, EVIL = "/api/positions", "192.0.2.4", "203.0.113.9"
HOUR = 3600
ROTATED = 10 * HOUR


def _ledger(folder: Path, secret: str = "API_TOKEN", *, day_only: bool = False) -> Ledger:
    at = START + pd.Timedelta(seconds=0 if day_only else ROTATED)
    body = {
        "secret": secret,
        "environment": "production",
        "service": "backend",
        "source": "given",
        "claimed_at": iso(at),
        "day_only": day_only,
        "fingerprint": None,
        "by": "Al I.",
        "reason": "planned",
    }
    append(folder / "ledger", demo_key(), Draft("rotation", body), at, "alice")
    return read_ledger(folder / "ledger", demo_key())


def _asks(client: str, start: float, count: int, status: int, every: float = 600) -> list[Ask]:
    return [(start + number * every, client, API, status) for number in range(count)]


def _deploys(outcome: str = "took effect") -> pd.DataFrame:
    at = START + pd.Timedelta(seconds=ROTATED)
    names = ("deploy", "environment", "service", "status", "trigger", "commit", "message")
    row = {"file": "deploys.json", "line": 3, "outcome": outcome, "evidence": "deploys.json:3"}
    span = {"began_at": at - pd.Timedelta(minutes=3), "ended_at": at}
    return Deploys.of([row | span | dict.fromkeys(names, "")])


BEFORE = _asks(USER, HOUR, 10, 200)
SOURCES: dict[str, list[Ask]] = {
    "recovered": [*BEFORE, *_asks(USER, ROTATED + 60, 4, 401), *_asks(USER, ROTATED + HOUR, 5, 200)],
    "stale client": [*BEFORE, *_asks(USER, ROTATED + 60, 4, 401)],
    "stuck": [*BEFORE, *_asks(USER, ROTATED + 60, 200, 401)],
    "may replay the old value": [*BEFORE, *_asks(EVIL, ROTATED + 300, 12, 401)],
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_has_its_class(kind: str, tmp_path: Path) -> None:
    """What it did before the rotation, after it, and after the time to follow decides."""
    found = detections(tmp_path, SOURCES[kind], days=2, ledger=_ledger(tmp_path))
    rows = found[found["detection"].eq("A9") & found["subject"].ne("API_TOKEN")]
    assert rows["classification"].tolist() == [f"{kind} after the rotation of API_TOKEN (1 Sep 2026 10:00)"]


def test_who_is_answered_on_another_route_has_recovered(tmp_path: Path) -> None:
    """One token opens all routes: a last failure on one of them does not outweigh answers after it."""
    other = [(ROTATED + 30 * HOUR, USER, "/api/orders", 200)]
    asks = [*SOURCES["stuck"], (ROTATED + 26 * HOUR, USER, API, 401), *other]
    found = detections(tmp_path, asks, days=2, ledger=_ledger(tmp_path))
    rows = found[found["detection"].eq("A9") & found["subject"].eq(USER)]
    assert rows["classification"].str.startswith("recovered after").all()
    assert len(rows) == 1


def test_an_unrelated_source_is_only_counted(tmp_path: Path) -> None:
    """An attacker beside a stale client is named unrelated in the summary and has no row."""
    asks = [*SOURCES["recovered"], *_asks(EVIL, ROTATED - HOUR, 30, 401, 240)]
    found = detections(tmp_path, asks, ledger=_ledger(tmp_path))
    rows = found[found["detection"].eq("A9")]
    assert set(rows["subject"]) == {"API_TOKEN", USER}
    assert rows["classification"].str.contains("1 recovered, 1 unrelated").any()


def test_a_stale_client_is_no_attack(tmp_path: Path) -> None:
    """The burst of a client that holds the old token is explained; that of another source is not."""
    asks = [*BEFORE, *_asks(USER, ROTATED + 60, 30, 401, 20), *_asks(EVIL, ROTATED + 60, 30, 401, 21)]
    found = detections(tmp_path, asks, ledger=_ledger(tmp_path))
    bursts = found[found["detection"].eq("A1")].set_index("subject")
    assert bursts.loc[USER, "severity"] == "info"
    assert bursts.loc[EVIL, "severity"] != "info"


def test_the_rotation_of_a_secret_that_callers_do_not_use_explains_nothing(tmp_path: Path) -> None:
    """Failures after a new provider key are not joined with it."""
    found = detections(
        tmp_path, SOURCES["recovered"], ledger=_ledger(tmp_path, "TRADIER_API_KEY"), clients="real"
    )
    assert found.loc[found["detection"].eq("A9"), "verdict"].tolist() == ["none"]


def test_of_a_day_alone_two_failures_in_a_row_are_asked_for(tmp_path: Path) -> None:
    """Where only the rotation's day is recorded one stray failure makes no stale client."""
    stray = [(ROTATED, USER, API, 401), *_asks(USER, ROTATED + 60, 5, 200)]
    known, ledger = _asks(USER, -HOUR, 3, 200), _ledger(tmp_path, day_only=True)
    found = detections(tmp_path, [*known, *stray], ledger=ledger, clients="real")
    assert found.loc[found["detection"].eq("A9"), "verdict"].tolist() == ["none"]
    row = [*_asks(USER, ROTATED, 2, 401), *_asks(USER, ROTATED + HOUR, 5, 200)]
    found = detections(tmp_path, [*known, *row], ledger=ledger)
    assert found["classification"].str.startswith("recovered after").any()


@pytest.mark.parametrize(("failing", "known", "explained"), [(2, 4, True), (1, 3, False), (2, 8, False)])
def test_a_change_on_no_record_explains_many_sources_not_few(
    failing: int, known: int, explained: bool, tmp_path: Path
) -> None:
    """Known sources that fail together from one hour on are clients of a change (A11); one alone, or a small
    part of all, may be an attack that shares their address."""
    step, asks = 80 * HOUR, list[Ask]()
    for number in range(known):
        client, broken = f"192.0.{number}.4", number < failing
        asks += _asks(client, 0, step // 120, 200, 120)
        asks += _asks(client, step, 13 * 30, 401 if broken else 200, 120)
    found = detections(tmp_path, asks, days=4)
    bursts = found[found["detection"].eq("A1")]
    assert found.loc[found["detection"].eq("A11"), "verdict"].tolist() == ["found"]
    assert len(bursts) == failing
    assert bursts["severity"].eq("info").all() == explained
    assert bursts["classification"].str.contains("A11").all() == explained


SECOND = "192.0.2.5"
BOTH = [
    ask
    for user in (USER, SECOND)
    for ask in [*_asks(user, HOUR, 10, 200), *_asks(user, ROTATED + 60, 4, 401)]
]


def test_a_deploy_that_many_known_sources_fail_after_is_named(tmp_path: Path) -> None:
    """A deploy of the platform's list stands beside the failures, with its line; one that failed does not."""
    found = detections(tmp_path, BOTH, deploys=_deploys())
    rows = found[found["detection"].eq("A9")].set_index("subject")
    assert rows.loc["deploy", "classification"].startswith("after the deploy of 1 Sep 2026 09:57: 2 stale")
    assert rows.loc["deploy", "evidence"] == "deploys.json:3"
    failed = detections(tmp_path, BOTH, deploys=_deploys("failed"))
    assert "deploy" not in set(failed["subject"])


def test_one_source_that_fails_after_a_deploy_is_not_explained_by_it(tmp_path: Path) -> None:
    """An attack from a known address looks so: a deploy concerns many."""
    found = detections(tmp_path, SOURCES["recovered"], deploys=_deploys(), clients="real")
    assert found.loc[found["detection"].eq("A9"), "verdict"].tolist() == ["none"]


def test_a_step_at_a_deploy_is_on_record(tmp_path: Path) -> None:
    """A11 is told of a step without a deploy, and not of the same step with one."""
    asks = [ask for number in range(6) for ask in _asks(f"192.0.2.{number}", 60 * number, 60, 200)]
    asks += [ask for number in range(6) for ask in _asks(f"192.0.2.{number}", ROTATED + 60 * number, 60, 401)]
    for deploys, verdict in ((None, "found"), (_deploys(), "none")):
        found = detections(tmp_path, asks, deploys=deploys).set_index("detection")
        assert found.loc[["A11"], "verdict"].tolist() == [verdict]
