"""Observations that a person writes down while looking: each with its evidence, kept with its incident."""

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.incident.investigation import Investigation, Note

Pointed = str | pd.DataFrame | pd.Series  # a place, rows of a frame, or one row
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


def add_note(investigation: Investigation, text: str, evidence: Pointed = "") -> None:
    """Keep an observation with its place, or with the rows that show it."""
    rows = evidence.to_frame().T if isinstance(evidence, pd.Series) else evidence
    cited = isinstance(rows, str) or "evidence" in rows or {"file", "line"} <= set(rows)
    kept = None if isinstance(rows, str) else rows.reset_index(drop=True)
    investigation.notes.append(Note(str(text), tuple(places(rows)) if cited else (), kept))


def tabulate_notes(investigation: Investigation) -> pd.DataFrame:
    """One row for each observation of this incident."""
    every = enumerate(investigation.notes, 1)
    return pd.DataFrame(
        [(number, one.text, _evidence(number, one)) for number, one in every],
        columns=["number", "observation", "evidence"],
    )


def noted_frames(investigation: Investigation) -> dict[str, pd.DataFrame]:
    """The rows that observations are shown by, under the names that `tabulate_notes` quotes."""
    every = enumerate(investigation.notes, 1)
    return {_name(number): one.frame for number, one in every if one.frame is not None}


def _name(number: int) -> str:
    return f"observation_{number}"


def _evidence(number: int, one: Note) -> str:
    named = list(one.places)
    if one.frame is not None:
        left = len(named) - MOST_CITED
        more = [f"and {counted(left, 'more place')}"] if left > 0 else []
        named = [f"{_name(number)}.csv ({counted(len(one.frame), 'row')})", *named[:MOST_CITED], *more]
    return "; ".join(named)
