"""On labelled weeks of traffic each planted incident is found under its name, and little else."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.traffic import scenes

SCENES = {
    "ordinary weeks": scenes.clean,
    "attacks": scenes.attacked,
    "attackers who hop through a network": scenes.hopped,
    "a rotation, a broken deploy and a silence": scenes.changed,
    "a rotation on no record": partial(scenes.changed, recorded=False),
    "mishaps and slow guessing": scenes.mishaps,
    "two instances, one clock ahead": lambda seed: scenes.skewed(scenes.attacked(seed), seed),
}


@pytest.fixture(scope="module")
def seeds(long_run: bool) -> range:
    """How many scenes of each kind."""
    return range(100, 112 if long_run else 102)


@pytest.mark.parametrize("kind", SCENES)
def test_what_is_planted_is_found_and_nothing_else(kind: str, seeds: range, tmp_path: Path) -> None:
    """Every planted incident has a row of its detection, and no row lies beside all of them."""
    for seed in seeds:
        scene = SCENES[kind](seed)
        found = scenes.detections_of(scene, tmp_path / str(seed))
        assert [(truth.detection, truth.label) for truth in scenes.missed(scene, found)] == []
        # Of addresses drawn by chance two may share a network.
        assert [text for text in scenes.false_alarms(scene, found) if "of 2 addresses" not in text] == []


def test_a_scene_that_is_not_planted_is_missed(tmp_path: Path) -> None:
    """What the measure holds against the truth can fail: the rows of ordinary weeks find no attack."""
    assert len(scenes.missed(scenes.attacked(100), scenes.detections_of(scenes.clean(100), tmp_path))) > 5
