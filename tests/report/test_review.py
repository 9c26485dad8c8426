"""Page, report.json and exports say what the frames say, and nothing acts in them."""

import csv
import json
import re
from collections import Counter
from html import unescape
from typing import Any

import jsonschema
import nbformat
import pandas as pd
import pytest

from audit_lib.leaks.tables import NO_SECRETS
from audit_lib.logins.traffic import failed_logins
from audit_lib.report import actions, escape as inert
from audit_lib.report.actions import Actions
from audit_lib.report.render import normalise, page
from audit_lib.report.summary import other_figures, show_register, summarise
from audit_lib.report.tables import tabulate_days
from tests.support import made_up_audit as frames
from tests.support.paths import GOLDEN, ROOT, rows_beside
from tests.support.report_schema import schema
from tests.support.rows import contract_of, rows_of

CASES = rows_beside(__file__)
HOSTILE = frames.HOSTILE
BLANK = ("inventory", "freshness", "sources", "detections", "log_minutes", "leaked_secrets")  # of actions
SHIPPED = ROOT / "audit_lib" / "report" / "report.schema.json"


@pytest.fixture(scope="module")
def html() -> str:
    """The committed page."""
    return (GOLDEN / "report.html").read_text("utf-8")


def test_the_record_is_valid(report: dict[str, Any]) -> None:
    """report.json is as its schema has it, and a field too many is refused."""
    validator = jsonschema.Draft202012Validator(schema())
    assert list(validator.iter_errors(report)) == []
    assert json.loads(SHIPPED.read_text("utf-8")) == schema()
    assert list(validator.iter_errors({**report, "more": 1}))
    assert list(validator.iter_errors({name: value for name, value in report.items() if name != "leaks"}))


def test_the_first_screen_counts_the_findings(report: dict[str, Any], html: str) -> None:
    """Its numbers are counted here from report.json: open findings, ages, refusals, leaks, five actions."""
    open_ = [row for row in report["findings"] if row["status"] == "open"]
    figures = {one["title"]: one for one in report["summary"]["figures"]}
    assert figures["Open"]["count"] == str(len(open_))
    late = [row for row in report["freshness"] if row["status"] == "overdue" and row["period_stated"]]
    assert figures["Too old"]["count"] == str(len(late))
    assert figures["Requests refused"]["count"] == str(report["auth_failures"]["refused"])
    force = Counter(leak["force"] for leak in report["leaks"] if leak["kind"] not in NO_SECRETS)
    assert figures["Leaked, still in use"]["count"] == str(force["in force"])
    undecided = [row["check"] for row in open_ if row["check"] in ("leak-undecided", "value-in-log")]
    assert figures["Leaked, still in use"]["note"].endswith(f"; {len(undecided)} finding not decided")
    actions = report["actions"]
    assert sum(one["closes"] for one in actions) == len(open_)
    first = actions[:5]
    assert f"they close {sum(one['closes'] for one in first)} of the {len(open_)} open findings" in html
    assert all(f'{part}do-{one["number"]}"' in html for one in first for part in ('href="#', 'id="'))


def test_without_its_style_the_first_screen_keeps_words_apart(report: dict[str, Any]) -> None:
    """JupyterLab drops the style of an untrusted notebook: what it sets apart has a sign between."""
    notebook = nbformat.read(GOLDEN / "quarterly_review.ipynb", as_version=4)
    outputs = (out for cell in notebook.cells for out in cell.get("outputs", ()))
    html = next(out.data["text/html"] for out in outputs if "kpi" in str(out))
    shown = [unescape(re.sub("<[^>]*>", "", item)) for item in re.findall("<li>(.*?)</li>", html, re.DOTALL)]
    for one in report["summary"]["figures"]:
        assert f"{one['title']}: {one['count']} {one['unit']}; {one['note']}" in shown
    for row in report["actions"][:5]:
        (text,) = (text for text in shown if text.startswith(f"{row['number']}. {row['action']} "))
        assert f" {row['command']}{row['owner']}, " in text or f". {row['owner']}, " in text


