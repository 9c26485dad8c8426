"""Observations that a person writes down while looking, each with its evidence, and the lines pointed at."""

from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.logs.quote_lines import AROUND, quote_lines
from audit_lib.report.table import Table, show
from audit_lib.secrecy import guard
from audit_lib.settings import Project

Pointed = str | pd.DataFrame | pd.Series  # a place, rows of a frame, or one row
MOST_PLACES = 20  # whose lines are shown
MOST_CITED = 5  # of one observation


def places(pointed: Pointed) -> list[str]:
    """The places, each once: of rows those of their `evidence`, else of their `file` and `line`.

    Raises:
        BadInput: the rows have no such columns.
    """
    if isinstance(pointed, str):
        return [place for place in pointed.split("; ") if place]
    rows = pointed.to_frame().T if isinstance(pointed, pd.Series) else pointed
    if "evidence" in rows:
        found = [place for text in rows["evidence"].astype("str") for place in text.split("; ")]
    elif {"file", "line"} <= set(rows):
        found = [f"{file}:{line}" for file, line in zip(rows["file"], rows["line"], strict=True)]
    else:
        raise BadInput.at("place", "must be a place such as backend.log:121, or rows with such places")
    return [place for place in dict.fromkeys(found) if place]


def lines_table(project: Project, pointed: Pointed, around: int = AROUND) -> Table:
    """Each line that is pointed at, marked, with so many lines before and after it.

    Raises:
        BadInput: the rows that are pointed at name no places.
    """
    every = places(pointed)
    found = quote_lines(project, every[:MOST_PLACES], around)
    cited = [f"{file}:{line}" in every for file, line in zip(found["file"], found["line"], strict=True)]
    found["text"] = [guard.scrub(text) for text in found["text"]]
    found.insert(0, "cited", ["→" if one else "" for one in cited])
    title = every[0] if len(every) == 1 else f"{len(every)} places"
    more = f"The first {MOST_PLACES} places are shown." if len(every) > MOST_PLACES else ""
    return show(found, title, more, empty="not a line of a log of this project")


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
        left = len(named) - MOST_CITED
        more = [f"and {counted(left, 'more place')}"] if left > 0 else []
        named = [f"{_name(number)}.csv ({counted(len(one.frame), 'row')})", *named[:MOST_CITED], *more]
    return "; ".join(named)
