"""The page: one file, no network, no script but the sorter's, figures with their alt texts."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from audit_lib.report.page import page
from audit_lib.report.review_figures import freshness_figure
from audit_lib.report.review_tables import findings_view
from audit_lib.report.table import show
from tests.support import made_up_audit as frames


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
    """A page of a hostile table, a figure, a stream and an error."""
    audit = frames.audit()
    outputs = [
        _output(show(findings_view(audit), frames.HOSTILE)),
        _output(freshness_figure(audit)),
        new_output("stream", name="stdout", text="<img src=x onerror=alert(1)>"),
        new_output("error", ename="BadInput", evalue="<script>1</script>", traceback=["x"]),
    ]
    cells = [
        new_markdown_cell("# Review\n\nText."),
        new_markdown_cell("## How old\n\nMore."),
        new_code_cell("1 + 1", outputs=outputs),
    ]
    return page(new_notebook(cells=cells))


def test_nothing_is_fetched_and_nothing_hostile_is_live(html: str) -> None:
    """No element refers outside, no handler stands in one, and only the sorter is a script."""
    parsed = _Page()
    parsed.feed(html)
    outside = {"link", "iframe", "object", "embed", "form", "base"}
    assert not outside & {tag for tag, _ in parsed.elements}
    assert len(parsed.all("script")) == 1
    for _, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/svg+xml;base64,"))
    assert "1 + 1" not in html


def test_the_policy_admits_the_sorter_alone(html: str) -> None:
    """The hash in the policy is the script's; everything else is refused by default."""
    parsed = _Page()
    parsed.feed(html)
    policy = next(str(meta["content"]) for meta in parsed.all("meta") if "http-equiv" in meta)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(sha256(script[1].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_figures_have_alt_texts_and_sections_have_links(html: str) -> None:
    """The alt text is the figure's own; each section is linked from the contents."""
    parsed = _Page()
    parsed.feed(html)
    assert parsed.all("img")[0]["alt"] == freshness_figure(frames.audit()).alt
    assert {link["href"] for link in parsed.all("a")} == {"#how-old"}
    assert "how-old" in [heading.get("id") for heading in parsed.all("h2")]


def test_the_page_is_the_same_each_time(html: str) -> None:
    """Nothing in it is random."""
    assert "uuid" not in html
    cells = [new_markdown_cell("## A"), new_code_cell("", outputs=[_output(show(frames.findings()))])]
    assert page(new_notebook(cells=cells)) == page(new_notebook(cells=cells))