def test_each_open_finding_is_on_the_page_once(report: dict[str, Any], html: str) -> None:
    """By its id, under the action that closes it."""
    for row in report["findings"]:
        assert html.count(f'<tr id="{row["id"]}">') == (row["status"] == "open"), row["id"]


def test_the_calendar_is_of_days_to_come(report: dict[str, Any]) -> None:
    """What was due before the review is no event."""
    days = re.findall(r"DTSTART;VALUE=DATE:(\d{8})", (GOLDEN / "calendar.ics").read_text("utf-8"))
    assert min(days) >= report["as_of"][:10].replace("-", "")


def test_a_script_in_a_text_is_inert() -> None:
    """Neither register nor page nor notebook holds markup, control or bidi signs of what was read."""
    row = {"number": 1, "id": "x", "action": HOSTILE, "why": HOSTILE, "where": HOSTILE, "owner": HOSTILE}
    more = {"severity": "high", "due_at": frames.AS_OF, "overdue": False, "closes": 1, "command": HOSTILE}
    screen = show_register(Actions.of([row | more]), frames.findings().assign(action="x"), frames.AS_OF)
    text, code = nbformat.v4.new_markdown_cell(f"## Heading\n\n{HOSTILE}"), nbformat.v4.new_code_cell("x")
    code.outputs = [nbformat.v4.new_output("stream", text=HOSTILE, name="stdout")]
    made = page(normalise(nbformat.v4.new_notebook(cells=[text, code])), HOSTILE)
    for html in (screen._repr_mimebundle_()["text/html"], made):
        assert [sign for sign in ("<script>alert", "\x1b", "\u202e") if sign in html] == []
    assert "default-src 'none'" in made


def test_figures_are_the_same_bytes_and_say_what_they_show() -> None:
    """Two drawings of one frame are equal, and their alternative text counts what is drawn."""
    from audit_lib.report.figures import plot_ages, plot_daily, png  # which is slow to import

    first, second = (plot_ages(frames.freshness()) for _ in range(2))
    assert png(first) == png(second)
    assert "1 overdue, 2 not known, 1 due, 1 fresh" in str(first.figure.get_label())
    daily = pd.DataFrame({"requests": [5, None], "refused": [2, None]}, index=["2026-07-01", "2026-07-02"])
    assert "2 of 5 requests refused; 1 day without a line" in str(plot_daily(daily).figure.get_label())


def test_a_failed_login_is_counted_once() -> None:
    """A declared one is a request that was refused, or a message of the application: no request, then."""
    counts = frames.log_counts()
    declared = counts.query("kind == 'unauthorized'").assign(kind="declared_failure", status=200, count=7)
    every = pd.concat([counts, declared, declared.assign(status=None, count=4)], ignore_index=True)
    figure, alone = (next(other_figures(frames.audit(log_counts=one))) for one in (every, declared))
    assert (figure.count, figure.unit, "0 failed" in alone.note) == ("25", "of 65", False)
    assert figure.note.startswith("11 failed logins in the application's own words")
    lost = declared.assign(kind="possible_login_failure", status=302)
    assert "; 7 login answers do not tell" in next(other_figures(frames.audit(log_counts=lost.head(1)))).note
    events = every.loc[every.index.repeat(every["count"])].assign(at=pd.Series(dtype="datetime64[us, UTC]"))
    day = tabulate_days(every, failed_logins(events, ()), frames.QUARTER).sum(numeric_only=True)
    assert (day["requests"], day["refused"], day["failed_logins"]) == (54, 14, 14)


