"""Prints for each detection its recall on labelled traffic, and every false alarm.

Run by itself: python -m tests.bench.detections [--scenes N]
"""

import argparse
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from tests.support.traffic.scenes import attacked, changed, clean, detections_of, hopped, mishaps
from tests.support.traffic.score import BESIDE, alarms, false_alarms, missed, wilson

SCENES = (clean, attacked, hopped, changed, partial(changed, recorded=False), mishaps)


def main() -> None:
    """Prints a row for each detection, then each false alarm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=20, help="how many of each kind")
    planted, lost, rows, false = Counter[str](), Counter[str](), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory(prefix="audit-bench-") as folder:
        for number, scene_of in enumerate(SCENES):
            for seed in range(parser.parse_args().scenes):
                scene = scene_of(seed)
                found = detections_of(scene, Path(folder) / f"{number}-{seed}")
                planted.update(truth.detection for truth in scene.truths if truth.detection not in BESIDE)
                lost.update(truth.detection for truth in missed(scene, found))
                rows.update(row.detection for row in alarms(found))
                false += [f"{number}-{seed} {text}" for text in false_alarms(scene, found)]
    print("| detection | planted | recall | 95 % | alarms | false |\n|--|--|--|--|--|--|")
    for name, count in sorted(planted.items()):
        hits, wrong = count - lost[name], sum(f" {name} " in text for text in false)
        low, high = wilson(hits, count)
        print(f"| {name} | {count} | {hits / count:.2f} | {low:.2f}-{high:.2f} | {rows[name]} | {wrong} |")
    print("\n".join(false))


if __name__ == "__main__":
    main()
