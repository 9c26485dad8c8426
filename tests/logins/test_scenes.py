"""On labelled weeks of traffic each planted incident is found under its name, and little else."""

from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
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


@cache
def _found(kind: str, seed: int) -> tuple[scenes.Scene, pd.DataFrame]:
    """A scene, and its detections."""
    scene = SCENES[kind](seed)
    with TemporaryDirectory() as folder:
        return scene, scenes.detections_of(scene, Path(folder))


@pytest.mark.parametrize("kind", SCENES)
def test_what_is_planted_is_found_and_nothing_else(kind: str, long_run: bool) -> None:
    """Every planted incident has a row of its detection, and no row lies beside all of them."""
    for seed in range(100, 112 if long_run else 102):
        scene, found = _found(kind, seed)
        assert [(truth.detection, truth.label) for truth in scenes.missed(scene, found)] == []
        # Of addresses drawn by chance two may share a network.
        assert [text for text in scenes.false_alarms(scene, found) if "of 2 addresses" not in text] == []


def test_a_scene_that_is_not_planted_is_missed() -> None:
    """What the measure holds against the truth can fail: the rows of ordinary weeks find no attack."""
    assert len(scenes.missed(scenes.attacked(100), _found("ordinary weeks", 100)[1])) > 5
