"""The documents hold: generated parts are those of the code, and each link leads somewhere."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.write_docs import DOCS, GENERATED

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


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


def test_generated_pages_are_those_of_the_code(tmp_path: Path) -> None:
    """Commands are what `--help` says, checks are those of CHECKS; `make docs` renews all."""
    command = [sys.executable, "-m", "tests.support.write_docs", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    for name in GENERATED:
        assert (DOCS / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Each link of a page to a file or a heading of this repository finds it."""
    links = [link for link in LINK.findall(_without_blocks(path.read_text("utf-8"))) if "://" not in link]
    whole = [path.name + link if link.startswith("#") else link for link in links]
    assert [link for link in whole if _leads_nowhere(link, path.parent)] == []
