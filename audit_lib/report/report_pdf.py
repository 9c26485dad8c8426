"""The report on paper: report.pdf, tagged for readers of every kind, from what the page shows."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import resources
from typing import Any

from audit_lib.findings.audit import Audit
from audit_lib.report.action_groups import FIRST
from audit_lib.report.actions import actions_table, findings_to_close
from audit_lib.report.block import Block
from audit_lib.report.first_screen import do_first, falls_due, not_known
from audit_lib.report.headline import headline
from audit_lib.report.key_figures import figures
from audit_lib.report.leak_tables import leaks_tables
from audit_lib.report.review_summary import exceptions_table, sign_off
from audit_lib.report.review_tables import findings_table, freshness_table
from audit_lib.report.rule_results import rules_tables
from audit_lib.report.sections import coverage_tables, decisions_tables
from audit_lib.report.table import Table, Tables, column_widths, together
from audit_lib.secrecy import guard

DECIDED = ("owner", "ticket", "accepted until", "proof", "closed by")  # columns of the register
LINE = 60  # characters of a word that fit anywhere but in a table
BREAK = "\u200b"
# What no font of typst's own draws, marks included: it is written as its escape.
_NO_GLYPH = re.compile(r"[^\x20-\u02ff\u0370-\u0482\u048a-\u04ff\u200b\u2010-\u2040\u2190-\u22ff]")


def _findings(audit: Audit) -> Tables:
    return together(actions_table(audit), findings_to_close(audit), findings_table(audit, "unknown"))


def _decisions(audit: Audit) -> Tables:
    """The findings of the register that somebody decided on or closed, and what was answered."""
    register = exceptions_table(audit)
    said = [place for place, column in enumerate(register.columns) if column.heading in DECIDED]
    decided = tuple(row for row in register.rows if any(row[place] for place in said))
    note = "The others are open, and nobody is assigned: exceptions.csv has each."
    return together(replace(register, rows=decided, note=note), decisions_tables(audit))


# What a table explains at length is left to the page; paper has what is counted, judged and decided.
SECTIONS: tuple[tuple[str, Callable[[Audit], Table | Tables], tuple[str, ...]], ...] = (
    ("All findings, by what closes them", _findings, ("evidence", "do first", "control")),
    ("Ages", freshness_table, ("what would decide it",)),
    ("Leaks", leaks_tables, ("what is missing", "what this does not undo")),
    ("Rules", rules_tables, ("decided by", "evidence", "reason")),
    ("Coverage", coverage_tables, ()),
    ("Exceptions and decisions", _decisions, ("opened in", "why")),
    ("Sign-off", sign_off, ()),
)


def report_pdf(audit: Audit) -> bytes:
    """The PDF, PDF/UA-1, the same for the same audit: its date is that of the audit, its fonts typst's own.

    Raises:
        TypstError: the template cannot be set, which no text that it is given can cause.
    """
    import typst  # noqa: PLC0415  no other command sets a page

    template = resources.files("audit_lib.report").joinpath("report.typ").read_bytes()
    given = {"report": to_set(printed(audit))}
    compiler = typst.Compiler(template, ignore_system_fonts=True, sys_inputs=given)
    made = compiler.compile(format="pdf", pdf_standards="ua-1", timestamp=int(audit.as_of.timestamp()))
    assert isinstance(made, bytes)  # a list is of pictures
    return made


def to_set(content: dict[str, Any]) -> str:
    """The content as JSON for the template: scrubbed, breakable if long, in characters that have a glyph."""
    # Before a value is broken: a page is no text that could be scrubbed later.
    # Not the JSON: of what begins in one text and ends in another JSON would be damaged.
    text = json.dumps(_breakable(guard.scrub_texts(content)), ensure_ascii=False)
    return _NO_GLYPH.sub(lambda found: json.dumps(found[0]).strip('"').replace("\\", "\\\\"), text)


def _breakable(node: Any, width: int = LINE) -> Any:
    """The node with a place to break in every word that is longer than the width of its column."""
    if isinstance(node, dict):
        found = {key: _breakable(value) for key, value in node.items() if key != "rows"}
        if "rows" in node:
            widths = [column["width"] for column in node["columns"]]
            found["rows"] = [list(map(_breakable, row, widths)) for row in node["rows"]]
        return found
    if isinstance(node, list):
        return [_breakable(one) for one in node]
    if isinstance(node, str):
        # A capital is wider than the character by which columns are measured.
        most = max(4, width * 2 // 3)
        places = re.compile(rf"[_/=:.,;&?-](?=\S)|[^\W_]{{{most}}}(?=[^\W_])")
        return re.sub(rf"\S{{{most + 1},}}", lambda word: places.sub(rf"\g<0>{BREAK}", word[0]), node)
    return node


def printed(audit: Audit) -> dict[str, Any]:
    """What the template is given: the first screen, and the tables that are read on paper."""
    subject, facts, sentence, *lead = headline(audit).text.split("\n")
    first = actions_table(audit)
    first = replace(first, title=do_first(audit).title, rows=first.rows[:FIRST])
    return {
        "title": f"{audit.project.name}: secrets and logins, {audit.quarter}",
        "head": subject,
        "facts": facts,
        "verdict": sentence,
        "lead": lead,
        "figures": [asdict(one) for one in figures(audit)],
        "first": _table(first),
        "blocks": [_block(block) for block in (falls_due(audit), not_known(audit))],
        "sections": [
            {"heading": heading, "tables": [_table(one, left_out) for one in together(tables(audit)).tables]}
            for heading, tables, left_out in SECTIONS
        ],
    }


def _block(block: Block) -> dict[str, Any]:
    return {"title": block.title, "lines": block.text.split("\n")}


def _table(table: Table, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    kept = [place for place, column in enumerate(table.columns) if column.heading not in left_out]
    table = replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
    )
    columns = [
        {"heading": column.heading, "numeric": column.numeric, "code": column.code, "width": width}
        for column, width in zip(table.columns, column_widths(table), strict=True)
    ]
    said = {"title": table.title, "note": table.note, "empty": table.empty}
    return said | {"columns": columns, "rows": table.rows}
