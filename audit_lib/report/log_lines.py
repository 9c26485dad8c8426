"""Shows the lines of logs that a place names, with those around them, without known values."""

from audit_lib.logs.quote_lines import AROUND, quote_lines
from audit_lib.project import Project
from audit_lib.report.places import Pointed, places
from audit_lib.report.table import Table, show
from audit_lib.secrecy import guard

MOST_PLACES = 20


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
