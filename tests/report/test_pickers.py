"""What a picker redraws is what opening anew would show; nobody can pick, so nothing is drawn."""

import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from audit_lib.base.errors import BadInput
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation, LastComputed
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.logins.contracts import Requests
from audit_lib.logins.requests import Window, within
from audit_lib.report.focus import Focus
from audit_lib.report.pickers import LivePickers, pickers, picture, tables
from tests.support.planted_incidents import INCIDENT, STRANGER


def test_a_redraw_is_the_same_as_opening_anew(investigation: Investigation) -> None:
    """Frames that are built without checks, while somebody waits, equal those that are checked."""
    window = Window(INCIDENT - timedelta(days=1), INCIDENT + timedelta(days=1))
    focus = Focus(investigation)
    focus.pick(window.since.isoformat(), window.until.isoformat()).pick(secret="API_TOKEN")
    anew = replace(investigation, window=window, secret="API_TOKEN", computed=LastComputed())
    for tabulate in (tabulate_timeline, tabulate_exposure_windows, tabulate_explanations):
        pd.testing.assert_frame_equal(tabulate(focus.seen), tabulate(anew))
    pd.testing.assert_frame_equal(focus.seen.clients, anew.clients)


def test_what_is_picked_has_its_table_and_its_lane(investigation: Investigation) -> None:
    """An address and a secret each show in the tables; the address in the figure too."""
    focus = Focus(investigation)
    for picked, lane, title in (
        ({"client": STRANGER}, "this address", f"Routes of {STRANGER}"),
        ({"secret": "API_TOKEN"}, "exposed", "Exposure windows"),
    ):
        focus.pick(**picked)
        assert lane in picture(focus)
        assert title in tables(focus)


def test_a_choice_that_cannot_be_used_leaves_the_pickers_alive(investigation: Investigation) -> None:
    """Of a wrong instant the pickers say why and stay as they were; the next choice works."""
    live = LivePickers(Focus(investigation))
    live.fields["since"].value = "yesterday"
    assert "must be a date" in live.remark.value
    assert live.focus.seen is investigation
    live.fields["client"].value = "192.0.2.250"
    assert live.focus.seen.client == "192.0.2.250"
    assert "is in no request that was read" in live.remark.value


def test_a_window_that_ends_before_it_begins_changes_nothing(investigation: Investigation) -> None:
    """Both ends on one instant are refused, and leave the window as it was."""
    focus = Focus(investigation)
    with pytest.raises(BadInput, match="since: is not before"):
        focus.pick(INCIDENT.isoformat(), INCIDENT.isoformat())
    assert focus.seen is investigation


def test_where_nobody_can_pick_the_choices_are_shown(investigation: Investigation) -> None:
    """Outside of a front end the pickers are a table that names the parameters; its fold says which."""
    shown, folded = pickers(Focus(investigation))._repr_mimebundle_()
    assert "parameters" in shown["text/plain"]
    assert re.match(r"window .+ · address .+ · secret .+", folded["text/html"]["brief"])


def test_a_window_holds_its_rows_alone() -> None:
    """Of timed rows a slice is cut, with the minute in which the window begins; bounds may reach in."""
    start = pd.Timestamp("2026-09-01", tz="UTC")
    minutes = [start + pd.Timedelta(minutes=number) for number in range(6)]
    late = pd.Timedelta(seconds=59)
    told = [(None, start, False), (start, None, False), (start - 2 * late, start - late, False)]
    told += [(at, at + late, True) for at in minutes]
    frame = Requests.of(
        {
            "not_before_at": low,
            "not_after_at": high,
            "timed": timed,
            "status": 200,
            "count": 1,
            "line": 1,
            "declared": 0,
            "refused": False,
        }
        | dict.fromkeys(("file", "client", "method", "route"), "x")
        | {"protected": True}
        for low, high, timed in told
    )
    window = Window(minutes[1] + pd.Timedelta(seconds=30), minutes[3])
    assert within(frame, window).index.tolist() == [1, 4, 5, 6]
