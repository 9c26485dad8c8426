"""Where requests stand under one name for many routes, finding nothing is unknown, what is found stays."""

from pathlib import Path

import pandas as pd

from audit_lib.base.log_kinds import OTHER_ROUTES
from tests.support.small_logs import Ask, detections, verdicts

EVIL, USER = "203.0.113.9", "192.0.2.4"
BY_ANSWERED = {"A3", "A6", "A7", "A8", "A9", "A10", "A11", "A15"}
LETTERS = "abcdefghijklmnopqrst"


def _quiet(status: int) -> list[Ask]:
    """A day of requests, one in each hour, each to a route of its own; three sources take turns."""
    return [(h * 3600, f"192.0.{h % 3}.4", f"/api/r{LETTERS[h % 20]}", status) for h in range(24)]


def _told(folder: Path, asks: list[Ask], routes: int) -> pd.DataFrame:
    return detections(folder, asks, routes=routes, clients="real")


def _became_unknown(folder: Path, asks: list[Ask]) -> set[str]:
    whole, few = _told(folder, asks, 100), _told(folder, asks, 3)
    before, after = verdicts(whole), verdicts(few)
    changed = {name for name in before if before[name] != after[name]}
    assert {(before[name], after[name]) for name in changed} <= {("none", "unknown")}
    said = few.set_index("detection").loc[sorted(changed), "reason"]
    assert said.str.contains("since there are too many routes").all()
    assert not whole["reason"].str.contains("too many routes").any()
    return changed | set(few.loc[few["reason"].str.contains("too many routes"), "detection"])


def test_answered_requests_without_their_route_make_verdicts_unknown(tmp_path: Path) -> None:
    """What rests on which routes are protected, or on what was asked for, is not said to be absent."""
    assert _became_unknown(tmp_path, _quiet(200)) == BY_ANSWERED


def test_missed_routes_concern_scanning_alone(tmp_path: Path) -> None:
    """What a scanner leaves takes no verdict from others; that nobody scans is no longer said."""
    assert _became_unknown(tmp_path, _quiet(404)) == {"A15"}


def test_a_scan_is_found_by_what_is_left_of_it(tmp_path: Path) -> None:
    """A scan stays found while enough of its routes are kept; their number is said to be a least one."""
    scan = [(n, EVIL, f"/{LETTERS[n % 20]}{LETTERS[n // 20]}.php", 404) for n in range(400)]
    found = _told(tmp_path, [*_quiet(200)[:2], *scan], 60).set_index("detection").loc["A15"]
    assert found["verdict"] == "found"
    assert found["classification"].startswith("at least 61 requested routes")
    assert found["count"] == 400


def test_a_rule_for_every_route_does_not_fit_the_others(tmp_path: Path) -> None:
    """Of requests whose route is not kept nobody says that they asked for a sensitive file."""
    found = {
        routes: detections(tmp_path, _quiet(200), routes=routes, clients="real", sensitive_routes=["*r*"])
        for routes in (100, 0)
    }
    assert [verdicts(found[routes])["A15"] for routes in (100, 0)] == ["found", "unknown"]


def test_refusals_keep_their_routes(tmp_path: Path) -> None:
    """A source that is refused on many routes is found, though the requests to them stand under one name."""
    asks = [(n, EVIL, f"/api/q{LETTERS[n]}", 401) for n in range(10)]
    found = _told(tmp_path, [*_quiet(200), *asks], 2).set_index("detection").loc["A6"]
    assert (found["verdict"], found["count"]) == ("found", 10)
    assert found["classification"].startswith("refused on 10 protected routes")
    assert OTHER_ROUTES in found["classification"]


def test_an_answer_on_an_unknown_route_is_no_answer_on_a_protected_one(tmp_path: Path) -> None:
    """Failures, then an answer whose route is not kept: not found, and not said to be absent."""
    asks: list[Ask] = [(n * 60, EVIL, "/api/positions", 401) for n in range(5)]
    asks += [(320, EVIL, "/api/positions", 200)]
    assert verdicts(_told(tmp_path, [*_quiet(204), *asks], 100))["A7"] == "found"
    assert verdicts(_told(tmp_path, [*_quiet(204), *asks], 0))["A7"] == "unknown"
