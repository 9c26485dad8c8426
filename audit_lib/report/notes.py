"""Observations that a person writes down while looking, each with its evidence, in the order written."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.report.table import Table, show


@dataclass(frozen=True)
class Note:
    """One observation."""

    text: str
    evidence: str


_notes: list[Note] = []


def note(text: str, evidence: str = "") -> Table:
    """Keep an observation of this session; all so far are shown."""
    _notes.append(Note(str(text), str(evidence)))
    return notes_table()


def notes_frame() -> pd.DataFrame:
    """One row for each observation of this session."""
    return pd.DataFrame(
        [(number, one.text, one.evidence) for number, one in enumerate(_notes, 1)],
        columns=["number", "observation", "evidence"],
    )


def notes_table() -> Table:
    """The observations of this session."""
    return show(notes_frame(), "Observations", empty='none so far: report.note("…", "evidence")')
