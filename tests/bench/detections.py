"""Prints for each detection its precision, recall and delay on labelled traffic, with intervals.

Run by itself: python -m tests.bench.detections [--scenes N]
"""

import argparse
import math
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from audit_lib.logins.detections import Traffic, detect, detection_policy, tabulate
from audit_lib.logins.detections.thresholds import DetectionPolicy
from audit_lib.settings import bundled_policy
from tests.support.traffic.incidents import Truth
from tests.support.traffic.scenes import (
    attacked,
    changed,
    clean,
    detections_of,
    hopped,
    instant,
    mishaps,
    skewed,
    traffic_of,
)
from tests.support.traffic.score import Score, add, alarms, lies_on, wilson

OFFSETS = (
    0.5,
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    240,
    360,
    480,
    720,
    1440,
    2880,
    4320,
    7200,
    14400,
    21600,
    30240,
)
DELAYS = 5  # scenes of which delays are measured


def main() -> None:
    """Prints the table, then what accidents and clocks that differ do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=20, help="how many of each kind")
    scenes = parser.parse_args().scenes
    scores, delays, storms = measured(scenes)
    print(table(scores, delays))
    print(f"\nalarms of an attack on a rotation's storm, a broken deploy or a gap: {storms}")
    found, planted, jumps = skew(scenes)
    print(f"with two instances, one clock 1 to 4 minutes ahead: {found} of {planted} attacks, {jumps} jumps")


def measured(scenes: int) -> tuple[dict[str, Score], dict[str, list[float]], int]:
    """Scores by detection, delays in minutes, and how often an accident was called an attack."""
    scores: dict[str, Score] = {}
    delays: dict[str, list[float]] = {}
    storms = 0
    rules = detection_policy(bundled_policy("paiid"))
    with tempfile.TemporaryDirectory(prefix="audit-bench-") as folder:
        for seed in range(scenes):
            for number, scene in enumerate(
                (
                    clean(seed),
                    attacked(seed),
                    changed(seed),
                    changed(seed, recorded=False),
                    mishaps(seed),
                    hopped(seed),
                )
            ):
                traffic = traffic_of(scene, Path(folder) / f"{seed}-{number}")
                found = tabulate(detect(traffic, rules))
                add(scores, scene, found)
                if number == 2:  # the storm, the broken deploy, the gap
                    storms += sum(len(alarms(found, name)) for name in ("A1", "A2", "A3", "A5", "A6", "A7"))
                for truth in scene.truths if seed < DELAYS else ():
                    delays.setdefault(truth.name, []).append(delay(traffic, truth, rules))
    return scores, delays, storms


def skew(scenes: int) -> tuple[int, int, int]:
    """Attacks found and planted where two instances' clocks differ, and the jumps of a clock told there."""
    scores: dict[str, Score] = {}
    with tempfile.TemporaryDirectory(prefix="audit-bench-") as folder:
        for seed in range(scenes):
            scene = skewed(attacked(seed), seed)
            add(scores, scene, detections_of(scene, Path(folder) / str(seed)))
    known = [score for name, score in scores.items() if name != "A14"]
    return sum(one.seen for one in known), sum(one.planted for one in known), scores["A19"].rows


def delay(traffic: Traffic, truth: Truth, rules: DetectionPolicy) -> float:
    """Minutes from the first line of an incident until its detection sees it; infinite where never."""
    low, high = 0, len(OFFSETS)
    while low < high:
        middle = (low + high) // 2
        if _seen(traffic, truth, rules, OFFSETS[middle]):
            high = middle
        else:
            low = middle + 1
    return OFFSETS[low] if low < len(OFFSETS) else math.inf


def _seen(traffic: Traffic, truth: Truth, rules: DetectionPolicy, minutes: float) -> bool:
    end = pd.Timestamp(instant(truth.first + minutes * 60))
    cut = replace(
        traffic,
        requests=traffic.requests[traffic.requests["at"] <= end].reset_index(drop=True),
        failures=traffic.failures[traffic.failures["at"] <= end].reset_index(drop=True),
        events=traffic.events[traffic.events["at"] <= end].reset_index(drop=True),
    )
    # A10 and A9 explain others; only they need the causes.
    asked = {truth.detection, *(("A9", "A10") if truth.detection in ("A9", "A10") else ())}
    few = replace(rules, rules={name: rule for name, rule in rules.rules.items() if name in asked})
    rows = alarms(tabulate(detect(cut, few)), truth.detection)
    return any(lies_on(row, truth) for row in rows.itertuples())


def table(scores: dict[str, Score], delays: dict[str, list[float]]) -> str:
    """The table of the README: what was planted and seen, which alarms were right, how late."""
    lines = [
        "| detection | planted | recall | 95 % | alarms | precision | 95 % | delay, median |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for detection in sorted(scores, key=lambda name: (int(name[1:].split()[0]), name)):
        score = scores[detection]
        late = statistics.median(delays.get(detection, [0]))
        wait = "never" if late == math.inf else f"{late:g} min" if late else ""
        parts = (_share(score.seen, score.planted), _share(score.right, score.rows))
        lines.append(f"| {detection} | {score.planted} | {parts[0]} | {score.rows} | {parts[1]} | {wait} |")
    return "\n".join(lines)


def _share(hits: int, all_: int) -> str:
    if not all_:
        return " | "
    low, high = wilson(hits, all_)
    return f"{hits / all_:.2f} | {low:.2f}-{high:.2f}"


if __name__ == "__main__":
    main()
