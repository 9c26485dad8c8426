"""Page, terminal, PDF, JSON, CSV and SARIF say the same numbers, and those of the truth, on made projects."""

import io
import re
from contextlib import redirect_stdout
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from pypdf import PdfReader

import audit_lib.notebook as facade
from audit_lib.audit import run_audit
from audit_lib.cli.review_answer import say_review
from audit_lib.findings.audit import Audit
from audit_lib.report.csv_text import to_csv
from audit_lib.report.findings_sarif import findings_sarif
from audit_lib.report.owner_text import owner_text
from audit_lib.report.page import page
from audit_lib.report.report_json import report_record
from audit_lib.report.report_pdf import report_pdf
from audit_lib.report.sarif import leaks_sarif
from audit_lib.settings import load_project
from tests.support import recount
from tests.support.generated_projects import REFUSED, Truth, write_project
from tests.support.paths import ROOT

CELLS = nbformat.read(ROOT / "notebooks" / "quarterly_review.ipynb", as_version=4).cells
ON_SCREEN = {
    "leaked",
    "too old",
    "ages",
    "due",
    "fresh",
    "refused",
    "requests",
    "open",
    "with an open finding",
}
QUICK = (0, 1)
LONG = range(2, 52)
ON_PAPER = (2, 3, 4)  # setting a PDF takes four seconds


def _reviewed(root: Path, seed: int) -> tuple[Audit, Truth]:
    truth = write_project(root / f"made-{seed}", seed)
    return run_audit(load_project(root / f"made-{seed}"), "2026Q3", "2026-09-30T23:59:59Z"), truth


def _agree(audit: Audit, truth: Truth, seed: int) -> int:
    """How many numbers were compared; each surface may leave figures out, and none may say another number."""
    report = report_record(audit)
    counted = recount.of_json(report)
    told = {
        "page": recount.of_text(_first_screen(audit)),
        "owner.md": recount.of_text(owner_text(audit)),
        "terminal": recount.of_text(_terminal(audit)),
        "findings.csv": recount.of_csv(to_csv(audit.tables["findings"])),
        "findings.sarif": recount.of_sarif(findings_sarif(audit)),
        "report.json": _stated(report),
        "truth": _true(truth),
    }
    if seed in ON_PAPER:
        pages = PdfReader(io.BytesIO(report_pdf(audit))).pages
        told["pdf"] = recount.of_text(" ".join(one.extract_text() for one in pages))
    for place, said in told.items():
        assert {name: said[name] for name in said if said[name] != counted.get(name, 0)} == {}, (seed, place)
    for place in {"page", "owner.md", "pdf"} & told.keys():
        assert told[place].keys() >= ON_SCREEN, (seed, place)
    assert _sarif(audit) == {leak["leak_id"]: (leak["kind"], leak["occurrences"]) for leak in report["leaks"]}
    _agrees_by_day(report, truth)
    return sum(map(len, told.values())) + len(report["leaks"])


def _stated(report: dict[str, Any]) -> recount.Figures:
    """The sums that report.json itself gives beside its rows."""
    failures, lines = report["auth_failures"], report["coverage"]["log_lines"]
    return {
        "requests": failures["requests"],
        "log lines": lines["lines"],
        "not understood": failures["unread_lines"],
    }


def _true(truth: Truth) -> recount.Figures:
    """What the project was made with."""
    return {
        "leaked": len(truth.leaked),
        "leaked in production": len(
            {v for (_, e), v in truth.held.items() if e == "production"} & truth.leaked
        ),
        "too old": len(truth.too_old),
        "requests": truth.statuses.total(),
        "refused": sum(truth.statuses[status] for status in REFUSED),
        "log lines": truth.lines,
        "not understood": truth.junk,
    }


def _agrees_by_day(report: dict[str, Any], truth: Truth) -> None:
    assert report["auth_failures"]["by_status"] == {str(one): count for one, count in truth.statuses.items()}
    days = {row["day"]: row["failures"] for row in report["auth_failures"]["by_day"]}
    assert days == dict(truth.refused_on)


def _first_screen(audit: Audit) -> str:
    """The page's text before its first fold; the notebook's cells are run here, without a kernel."""
    notebook = nbformat.v4.new_notebook(cells=[])
    for cell in CELLS:
        if cell.cell_type == "code" and "audit)" in cell.source and "open_audit" not in cell.source:
            shown = eval(cell.source, {"report": facade, "audit": audit})._repr_mimebundle_()
            data, more = shown if isinstance(shown, tuple) else (shown, {})
            output = nbformat.v4.new_output("display_data", data=data, metadata=more)
            notebook.cells.append(nbformat.v4.new_code_cell(cell.source, outputs=[output]))
        elif cell.cell_type == "markdown":
            notebook.cells.append(cell)
    html = page(notebook, "made").partition("<details")[0]
    text = re.sub(r"(?s)<style.*?</style>|<script.*?</script>|<svg.*?</svg>", " ", html)
    return unescape(re.sub(r"<[^>]+>", " ", text)).replace(" · ", " ")


def _terminal(audit: Audit) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        say_review(audit, Path("out"))
    return said.getvalue()


def _sarif(audit: Audit) -> dict[str, tuple[str, int]]:
    log = leaks_sarif(audit.tables["leaks"], audit.tables["leak_places"], complete=True)
    return {
        one["partialFingerprints"]["leakId/v1"]: (
            one["ruleId"].removeprefix("leak/").replace("-", " "),
            one["occurrenceCount"],
        )
        for one in log["runs"][0]["results"]
    }


@pytest.mark.parametrize("seed", QUICK)
def test_all_that_is_published_says_the_same_numbers(seed: int, tmp_path: Path) -> None:
    """Each figure of page, PDF, owner.md, terminal and CSV is that of report.json's rows, and true."""
    audit, truth = _reviewed(tmp_path, seed)
    assert _agree(audit, truth, seed) > 40


@pytest.mark.long
def test_they_say_the_same_on_fifty_projects(tmp_path: Path) -> None:
    """As before, on fifty made projects, three of them on paper, too."""
    assert sum(_agree(*_reviewed(tmp_path, seed), seed) for seed in LONG) > 40 * len(LONG)
