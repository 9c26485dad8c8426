"""Two simulated years on machines with wrong clocks: the truth contradicts no verdict, interval or flag."""

from tests.support.clock_truth import measure


def test_no_clock_makes_a_wrong_verdict(long_run: bool) -> None:
    """Skewed and jumping clocks, restores, copies, clones, images, false records: nothing false."""
    tally = measure(range(2000 if long_run else 60))
    assert tally.wrong_verdicts == []
    assert tally.wrong_intervals == []
    assert tally.false_flags == []
    if long_run:
        assert tally.unknown <= 13
