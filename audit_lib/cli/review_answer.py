"""What `review` says when it has published: the verdict, three things to do, what was not read, the page."""

from pathlib import Path

from audit_lib.base.frames import rows
from audit_lib.base.how_started import as_typed
from audit_lib.base.in_words import counted, lines_in_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.cli.terminal import BAD, DOUBT, GOOD, say
from audit_lib.findings.audit import Audit
from audit_lib.findings.contracts import STATUSES
from audit_lib.report.first_screen import do_first
from audit_lib.report.headline import spoken
from audit_lib.report.publish.reviewed import ARTEFACTS, NOTEBOOK
from audit_lib.report.verdict import FAIL, PASS, UNKNOWN, verdict

FIRST = 3
MOST_SOURCES = 10
LOG_STATES = ("lines", "read", "requests", "messages", "text_only", "not_understood", "blank")
_STYLES = {FAIL: BAD, UNKNOWN: DOUBT, PASS: GOOD}
_PROSE = {"unknown": "not known"}


def say_review(audit: Audit, out: Path) -> None:
    """The answer first, then what to do, the totals, and what to open."""
    word, sentence, lead = spoken(audit)
    say(f" {sentence}", word, _STYLES[verdict(audit)])
    for reason in lead:
        say(reason, indent="  ")
    first = do_first(audit, FIRST)
    say()
    say(lead=first.title)
    # A masked name ends with a full stop of its own.
    for line in filter(None, first.text.replace(".. ", ". ").split("\n")):
        action, dot, why = line.partition(". ")[2].partition(". ") if line[0].isdigit() else ("", "", line)
        say(f"{dot}{why}", f"{line[:3]}{action}" if action else "", indent="  ")
    say()
    _say_totals(audit)
    _say_not_read(audit)
    say()
    say(f"published in {out}: {', '.join(ARTEFACTS)}")
    say(f" {out / 'report.html'} in a browser, or {out / NOTEBOOK} in JupyterLab", "Open")


def _say_totals(audit: Audit) -> None:
    findings, sources = audit.tables["findings"], audit.tables["sources"]
    for status in STATUSES:
        severities = findings.loc[findings["status"] == status, "severity"].value_counts()
        said = [f"{severities[name]} {name}" for name in reversed(SEVERITIES) if name in severities]
        say(f" {', '.join(said) or 'none'}", f"findings {_PROSE.get(status, status)}:")
    logs = sources[sources["kind"].eq("log")]
    states = {name: int(logs[name].sum()) for name in LOG_STATES}
    if states["lines"]:
        say(f" {lines_in_words(states)}", "logs:")


def _say_not_read(audit: Audit) -> None:
    """Each source that was not read, with what would supply it; on the page are all of them."""
    sources = audit.tables["sources"]
    left = sources[sources["state"] != "read"]
    say(f" {counted(len(left), 'source')} of {len(sources)}", "not read:", DOUBT if len(left) else GOOD)
    for row in rows(left.head(MOST_SOURCES)):
        what = f": {row.reason}" if row.reason else f" is {row.state}"
        remedy = f"; to supply it: {as_typed(row.remedy)}" if row.remedy else ""
        say(f"{row.source}{what}{remedy}", indent="  ")
    if len(left) > MOST_SOURCES:
        say(f"and {len(left) - MOST_SOURCES} more: see What was read on the page", indent="  ")
