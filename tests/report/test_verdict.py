"""The verdict and the score never count the unknown as good."""

import pandas as pd
import pytest

from audit_lib.report.judge import Score, score, verdict
from tests.support import made_up_audit as frames

READ = frames.sources().query("state == 'read'")
KNOWN = frames.freshness().query("status in ('fresh', 'due', 'exempt')")
ACCEPTED = frames.findings().query("status == 'accepted'")
OPEN, UNKNOWN = (frames.findings().query(f"status == '{status}'") for status in ("open", "unknown"))
UNKNOWN_AGE = frames.freshness().query("status == 'unknown'")


@pytest.mark.parametrize(
    ("sources", "freshness", "findings", "expected"),
    [
        (READ, KNOWN, ACCEPTED, "pass"),
        (READ, KNOWN, OPEN, "fail"),
        (READ, KNOWN, UNKNOWN, "unknown"),
        (READ, UNKNOWN_AGE, ACCEPTED, "unknown"),
        (frames.sources(), KNOWN, ACCEPTED, "unknown"),
        (READ.query("kind == 'env file'"), KNOWN, ACCEPTED, "unknown"),
        (READ.query("kind == 'log'"), KNOWN, ACCEPTED, "unknown"),
        (READ.head(0), KNOWN.head(0), ACCEPTED.head(0), "unknown"),
        (READ, KNOWN.head(0), ACCEPTED.head(0), "unknown"),
        (READ, KNOWN.query("status == 'exempt'"), ACCEPTED.head(0), "unknown"),
        (READ, KNOWN, OPEN.assign(severity="info"), "pass"),
    ],
)
def test_verdict(
    sources: pd.DataFrame, freshness: pd.DataFrame, findings: pd.DataFrame, expected: str
) -> None:
    """Fail needs an open finding; pass needs everything known and something read of secrets and of logs."""
    audit = frames.audit(sources=sources, freshness=freshness, findings=findings)
    assert verdict(audit) == expected
    assert expected == "unknown" or score(audit).low == score(audit).high or expected == "fail"


def test_the_unknown_widens_the_score() -> None:
    """Six secrets and a file missing: two open findings, one accepted on its own subject, three unknown."""
    marks = score(frames.audit())
    assert marks == Score(low=100 * 3 // 8, high=100 * 6 // 8)


def test_nothing_judged_is_every_score() -> None:
    """Without a subject the score is 0 to 100, never 100."""
    empty = {name: getattr(frames, name)().head(0) for name in ("sources", "freshness", "findings")}
    assert score(frames.audit(**empty)) == Score(0, 100)
