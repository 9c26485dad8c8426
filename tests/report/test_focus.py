"""What an analyst asks next: frames with their meaning, a focus, lines, notes."""

import re
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.frames import Contract, Sources
from audit_lib.incident.addresses import tabulate_routes
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.notes import add_note, noted_frames, tabulate_notes
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.logins.contracts import Requests
from audit_lib.report.focus import Focus
from audit_lib.report.frames import frame, frames, frames_of
from audit_lib.report.incident_sections import addresses_section, exposure_section, timeline_section
from audit_lib.report.incident_tables import clients_table, lines_table
from audit_lib.report.log_tables import shown_evidence
from audit_lib.report.meanings import meanings, summary
from audit_lib.report.table import as_html, as_text
from audit_lib.report.timeline_figure import timeline_figure
from tests.support.planted_incidents import INCIDENT, START, STRANGER

CONTRACTS = Contract.__subclasses__()


def test_every_column_of_every_frame_has_a_meaning() -> None:
    """What a frame holds and what each column means comes from its contract, and none is without."""
    for contract in CONTRACTS:
        assert summary(contract).endswith(".")
        assert all(meanings(contract).values())
    assert meanings(Requests)["refused"] == "401, 403, or declared to be a failed login"
    assert meanings(Sources)["zone_assumed"].startswith("Of a log: whether any time has no zone")


def test_frames_are_listed_and_given(investigation: Investigation) -> None:
    """Each frame is listed with its rows; by its name it is given, typed; a wrong name has a hint."""
    shown = as_text(frames(investigation))
    assert all(name in shown for name in frames_of(investigation))
    assert isinstance(frame(investigation, "requests")["not_before_at"].dtype, pd.DatetimeTZDtype)
    assert "yes or no" in as_text(frames(investigation, "requests"))
    with pytest.raises(BadInput, match="did you mean timeline"):
        frame(investigation, "timelines")


def test_tables_and_figures_hold_their_data(investigation: Investigation) -> None:
    """Behind a table is the typed frame with all rows, behind a figure what it draws."""
    pd.testing.assert_frame_equal(clients_table(investigation).frame, investigation.clients)
    assert not timeline_figure(investigation).frame.empty
    assert (
        f"Routes of {STRANGER}" in addresses_section(Focus(investigation).pick(client=STRANGER).seen).frames
    )
    assert len(repr(investigation)) < 200


def test_what_the_timeline_cites_is_a_link_to_the_line(investigation: Investigation) -> None:
    """Each place in its table, and in that of detections; leaks lead to theirs, and no link leads nowhere."""
    late = Focus(investigation).pick((INCIDENT - timedelta(hours=1)).isoformat()).seen
    told, exposed = timeline_section(late), exposure_section(late)
    shown = "".join(as_html(table) for table in (*told.tables, *exposed.tables))
    links = re.findall(r'href="#([^"]+)"', shown)
    assert {link[:3] for link in links} == {"at-", "lea"}
    assert set(links) <= set(re.findall(r'<tr id="([^"]+)"', shown))
    lines = told.tables[1]
    detected = shown_evidence(tabulate_window_detections(late))
    cited = {place for text in (*told.tables[0].frame["evidence"], *detected) for place in text.split("; ")}
    assert {f"{file}:{line}" for file, line, _ in lines.rows} <= cited
    assert STRANGER in "".join(text for _, _, text in lines.rows)


def test_in_a_window_as_long_as_the_logs_nobody_is_called_known_or_new(investigation: Investigation) -> None:
    """Of what came before it too little was read: the class says so, and the table what is missing."""
    wide = Focus(investigation).pick(START.isoformat()).seen
    told = clients_table(wide)
    assert set(wide.clients.query("successes > 0")["classification"]) - {"internal"} == {"not known if new"}
    assert "Missing: logs of 30 days before the window" in told.note
    late = Focus(investigation).pick((INCIDENT - timedelta(hours=1)).isoformat()).seen
    assert set(late.clients["classification"]) <= {"known", "new network", "internal"}
    assert "Missing" not in clients_table(late).note


def test_a_focus_is_read_back_as_parameters(investigation: Investigation) -> None:
    """What was picked is the parameters that open the same; what was not picked stays as it was."""
    focus = Focus(investigation)
    assert focus.seen is investigation
    focus.pick("2026-09-12T02:00:00+02:00", client=STRANGER).pick(secret="API_TOKEN")
    assert focus.parameters | {"until": ""} == {
        "since": "2026-09-12T00:00:00Z",
        "until": "",
        "secret": "API_TOKEN",
        "client": STRANGER,
    }
    with pytest.raises(BadInput, match="no such variable"):
        focus.pick(secret="NOTHING")


def test_what_is_outside_the_window_is_said(investigation: Investigation) -> None:
    """An address that was read is offered in every window; of one that is not in it, it says when it was."""
    focus = Focus(investigation).pick(until=(INCIDENT - pd.Timedelta(days=1)).isoformat())
    assert STRANGER in focus.clients
    assert set(focus.clients) == set(investigation.requests["client"]) - {""}
    assert "it was seen between" in focus.pick(client=STRANGER).remark
    assert "is in no request that was read" in focus.pick(client="192.0.2.250").remark


def test_a_place_shows_its_lines(investigation: Investigation) -> None:
    """A place, or the rows of a frame, show the lines that they cite, marked, with some around them."""
    row = investigation.requests.iloc[5]
    table = lines_table(investigation.project, investigation.requests.iloc[5], around=3)
    cited = table.frame[table.frame["cited"] == "→"]
    assert list(cited["line"]) == [row["line"]]
    assert 4 <= len(table.frame) <= 7
    pd.testing.assert_frame_equal(
        lines_table(investigation.project, f"{row['file']}:{row['line']}", around=3).frame, table.frame
    )
    assert "not a line" in as_text(lines_table(investigation.project, "no.log:1"))
    with pytest.raises(BadInput, match="place"):
        lines_table(investigation.project, pd.DataFrame({"a": [1]}))


def test_a_note_stays_with_its_incident(investigation: Investigation) -> None:
    """An observation with rows names their places; each focus shows it, and no other incident does."""
    kept = replace(investigation, notes=[])
    rows = kept.requests.head(3)
    add_note(Focus(kept).pick(client=STRANGER).seen, "it was used", rows)
    add_note(kept, "and this", tabulate_routes(kept, STRANGER))
    shown = tabulate_notes(kept)
    assert "observation_1.csv (3 rows)" in shown["evidence"][0]
    assert kept.notes[0].places == tuple(f"{row.file}:{row.line}" for row in rows.itertuples())
    assert list(noted_frames(kept)) == ["observation_1", "observation_2"]
    assert tabulate_notes(investigation).empty


def test_a_picker_does_not_run_the_detections(
    investigation: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown of another window needs no explanation of it: on a quarter that would take seconds."""
    focus = Focus(investigation)
    first = focus.client
    monkeypatch.setattr("audit_lib.report.focus.suspect", lambda _: pytest.fail("asked again"))
    focus.pick((INCIDENT - pd.Timedelta(days=1)).isoformat(), INCIDENT.isoformat())
    assert focus.client == first
