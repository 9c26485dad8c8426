"""Tables: the same cells as text and HTML, inert, in the frame's order."""

from html.parser import HTMLParser

import pandas as pd
import pytest
from audit_lib.report.review_tables import age_text, findings_view, freshness_view

from audit_lib.report.table import TEXT_WIDTH, show
from tests.support import made_up_audit as frames


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def _parsed(frame: pd.DataFrame) -> _Cells:
    parser = _Cells()
    parser.feed(show(frame, title="t")._repr_mimebundle_()["text/html"])
    return parser


def test_both_forms_hold_the_same_cells() -> None:
    """Every cell of the HTML stands in the text too, in the frame's order."""
    frame = frames.findings()[["check", "severity", "subject"]]
    text = show(frame)._repr_mimebundle_()["text/plain"]
    rows = [[cell.strip() for cell in row] for row in _parsed(frame).rows[1:]]
    assert rows == frame.astype(str).to_numpy().tolist()
    assert [line.split() for line in text.splitlines()[2:]] == rows


def test_a_hostile_cell_adds_no_element() -> None:
    """Only the elements of the table come out, and no control character."""
    bundle = show(findings_view(frames.audit()), frames.HOSTILE, frames.HOSTILE)._repr_mimebundle_()
    parser = _Cells()
    parser.feed(bundle["text/html"])
    table = {"table", "caption", "thead", "tbody", "tr", "th", "td", "span", "code", "wbr", "p"}
    assert parser.tags <= table
    for form in bundle.values():
        assert not {"\x1b", "\u202e"} & set(form)


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("age_days_min", 3.06, "3"),
        ("age_days_max", 3.04, "4"),
        ("age_days_max", None, "not known"),
        ("max_age_days", pd.NA, "no limit"),
        ("tracked", None, "not known"),
        ("tracked", True, "yes"),
        ("seen_at", pd.Timestamp("2026-09-30T12:30:59Z"), "30 Sep 2026 12:30"),
    ],
)
def test_a_cell_never_claims_more_than_is_known(column: str, value: object, shown: str) -> None:
    """Ages are rounded outwards, and a null is said in words."""
    frame = pd.DataFrame({column: pd.Series([value], dtype=object)})
    assert show(frame).rows == ((shown,),)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (1.0, 2.0, "1–2"),
        (1.0, 1.0, "1"),
        (1.0, None, "at least 1"),
        (None, 2.0, "at most 2"),
        (None, None, "not known"),
    ],
)
def test_an_age_is_an_interval(low: float | None, high: float | None, shown: str) -> None:
    """An open side is said, and no evidence is not an age of zero."""
    rows = pd.DataFrame({"age_days_min": [low], "age_days_max": [high]}, dtype="float64")
    assert age_text(rows).tolist() == [shown]


def test_text_is_wrapped_within_its_width() -> None:
    """No line of the text is wider than the page, and no letter is lost."""
    long = "a long sentence about one thing " * 12
    frame = pd.DataFrame({name: [long, name] for name in ("evidence", "remedy", "reason", "why")})
    lines = show(frame)._repr_mimebundle_()["text/plain"].splitlines()
    assert max(map(len, lines)) <= TEXT_WIDTH
    assert sum(line.count("sentence") for line in lines) == 12 * 4


def test_an_empty_table_says_so() -> None:
    """Where there is no row there are words, not an empty grid."""
    bundle = show(frames.findings().head(0), "Findings", empty="nothing was found")._repr_mimebundle_()
    assert "nothing was found" in bundle["text/plain"]
    assert "<table" not in bundle["text/html"]


def test_the_most_pressing_secret_comes_first() -> None:
    """Overdue before unknown before due before fresh; what is exempt is left to the policy."""
    assert freshness_view(frames.audit())["status"].tolist() == [
        "overdue",
        "unknown",
        "unknown",
        "due",
        "fresh",
    ]
