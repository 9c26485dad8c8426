"""What an auditor asks of the review itself is answered, and nothing that is not known is."""

import pandas as pd
import pytest

from audit_lib.findings.contracts import SignOffs
from audit_lib.report.review_record import review_facts, review_record
from audit_lib.rotation.contracts import Rotations
from tests.support.made_up_audit import audit, filled


def _at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.mark.parametrize(
    ("as_of", "on_time"), [("2026-06-30 23:59:59", True), ("2026-03-31 23:59:59", False), (None, None)]
)
def test_an_earlier_review_was_on_time_or_not(as_of: str | None, on_time: bool | None) -> None:
    """Signed within thirty days after its quarter it was; without a date of the review nobody knows."""
    row = {"by": "Ada", "at": _at("2026-07-30"), "as_of": None if as_of is None else _at(as_of)}
    (signed,) = review_record(audit(sign_offs=filled(SignOffs, [row])))["signed_before"]
    assert signed["on_time"] is on_time


@pytest.mark.parametrize(
    ("days", "mean"), [([2.0, 5.0], 3.5), ([2.0, None], None), ([], None)], ids=["known", "one not", "none"]
)
def test_the_mean_time_to_rotate_needs_each_one(days: list[float | None], mean: float | None) -> None:
    """A rotation of which it is not known how long it took leaves the mean unknown."""
    trigger = {"proof": "proved", "triggered_at": _at("2026-07-01")}
    made = [{**trigger, "days_to_done_min": one} for one in days]
    record = review_record(audit(rotations=filled(Rotations, made)))["days_to_rotate"]
    assert (record["forced"], record["mean_min"]) == (len(days), mean)


def test_every_quarter_of_the_ledger_has_its_days_to_rotate() -> None:
    """A rotation that may have been done in either of two quarters counts in the later one, once."""

    def made(by: str, days: float, evidence: str) -> dict[str, object]:
        bounds = {"days_to_done_min": days, "days_to_done_max": days}
        return {"proof": "proved", "by_at": _at(by), "triggered_at": _at(by), "evidence": evidence, **bounds}

    both = made("2026-07-02", 6.0, "ledger a#3")
    earlier = [made("2026-02-01", 1.0, "ledger a#1"), made("2026-05-01", 2.0, "ledger a#2"), both]
    frames = {
        name: filled(Rotations, rows)
        for name, rows in (("earlier_rotations", earlier), ("rotations", [both]))
    }
    record = review_record(audit(**frames))["days_to_rotate_by_quarter"]
    told = [(one["quarter"], one["forced"], one["mean_max"]) for one in record]
    assert told == [("2026Q1", 1, 1.0), ("2026Q2", 1, 2.0), ("in all", 3, 3.0)]
    facts = dict(review_facts(audit(**frames)).rows)
    assert (
        facts["days to rotate, in all"]
        == "3 rotations, 3 with a known trigger: mean 3 to 3 days from trigger to done"
    )
    assert facts["days without a log line"] == "90 of 92: 3 Jul – 30 Sep"
