"""The page: one file, no network, one script, figures and folds that work without it."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from audit_lib.report.leak_tables import leaks_tables
from audit_lib.report.page import page
from audit_lib.report.review_figures import ages_figure
from audit_lib.report.review_tables import findings_view
from audit_lib.report.sections import findings_tables
from audit_lib.report.table import show
from tests.support import made_up_audit as frames
from tests.support.paths import GOLDEN


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _output(shown: object) -> nbformat.NotebookNode:
    bundle = shown._repr_mimebundle_()  # type: ignore[attr-defined]
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return new_output("execute_result", data=data, metadata=metadata, execution_count=1)


@pytest.fixture(scope="module")
def html() -> str:
    """A page of a figure, a stream and an error, and below folds tables, one of them hostile."""
    audit = frames.audit()
    first = [
        _output(ages_figure(audit)),
        new_output("stream", name="stdout", text="<img src=x onerror=alert(1)>"),
        new_output("error", ename="BadInput", evalue="<script>1</script>", traceback=["x"]),
    ]
    cells = [
        new_markdown_cell("# Review\n\nText."),
        new_code_cell("1 + 1", outputs=first),
        new_markdown_cell("## How old\n\nMore."),
        new_code_cell("", outputs=[_output(show(findings_view(audit), frames.HOSTILE))]),
        new_markdown_cell("## All findings"),
        new_code_cell("", outputs=[_output(findings_tables(audit)), _output(leaks_tables(audit))]),
    ]
    return page(new_notebook(cells=cells), "Review")


def test_nothing_is_fetched_and_nothing_hostile_is_live(html: str) -> None:
    """No element refers outside, no handler stands in one, and only the page's own is a script."""
    parsed = _Page()
    parsed.feed(html)
    outside = {"link", "iframe", "object", "embed", "form", "base", "img"}
    assert not outside & {tag for tag, _ in parsed.elements}
    assert len(parsed.all("script")) == 1
    for _, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "1 + 1" not in html


def test_the_policy_admits_one_script_alone(html: str) -> None:
    """The hash in the policy is the script's; everything else is refused by default."""
    parsed = _Page()
    parsed.feed(html)
    policy = next(str(meta["content"]) for meta in parsed.all("meta") if "http-equiv" in meta)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(sha256(script[1].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_a_figure_is_labelled_and_is_there_as_text(html: str) -> None:
    """The drawing is inline, its label is its alt text, and its data is below a fold."""
    parsed = _Page()
    parsed.feed(html)
    assert parsed.all("svg")[0]["aria-label"] == ages_figure(frames.audit()).alt
    assert "1 overdue" in html.partition("The figure as text")[2]


def test_each_heading_folds_what_follows_it_with_what_is_in_it_on_one_line(html: str) -> None:
    """A section is a fold with an anchor; the briefs of all its outputs are its line."""
    parsed = _Page()
    parsed.feed(html)
    assert [fold.get("id") for fold in parsed.all("details") if fold.get("id")] == ["how-old", "all-findings"]
    summaries = re.findall(r"<summary><b>(.*?)</b><span>(.*?)</span>", html)
    assert summaries[0] == ("How old", "")
    assert summaries[1][1].startswith("2 findings open, closed by 2 actions · 1 not known")
    assert summaries[1][1].endswith("clean-up in 0 steps")


def test_a_finding_and_what_closes_it_can_be_linked_to(html: str) -> None:
    """Each row of them has an id of its own, and each link within the page leads somewhere."""
    parsed = _Page()
    parsed.feed(html)
    ids = [str(attributes["id"]) for _, attributes in parsed.elements if attributes.get("id")]
    assert {"do-1", "weak-value-api_token-production-backend"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in parsed.all("a")} <= set(ids)


def test_no_link_of_the_sample_s_page_leads_nowhere() -> None:
    """Each leads to an id of the page, which is there once."""
    shown = (GOLDEN / "report.html").read_text("utf-8")
    ids = re.findall(r'<(?:tr|details)[^>]* id="([^"]+)"', shown)
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r'href="#([^"]+)"', shown)) <= set(ids)


def test_the_page_is_the_same_each_time(html: str) -> None:
    """Nothing in it is random."""
    assert "uuid" not in html
    cells = [new_markdown_cell("## A"), new_code_cell("", outputs=[_output(show(frames.findings()))])]
    assert page(new_notebook(cells=cells), "A") == page(new_notebook(cells=cells), "A")


def test_a_hostile_heading_stays_a_text_of_the_style() -> None:
    """A label of a column, which may be an environment's name, neither ends the style nor adds a rule."""
    hostile = '"}</style><script>1</script>*{x:url(//evil)'
    frame = frames.findings()[["check", "subject", "evidence", "where"]].rename(columns={"where": hostile})
    cells = [new_code_cell("", outputs=[_output(show(frame))])]
    made = page(new_notebook(cells=cells), "A")
    assert made.count("<script") == 1
    assert made.count("</style>") == 1
    style = made.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "evil" in style


def test_a_mark_of_somebody_s_own_stands_for_nothing() -> None:
    """A notebook may hold what the page puts in place of its tables while it is set."""
    own = new_output("display_data", data={"text/html": '<p>mine<i data-table="7"></i></p>'})
    made = page(new_notebook(cells=[new_code_cell("1", outputs=[own])]), "mine")
    assert "<p>mine</p>" in made


def test_a_dark_page_differs_in_colours_alone() -> None:
    """What is seen of the layout in one scheme holds in the other: only the variables of colours differ."""
    css = files("audit_lib.report").joinpath("page.css").read_text("utf-8")
    colours = r"(?:--[a-z]+:#[0-9a-f]{6};?)+"
    assert len(re.findall(rf"@media\(prefers-color-scheme:dark\){{:root{{{colours}}}}}", css)) == 1
    assert css.count("prefers-color-scheme") == 1
