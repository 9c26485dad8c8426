"""On labelled weeks of traffic detections hold their floors; tests/bench/detections.py prints the table."""

from pathlib import Path

import pytest

from tests.support.traffic.scenes import (
    START,
    attacked,
    changed,
    clean,
    detections_of,
    hopped,
    mishaps,
    skewed,
)
from tests.support.traffic.score import Score, add, alarms

ATTACKS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "A12", "A13", "A15")


@pytest.fixture(scope="module")
def seeds(long_run: bool) -> range:
    """How many scenes of each kind."""
    return range(100, 112 if long_run else 102)


def test_attacks_are_found_and_little_else(seeds: range, tmp_path: Path) -> None:
    """Of each planted attack at least 80 % are seen, and 90 % of all alarms are right."""
    scores: dict[str, Score] = {}
    for seed in seeds:
        scene = attacked(seed)
        add(scores, scene, detections_of(scene, tmp_path / str(seed)))
    for detection in ATTACKS:
        score = scores[detection]
        assert score.seen >= 0.8 * score.planted, detection
        assert score.right >= 0.9 * score.rows, detection


def test_hopping_attackers_are_found_by_their_network_and_an_office_is_not(
    seeds: range, tmp_path: Path
) -> None:
    """Of attacks that only a /24 or /64 shows at least 80 % are seen, and 90 % of all alarms are right."""
    scores: dict[str, Score] = {}
    for seed in seeds:
        scene = hopped(seed)
        add(scores, scene, detections_of(scene, tmp_path / str(seed)))
    for detection in ("A1", "A3", "A5", "A7", "A15"):
        score = scores[detection]
        assert score.seen >= 0.8 * score.planted, detection
        assert score.right >= 0.9 * score.rows, detection
    assert {name for name in scores if " by " in name} == {
        f"{detection} by /{bits}" for detection in ("A1", "A3", "A7", "A15") for bits in (24, 64)
    }


def test_mishaps_are_found_and_their_likes_are_not(seeds: range, tmp_path: Path) -> None:
    """Newcomers, values in addresses, failures of database, server and start, a clock that is set back, and
    nights of failures are found."""
    scores: dict[str, Score] = {}
    for seed in seeds:
        scene = mishaps(seed)
        add(scores, scene, detections_of(scene, tmp_path / str(seed)))
    for name, score in scores.items():
        if name in ("A8", "A16", "A17", "A18", "A20"):
            assert score.right == score.rows, name
        assert score.seen >= 0.8 * score.planted, name


def test_clocks_that_differ_hide_no_attack(seeds: range, tmp_path: Path) -> None:
    """Where one of two instances is minutes ahead each attack is still seen, and no jump is told."""
    scores: dict[str, Score] = {}
    for seed in seeds:
        scene = skewed(attacked(seed), seed)
        add(scores, scene, detections_of(scene, tmp_path / str(seed)))
    assert all(scores[name].seen >= 0.8 * scores[name].planted for name in ATTACKS)
    assert scores["A19"].rows == 0


def test_ordinary_weeks_raise_no_alarm(seeds: range, tmp_path: Path) -> None:
    """Expired sessions, pollers, an address that many share and typing errors are no attack."""
    rows = []
    for seed in seeds:
        found = detections_of(clean(seed), tmp_path / str(seed))
        rows += [
            row for name in (*ATTACKS, "A10", "A11", "A19", "A20") for row in alarms(found, name).itertuples()
        ]
    assert len(rows) <= len(seeds)


def test_a_rotation_a_break_and_a_gap_are_no_attack(seeds: range, tmp_path: Path) -> None:
    """Sources are classed after the rotation, the break and the gap are named, and no attack is claimed."""
    for seed in seeds:
        scene = changed(seed)
        found = detections_of(scene, tmp_path / str(seed))
        classes = found[found["detection"].eq("A9")].set_index("subject")["classification"].str.split().str[0]
        known = dict(scene.truths[0].kinds)
        assert sum(classes.get(client) == kind for client, kind in known.items()) >= 0.8 * len(known)
        assert {name for name in ("A10", "A19") if len(alarms(found, name))} == {"A10", "A19"}
        assert not any(len(alarms(found, name)) for name in ("A1", "A2", "A5", "A6", "A7", "A11"))


def test_a_rotation_on_no_record_is_an_unrecorded_change(seeds: range, tmp_path: Path) -> None:
    """The step is found within an hour of its true time, once."""
    for seed in seeds:
        scene = changed(seed, recorded=False)
        found = alarms(detections_of(scene, tmp_path / str(seed)), "A11")
        assert len(found) == 1
        at = (found["first_at"].iloc[0].timestamp() - START.timestamp()) - scene.truths[0].first
        assert abs(at) <= 2 * 3600
