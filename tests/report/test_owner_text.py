"""The first screen as text: it agrees with the page, and says nothing of a path, a person or markup."""

import json
import re

import pandas as pd

from audit_lib.findings.contracts import Findings
from audit_lib.report.block import APART
from audit_lib.report.key_figures import figures
from audit_lib.report.owner_text import owner_text
from tests.support import made_up_audit as frames
from tests.support.made_up_audit import filled
from tests.support.paths import GOLDEN


def test_the_text_agrees_with_the_page() -> None:
    """Every figure, action, date and gap of owner.md stands on the committed page, too."""
    page = (GOLDEN / "report.html").read_text("utf-8").replace(APART, "")
    page = re.sub(r"<[^>]+>", " ", page).replace("&#x27;", "'")
    page = re.sub(r"\s+", " ", page)
    text = (GOLDEN / "owner.md").read_text("utf-8")
    actions = re.findall(r"(?m)^\d\. (.+?)\. .* By (.+)\. Closes (\d+)\.$", text)
    assert len(actions) == 5
    for what, by, closes in actions:
        place = page.index(what)
        assert f"{by} {closes} " in page[place : place + 500].replace("  ", " ")
    shown = re.findall(r"(?m)^- [^:\n]+: ([\d,]+ [^(\n]*) \(([^\n]+)\)$", text)
    assert len(shown) == 5
    assert [one for pair in shown for one in pair if one not in page] == []
    record = json.loads((GOLDEN / "report.json").read_text("utf-8"))
    opened = sum(finding["status"] == "open" for finding in record["findings"])
    assert f"of the {opened} open findings" in text


def test_it_names_no_path_and_no_person() -> None:
    """No file that the record names is in owner.md, nor who accepted, answered or was assigned."""
    text = (GOLDEN / "owner.md").read_text("utf-8")
    record = json.loads((GOLDEN / "report.json").read_text("utf-8"))
    files = {row["source"] for row in record["sources"] if row["kind"] != "policy"}
    people = {row["by"] for row in record["attestations"]} | {row["owner"] for row in record["exceptions"]}
    assert [name for name in files | people if name and name in text] == []
    assert "(" in text
    assert "not named" in text
    assert "as assigned" in text


def test_an_action_on_a_file_does_not_name_it() -> None:
    """What a file's action is called without it is said, at every place of the line."""
    row = {"id": "a", "check": "open-file-mode", "severity": "high", "status": "open", "subject": ".env"}
    found = filled(Findings, [row | {"where": "backend/.env.my-app; deploy/x.env:3"}])
    text = owner_text(frames.audit(findings=found))
    assert "1. Fix a file." in text
    assert ".env" not in text


def test_a_name_is_no_markup() -> None:
    """A project that calls itself a link, a heading and a tag is written as that text."""
    audit = frames.audit(findings=pd.DataFrame(frames.findings().head(0)))
    object.__setattr__(audit.project, "name", "[x](http://a.b) <img src=x> `#`")
    first = owner_text(audit).split("\n")[0]
    assert first.startswith("\\[x\\](http\\://a.b) \\<img src=x\\> '\\#'")
    assert all(one.note in owner_text(audit) for one in figures(audit))
