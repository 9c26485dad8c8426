"""The hour-of-week baseline: both tails, quiet hours, few discoveries where nothing is."""

import re
from pathlib import Path

import numpy as np

from audit_lib.logins.detections.hour_baseline import discoveries
from tests.bench.baseline import METHODS, ours, quiet_hours
from tests.support.small_logs import detections

HOUR, DAY = 3600, 86400


def test_quiet_hour_bursts_and_silences_are_found() -> None:
    """On the construction where STL's label finds none of the bursts and no silence nearly all are found."""
    found, silences, other = quiet_hours(12, ours)
    assert found >= 11
    assert silences >= 11
    assert other <= 24  # hours, of 24 series of 672


def test_nights_that_are_always_silent_are_no_silence(tmp_path: Path) -> None:
    """Three nights with an attack raise the mean of their hour; the other nights stay what they are."""
    days = [(day * DAY + hour * HOUR + 60 * n, f"192.0.2.{n}", "/api/a", 200) for day in range(28)
            for hour in range(8, 20) for n in range(9)]  # fmt: skip
    nights = [(day * DAY + 2 * HOUR + 9 * n, "203.0.113.9", "/api/a", 401) for day in (3, 9, 24)
              for n in range(300)]  # fmt: skip
    found = detections(tmp_path, [*days, *nights], days=28)
    rows = found[found["detection"].eq("A13")]
    assert not rows["classification"].str.contains("silent").any()
    assert rows["classification"].str.contains("failed logins; usual at this time").any()


def test_a_long_stretch_does_not_make_itself_usual(tmp_path: Path) -> None:
    """Of a day with many times as many requests what is told as usual is what the other days have."""
    lines = [
        (day * DAY + hour * HOUR + 20 * n, f"192.0.2.{n % 5}", "/api/a", 200)
        for day in range(28)
        for hour in range(24)
        for n in range(80 if day == 20 else 3)
    ]
    found = detections(tmp_path, lines, days=28)
    [told] = found[found["detection"].eq("A13") & found["subject"].eq("requests")]["classification"]
    count, usual = (int(number) for number in re.findall(r"\d+", told))
    assert count == 24 * 80
    assert abs(usual - 24 * 3) <= 5


def test_stl_labels_neither() -> None:
    """The rival that we are held against: its label is +1 in no quiet hour, and no silence has one."""
    assert quiet_hours(12, METHODS["STL as msticpy labels it"])[:2] == (0, 0)


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    """The example of their paper (1995, section 3.2): at 5 % the four least of fifteen are discoveries."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert discoveries(np.array(p), 0.05).sum() == 4
    assert not discoveries(np.array([]), 0.05).any()
