"""What an alert comes to: which events fire it, from when until when, and by which lines."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from audit_lib.ledger import Entry
from audit_lib.logins.alerts import evaluate
from audit_lib.settings.models import AlertRule
from tests.support.histories import ledger_of, rotation
from tests.support.paths import rows_beside
from tests.support.small_logs import START, Ask, small_traffic

CASES = rows_beside(__file__)["case"]
UNTIMED = 'INFO:     192.0.2.1:1 - "GET /api/x HTTP/1.1" 401 X\n'


def _record(hour: float, verdict: str) -> Entry:
    at = START + timedelta(hours=hour)
    body = {"subject": "x", "by": "Bo", "reason": "why", "verdict": verdict}
    if verdict:
        return Entry(v=1, writer="bo", seq=1, at=at, kind="decision", key_id="0" * 8, body=body)
    return rotation(at, ("API_TOKEN", "production", "backend"), at)


@pytest.mark.parametrize(("rule", "given", "expected", "text"), [row[1:] for row in CASES])
def test_an_alert_fires_on_so_many_within_its_window(
    rule: dict[str, Any], given: dict[str, Any], expected: list[Any], text: str
) -> None:
    """Only what lies in the time counts; what has no time of its own counts if it must lie there."""
    hours = given.get("answered", range(1, 24))
    asks: list[Ask | str] = [(hour * 3600.0, "198.51.100.1", "/api/x", 200) for hour in hours]
    asks += [(60.0 * minute, "192.0.2.1", "/api/x", 401) for minute in given.get("refused", ())]
    traffic = small_traffic([*asks, *[UNTIMED] * given.get("untimed", 0)])
    ledger = ledger_of([_record(hour, given.get("verdict", "")) for hour in given.get("recorded", ())])
    row = evaluate([AlertRule(**{"name": "x", **rule})], traffic, ledger).iloc[0]
    times = pd.to_datetime(row[["first_at", "last_at"]], utc=True)
    minutes = ((times - pd.Timestamp(START)) / pd.Timedelta(minutes=1)).fillna(-1)
    assert [row["state"], row["count"], *minutes] == expected
    assert (row["evidence"] if row["state"] == "fired" else row["reason"]).startswith(text)
