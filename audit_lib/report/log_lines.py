"""The places that somebody points at, and the lines of logs there with those around them, without values."""

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.logs.quote_lines import AROUND, quote_lines
from audit_lib.project import Project
from audit_lib.report.table import Table, show
from audit_lib.secrecy import guard

Pointed = str | pd.DataFrame | pd.Series  # a place, rows of a frame, or one row
MOST_PLACES = 20


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
    found["text"] = [guard.blot(text) for text in found["text"]]
    found.insert(0, "cited", ["→" if one else "" for one in cited])
    title = every[0] if len(every) == 1 else f"{len(every)} places"
    more = f"The first {MOST_PLACES} places are shown." if len(every) > MOST_PLACES else ""
    return show(found, title, more, empty="not a line of a log of this project")
