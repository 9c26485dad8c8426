"""The hour-of-week baseline: both tails, quiet hours, few discoveries where nothing is."""

import numpy as np

from audit_lib.tables.detections.baseline import discoveries
from tests.bench.baseline import METHODS, ours, quiet_hours


def test_quiet_hour_bursts_and_silences_are_found() -> None:
    """On the construction where STL's label finds none of the bursts and no silence nearly all are found."""
    found, silences, other = quiet_hours(12, ours)
    assert found >= 11
    assert silences >= 11
    assert other <= 24  # hours, of 24 series of 672


def test_stl_labels_neither() -> None:
    """The rival that we are held against: its label is +1 in no quiet hour, and no silence has one."""
    assert quiet_hours(12, METHODS["STL as msticpy labels it"])[:2] == (0, 0)


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    """The example of their paper (1995, section 3.2): at 5 % the four least of fifteen are discoveries."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert discoveries(np.array(p), 0.05).sum() == 4
    assert not discoveries(np.array([]), 0.05).any()