def test_days_without_lines_are_not_known() -> None:
    """Without any line no day has a count, and none is unusual; a day with lines has zero refusals."""
    counts = frames.log_counts()
    empty = tabulate_days(counts.head(0), counts.head(0), frames.QUARTER)
    assert (empty["refused"].isna().all(), empty["unusual"].any()) == (True, False)
    days = tabulate_days(counts.query("kind == 'other'"), counts.head(0), frames.QUARTER)
    assert (days.loc["2026-07-01", "refused"], days["refused"].notna().sum()) == (0, 1)


def test_the_package_answers_an_auditor(report: dict[str, Any]) -> None:
    """Each field that docs/review.md names for one of sixteen questions says something in the package."""
    page = (ROOT / "docs" / "review.md").read_text("utf-8").partition("## The package")[2]
    answers = re.findall(r"^\| [^|]+\? \| ([^|]+) \|$", page, re.MULTILINE)
    assert len(answers) == 16
    findings = list(csv.DictReader((GOLDEN / "findings.csv").read_text("utf-8-sig").splitlines()))
    manifest = json.loads((GOLDEN / "MANIFEST.json").read_text("utf-8"))
    package = {"report.json": [report], "MANIFEST.json": [manifest], "findings.csv": findings}
    for part in (part for places in answers for part in places.split("; ") if part.split()[0] in package):
        for path in re.findall(r"`([^`]+)`", part):
            found = package[part.split()[0]]
            for name in path.split("."):
                found = [one[name.removesuffix("[]")] for one in found]
                found = [one for many in found for one in many] if name.endswith("[]") else found
            # The sample has no earlier report to compare with.
            assert any(one not in (None, "", [], {}) for one in found) or path == "changes", path


def finding(check: str, subject: str, where: str = "backend/.env:3", **more: Any) -> dict[str, Any]:
    """An open finding of production."""
    place = {"subject": subject, "environment": "production", "service": "backend"}
    facts = {"id": check, "check": check, "severity": "high", "status": "open", "action": check, "owner": ""}
    text = {"evidence": "as it is", "where": (where,), "remedy": "Do it. Then look.", "covers": ()}
    return {**place, **facts, **text, "due_at": frames.AS_OF, **more}


@pytest.mark.parametrize(("found", "state", "action"), CASES["actions"])
def test_an_action_says_what_closes_its_findings(found: list[list[Any]], state: str, action: str) -> None:
    """A value is rotated or set, a file deleted or untracked, and each is named; else the remedy says it."""
    findings = [finding(check, subject, **(more[0] if more else {})) for check, subject, *more in found]
    place = {"secret": "API_TOKEN", "environment": findings[0]["environment"]}
    inventory = rows_of("inventory", place | dict(zip(("state", "kind"), state.split(), strict=False)))
    leaked = rows_of("leaked_secrets", {"secret": "ISSUED", "named": "ISSUED (Stripe)", "providers": "S"})
    assert tabulated(findings, inventory=inventory, leaked_secrets=leaked)["action"].tolist() == [action]


def tabulated(findings: list[dict[str, Any]], **tables: pd.DataFrame) -> pd.DataFrame:
    """The actions of findings, where nothing but these tables has a row."""
    blank = {name: contract_of(name).of([]) for name in BLANK}
    return actions.tabulate_actions(pd.DataFrame(findings), blank | tables, frames.AS_OF)


@pytest.mark.parametrize(("changed", "found", "shown"), CASES["screens"])
def test_sentence_reason_and_tile_say_the_same(changed: Any, found: Any, shown: list[str]) -> None:
    """A value that a file shows is lost as one that leaked; who got in stands in the order of the actions."""
    tables = {name: rows_of(name, *some) for name, some in (CASES["screen"] | changed).items()}
    tables["findings"] = pd.DataFrame([finding(name, it, status=state) for name, it, state in found])
    screen = summarise(frames.audit(**tables))
    assert [screen.sentence, *screen.reasons, screen.figures[0].count, screen.figures[0].note] == shown


