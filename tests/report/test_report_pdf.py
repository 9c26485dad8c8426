"""report.pdf: accessible, the same bytes, nothing cut, every text as it is, and searched by the seal."""

import io
import json
import re

import numpy as np
import pytest
import typst
from matplotlib.image import imread
from pypdf import PdfReader

from audit_lib.findings.audit import Audit
from audit_lib.findings.contracts import Findings
from audit_lib.report.report_pdf import printed, report_pdf, to_set
from audit_lib.secrecy import guard
from tests.support import made_up_audit as frames
from tests.support.made_up_audit import filled
from tests.support.paths import GOLDEN, ROOT

HOSTILE = (
    "#read(sys.inputs.report)",
    '#panic("x")',
    "#let a = 1 $ x^2 $ *b* _i_ `c` = h",
    '"; #include "/etc/passwd"',
    "\\u{41} // comment /* more",
    "@label <label> https://example.test/ --- ...",
    '[#link("http://example.test")[x]]',
)
TEMPLATE = (ROOT / "audit_lib" / "report" / "report.typ").read_bytes()
NAMED = "A" * 300


def _audit(*subjects: str) -> Audit:
    row = {"check": "weak-value", "severity": "high", "status": "open"}
    rows = (row | {"id": f"f{number}", "subject": subject} for number, subject in enumerate(subjects))
    return frames.audit(findings=filled(Findings, rows))


def _pdf(*subjects: str) -> bytes:
    return report_pdf(_audit(*subjects))


def _text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def _joined(text: str) -> str:
    return re.sub(r"\s|\u200b", "", text)


@pytest.fixture(scope="module")
def committed() -> PdfReader:
    """The committed report of the sample."""
    return PdfReader(GOLDEN / "report.pdf")


def test_it_is_accessible(committed: PdfReader) -> None:
    """It says that it is PDF/UA-1, is tagged, and has a title and a language; each table has heads."""
    root = committed.root_object
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert committed.metadata is not None
    assert committed.metadata.title == "sample: secrets and logins, 2026Q3"
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    data = (GOLDEN / "report.pdf").read_bytes()
    assert data.count(b"/S/Table") == data.count(b"/S/THead") > 10


def test_each_page_is_a4_and_numbered(committed: PdfReader) -> None:
    """Each page stands upright, and has its number, how many there are, and the running head."""
    number = len(committed.pages)
    for place, page in enumerate(committed.pages, 1):
        assert (round(page.mediabox.width), round(page.mediabox.height)) == (595, 842)
        text = page.extract_text()
        assert f"page {place} of {number}" in text
        assert "review of secrets and logins" in text


def test_it_ends_with_the_sign_off(committed: PdfReader) -> None:
    """The last page has a line for each who signs, and what the seal searched for."""
    text = committed.pages[-1].extract_text()
    assert all(f"{role} by, on" in text for role in ("prepared", "reviewed", "approved"))
    assert "secret values in" in text


def test_the_same_audit_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another zone and another time of running change nothing."""
    before = _pdf("API_TOKEN")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert _pdf("API_TOKEN") == before


def test_a_text_is_never_markup() -> None:
    """What would run, read or link in typst is shown as it is, and no link is made."""
    data = _pdf(*HOSTILE)
    text = _joined(_text(data))
    assert [one for one in HOSTILE if _joined(one) not in text] == []
    assert b"/URI" not in data


def test_what_no_font_has_is_escaped() -> None:
    """Signs without a glyph are shown as their escapes, so that the report is made all the same."""
    text = _joined(_text(_pdf("日本 \U0001f600 e\u0489 \u05d0 naïve Ж")))
    assert "\\u65e5\\u672c\\ud83d\\ude00e\\u0489\\u05d0naïveЖ" in text


def test_nothing_is_cut() -> None:
    """A name that is wider than the page is broken: all of it is there, and nothing is in a margin."""
    audit = _audit(NAMED)
    assert NAMED in _joined(_text(report_pdf(audit)))
    given = {"report": to_set(printed(audit))}
    pages = typst.Compiler(TEMPLATE, ignore_system_fonts=True, sys_inputs=given).compile(format="png", ppi=36)
    assert isinstance(pages, list)
    for page in pages:
        ink = np.argwhere(imread(io.BytesIO(page))[:, :, :3].min(axis=2) < 0.8)[:, 1]
        assert 20 <= ink.min() <= ink.max() <= 298 - 20


def test_a_value_that_reads_like_json_damages_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is blotted out of each text, and what stands between two texts stays."""
    value = '", "after": "left'
    monkeypatch.setattr(guard, "_guard", guard.Guard())
    guard._guard.know({"one": value})
    given = json.loads(to_set({"before": f"a {value} b", "x": "x", "after": "left"}))
    assert (value in given["before"], given["x"], given["after"]) == (False, "x", "left")
