"""The documents hold: generated parts agree with the code, and each citation and link leads somewhere."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from audit_lib.__main__ import COMMANDS
from audit_lib.logins.parameters import DETECTIONS
from tests.support.paths import ROOT
from tests.support.write_docs import DOCS, GENERATED
from tests.test_house import ROOMS

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
CODE = sorted(
    path
    for folder in ("audit_lib", "notebooks", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".toml", ".yml", ".ipynb", ".j2")
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CITATION = re.compile(r"\b(?:docs/)?[\w-]+\.md(?:#[\w-]+)?")
# What the code names and this repository need not have: files of a report or an audited project, its guide.
OTHERS = ("owner.md", "REPERFORM.md", "docs/SECRETS.md", "SECRETS.md", "README.md", "docs/PAGE.md")


def _without_blocks(text: str) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", text)


@cache
def _anchors(path: Path) -> frozenset[str]:
    """The anchors of a page's headings, as code platforms make them; a heading that returns is a fault."""
    found = []
    for heading in re.findall(r"(?m)^#+ (.+)$", _without_blocks(path.read_text("utf-8"))):
        found.append(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-"))
    assert len(found) == len(set(found)), f"{path.name} has a heading twice"
    return frozenset(found)


def _leads_nowhere(target: str, start: Path) -> bool:
    """Whether a file or its heading does not exist."""
    name, _, anchor = target.partition("#")
    path = (start / name).resolve() if name else start
    return not path.exists() or bool(anchor and anchor not in _anchors(path))


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_those_of_the_code(name: str) -> None:
    """Commands are what `--help` says, checks are those of CHECKS; `make docs` renews both."""
    command = [sys.executable, "-m", "tests.support.write_docs", name]
    now = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8").stdout
    assert (DOCS / name).read_text("utf-8") == now


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each link of a page to a file or a heading of this repository finds it."""
    links = [link for link in LINK.findall(_without_blocks(path.read_text("utf-8"))) if "://" not in link]
    broken = [
        link
        for link in links
        if _leads_nowhere(path.name + link if link.startswith("#") else link, path.parent)
    ]
    assert broken == []


def test_citations_lead_somewhere() -> None:
    """A document is cited by its path, with a heading; tests name planted files, too, without one."""
    wrong = {
        str(path.relative_to(ROOT)): [
            one for one in _cited(path) if one not in OTHERS and _leads_nowhere(one, ROOT)
        ]
        for path in (*CODE, *PAGES)
    }
    assert {path: cited for path, cited in wrong.items() if cited} == {}


def _cited(path: Path) -> list[str]:
    cited = CITATION.findall(path.read_text("utf-8"))
    if path.is_relative_to(ROOT / "tests"):
        cited = [one for one in cited if "#" in one]
    if path in PAGES:
        cited = [one for one in cited if one.startswith("docs/")]
    return cited


def test_no_page_is_an_orphan() -> None:
    """A reader comes from the README to every page."""
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        here = todo.pop()
        seen.add(here)
        links = LINK.findall(_without_blocks(here.read_text("utf-8")))
        found = {(here.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link}
        todo += sorted(found & set(PAGES) - seen)
    assert set(PAGES) == seen


def test_the_readme_is_short() -> None:
    """At most 120 lines and 1,200 words, and no sentence of more than 25 words."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 120
    assert len(text.split()) <= 1200
    prose = re.sub(r"(?m)^(\||#|\[!).*$", "", _without_blocks(text))
    sentences = re.split(r"[.?!]\s|\n\n|\n- ", re.sub(r"\]\([^)]*\)", "]", prose))
    assert [sentence for sentence in sentences if len(sentence.split()) > 25] == []


def test_the_readme_names_every_command_and_room() -> None:
    """The table of commands and the list of rooms are those of the code."""
    text = (ROOT / "README.md").read_text("utf-8")
    commands = re.findall(r"(?m)^\| [\w-]* ?\| (`.*?) \|", text)
    named = {name for cell in commands for name in re.findall(r"`([a-z]+)", cell)}
    assert set(COMMANDS) <= named
    folders = [room for room in ROOMS if (ROOT / "audit_lib" / room).is_dir()]
    assert ", ".join(f"`{room}`" for room in folders) in text


def test_the_design_names_the_rooms_in_order() -> None:
    """The table of rooms is the order that imports follow."""
    text = (DOCS / "design.md").read_text("utf-8")
    table = text.partition("## The rooms")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"(?m)^\| `(\w+)` \|", table)) == ROOMS


@pytest.mark.parametrize("detection", DETECTIONS)
def test_each_detection_is_documented(detection: str) -> None:
    """The page of detections has a row for each."""
    assert f"| `{detection}` |" in (DOCS / "detections.md").read_text("utf-8")