@pytest.mark.parametrize(("age", "leak", "when"), CASES["dates"])
def test_a_date_that_is_a_bound_is_one(age: dict[str, Any], leak: str, when: list[str]) -> None:
    """Of an age without an upper bound it is known by when it is over; what leaked and is used is due now."""
    own = {"status": "fresh", "max_age_days": 90, "reason": "", "period_stated": True} | age
    tables = CASES["screen"] | {"freshness": [own], "leak_places": [{}], "exposure": [{"status": leak}]}
    found = {"findings": pd.DataFrame([finding("attack-on-logins", "x")])}
    found |= {name: rows_of(name, *some) for name, some in tables.items()}
    assert summarise(frames.audit(**found)).falls_due["when"].tolist() == when


@pytest.mark.parametrize(("found", "held", "command"), CASES["commands"])
def test_a_command_is_about_what_its_action_names(found: list[Any], held: list[Any], command: str) -> None:
    """An investigation is of the window of what was detected, a snapshot sees the values of production."""
    findings = [finding(*found[:2], **(found[2] if found[2:] else {}))]
    seen = {"detection": "application-failing", "verdict": "found"}
    timeless = {"subject": "database", "first_at": None, "last_at": None}
    detections = rows_of("detections", *(seen | span for span in (*CASES["detected"], timeless)))
    inventory = rows_of("inventory", *(({"fingerprint": None} if "state" in it else {}) | it for it in held))
    assert tabulated(findings, detections=detections, inventory=inventory)["command"].tolist() == [command]


@pytest.mark.parametrize(("check", "given", "first"), CASES["given"])
def test_the_file_that_was_given_comes_last(check: str, given: str, first: str) -> None:
    """Who gave a file knows that it holds values, but not of another one, nor that git has it."""
    found = [
        finding(check, "export", "prod.env"),
        finding("scan-or-flood", "probing x", environment="", severity="medium", remedy="Block it."),
    ]
    exports = [{"kind": "export", "source": given, "lines": None}, {"kind": "export", "source": "prod.env"}]
    assert tabulated(found, sources=rows_of("sources", *exports))["action"].iloc[0] == first


@pytest.mark.parametrize(("later", "order"), CASES["order"])
def test_of_one_severity_what_can_be_done_comes_first(later: list[dict[str, Any]], order: list[str]) -> None:
    """What is critical, outages, a limit of tries, what a provider issued, attacks in vain. A failure of less
    that is over, since requests were answered later, comes behind what production has."""
    elsewhere = [finding("leak-undecided", name, environment="", action=name, remedy=name) for name in "BA"]
    found = [finding(one, of, **{"remedy": one} | dict(*more)) for one, of, *more in CASES["ordered"]]
    tables = CASES["seen"] | {"log_minutes": later}
    made = tabulated([*elsewhere, *found], **{name: rows_of(name, *some) for name, some in tables.items()})
    assert made["action"].tolist() == order


@pytest.mark.parametrize(("text", "shown"), [
    *CASES["plain"], ("\ud800", "\\ud800"), ("z" + "\u0301" * 50, "z" + "\u0301" * 3),
])  # fmt: skip
def test_what_could_act_or_hide_is_written_as_its_escape(text: object, shown: str) -> None:
    """Control, bidi, zero-width and unencodable characters become visible; letters of all scripts stay."""
    assert inert.plain(text) == shown


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "  =", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_formula_is_text_to_a_spreadsheet(sign: str) -> None:
    """An apostrophe stands before every sign that starts a formula, also after spaces."""
    assert [inert.csv_cell(f"{lead}{sign}1").startswith("'") for lead in ("", "a")] == [True, False]


def test_a_label_is_short_and_drawable() -> None:
    """A figure's text keeps both ends and holds no character that the font lacks."""
    label = inert.label("SECRET_" + "設" * 40 + "_END", width=30)
    assert (label[:7], label[-4:], len(label)) == ("SECRET_", "_END", 30)
    assert label.replace("…", "").isascii()
