"""What an analyst asks next: frames with their meaning, a focus that leads, pivots, lines, notes."""

import json
import re
from datetime import timedelta

import pandas as pd
import pytest

from audit_lib.base.errors import BadInput
from audit_lib.base.frames import Contract, Sources
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.logins.contracts import Requests
from audit_lib.report import notes
from audit_lib.report.focus import Focus
from audit_lib.report.frames import frame, frames, frames_of
from audit_lib.report.incident_sections import addresses_section, exposure_section, timeline_section
from audit_lib.report.log_tables import shown_evidence
from audit_lib.report.meanings import meanings, summary
from audit_lib.report.notes import lines_table
from audit_lib.report.pivot_frames import Address, Route, Secret
from audit_lib.report.pivot_tables import clients_table
from audit_lib.report.table import as_html, as_text
from audit_lib.report.timeline_figure import timeline_figure
from audit_lib.report.timeline_marks import COLUMNS, timeline_marks
from tests.support.planted_incidents import INCIDENT, REGULARS, START, STRANGER

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
    assert f"Address {STRANGER}" in addresses_section(Focus(investigation).pick(client=STRANGER).seen).frames
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


def test_what_is_outside_the_window_is_offered(investigation: Investigation) -> None:
    """An address that was read is offered in every window; one outside of it leads to where it was seen."""
    focus = Focus(investigation).pick(until=(INCIDENT - pd.Timedelta(days=1)).isoformat())
    assert STRANGER in focus.clients
    assert set(focus.clients) == set(investigation.requests["client"]) - {""}
    focus.pick(client=STRANGER)
    assert "it was seen between" in focus.remark
    assert focus.go().elsewhere is None
    assert focus.seen.here["client"].eq(STRANGER).any()
    assert "In none of the logs" in focus.pick(client="192.0.2.250").remark


def test_pivots_lead_on(investigation: Investigation) -> None:
    """From an address to its routes, from a route to its clients, from a secret to its uses, as frames."""
    routes = Address(STRANGER, investigation).routes()
    assert routes["requests"].sum() == 30
    assert STRANGER in set(Route(routes["route"][0], investigation).clients()["client"])
    assert Address(REGULARS[0], investigation).neighbours()["client"].tolist() == [REGULARS[1]]
    assert "API_TOKEN" in set(Address(STRANGER, investigation).secrets_in_force()["secret"])
    token = Secret("API_TOKEN", investigation)
    assert STRANGER in set(token.uses()["client"])
    assert {"change"} <= set(token.timeline()["kind"])
    assert not token.leaks().empty
    assert Address("192.0.2.250", investigation).secrets_in_force().empty


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


def test_a_note_keeps_its_frame(investigation: Investigation, monkeypatch: pytest.MonkeyPatch) -> None:
    """An observation with rows names their places, and they are kept under the name that it quotes."""
    monkeypatch.setattr(notes, "_notes", [])
    uses = Secret("API_TOKEN", investigation).uses()
    shown = as_text(notes.note("it was used", uses))
    assert f"observation_1.csv ({len(uses)} rows)" in shown
    assert notes.noted_places() == list(dict.fromkeys(uses["evidence"]))
    notes.note("and this", Address(STRANGER, investigation).routes())
    assert list(notes.noted_frames()) == ["observation_1", "observation_2"]


def test_marks_are_few_and_plain(investigation: Investigation) -> None:
    """The marks of a lane are at most one a column, count everything, and are plain JSON."""
    marks = timeline_marks(investigation, STRANGER)
    assert json.loads(json.dumps(marks)) == marks
    for lane in marks["lanes"]:
        assert sum(mark[0] == mark[1] for mark in lane["marks"]) <= COLUMNS + 1
    drawn = {lane["name"]: sum(mark[2] for mark in lane["marks"]) for lane in marks["lanes"]}
    behind = timeline_figure(investigation, STRANGER).frame.groupby("kind")["count"].sum()
    assert drawn == behind.to_dict()


def test_a_brush_does_not_run_the_detections(
    investigation: Investigation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown of another window needs no explanation of it: on a quarter that would take seconds."""
    focus = Focus(investigation)
    first = focus.client
    monkeypatch.setattr("audit_lib.report.focus.suspect", lambda _: pytest.fail("asked again"))
    focus.pick((INCIDENT - pd.Timedelta(days=1)).isoformat(), INCIDENT.isoformat())
    assert focus.client == first
    assert timeline_marks(focus.seen, focus.client)["lanes"]
