"""Observations that a person writes down while looking, each with its evidence, in the order written."""

from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.report.log_lines import Pointed, places
from audit_lib.report.table import Table, show

MOST_PLACES = 5


@dataclass(frozen=True)
class Note:
    """One observation."""

    text: str
    places: tuple[str, ...] = ()
    frame: pd.DataFrame | None = field(default=None, compare=False)


_notes: list[Note] = []


def note(text: str, evidence: Pointed = "") -> Table:
    """Keep an observation with its place, or with the rows that show it; all so far are shown."""
    rows = evidence.to_frame().T if isinstance(evidence, pd.Series) else evidence
    cited = isinstance(rows, str) or "evidence" in rows or {"file", "line"} <= set(rows)
    kept = None if isinstance(rows, str) else rows.reset_index(drop=True)
    _notes.append(Note(str(text), tuple(places(rows)) if cited else (), kept))
    return notes_table()


def notes_frame() -> pd.DataFrame:
    """One row for each observation of this session."""
    return pd.DataFrame(
        [(number, one.text, _evidence(number, one)) for number, one in enumerate(_notes, 1)],
        columns=["number", "observation", "evidence"],
    )


def noted_places() -> list[str]:
    """Every place that an observation names."""
    return [place for one in _notes for place in one.places]


def noted_frames() -> dict[str, pd.DataFrame]:
    """The rows that observations are shown by, under the names that `notes_frame` quotes."""
    return {_name(number): one.frame for number, one in enumerate(_notes, 1) if one.frame is not None}


def notes_table(title: str = "Observations") -> Table:
    """The observations of this session."""
    return show(notes_frame(), title, empty='none so far: report.note("…", "evidence")')


def _name(number: int) -> str:
    return f"observation_{number}"


def _evidence(number: int, one: Note) -> str:
    named = list(one.places)
    if one.frame is not None:
        left = len(named) - MOST_PLACES
        more = [f"and {counted(left, 'more place')}"] if left > 0 else []
        named = [f"{_name(number)}.csv ({counted(len(one.frame), 'row')})", *named[:MOST_PLACES], *more]
    return "; ".join(named)
