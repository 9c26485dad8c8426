"""Reads what an incident needs, runs its notebook and publishes; imported once the first steps are out."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_lib.base.clock import briefly, iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened
from audit_lib.cli.terminal import BAD, DOUBT, progress_bar, say
from audit_lib.incident.explanations import best_explanation
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import LEAK, in_words, looks_with, tabulate_suspicions
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.deploys import KIND as DEPLOYS
from audit_lib.report.incident_answers import incident_answers
from audit_lib.report.incident_screen import incident_headline
from audit_lib.report.incident_tables import DEMO, first_explanation, newest_line
from audit_lib.report.publish.incident_evidence import ARTEFACTS, blotted_lines, searched
from audit_lib.report.publish.incident_package import INCIDENT
from audit_lib.report.publish.package import publish
from audit_lib.report.publish.publication import Publication
from audit_lib.secrecy.keeper import MANIFEST
from audit_lib.secrets.given import parse_env_options
from audit_lib.settings import Project, choose_policy, instant_of

MOST = 3
_STANDS_OUT = "stands out:"
# The parts of an investigation, as they report themselves, each with its share of the time.
WORK = {
    "bytes of logs": 30,
    "files": 10,
    "git objects": 15,
    "notebook": 30,
    "pages": 10,
    "searching the report": 5,
}


def run(project: Project, out: Path, as_of: str, given: dict[str, Any]) -> None:
    """Says what was found and what was published; may raise `BadInput` and `Refused`."""
    moment = instant_of(project, as_of)
    keeper = keeper_of(project)
    question = Question(*(given[name] for name in ("since", "until", "secret", "client", "discovered")))
    values = parse_env_options(given["env"], sys.stdin.buffer)
    # A broken policy is reported before a kernel is started.
    refuse_values(Opened(project, choose_policy(project, given["policy"]), values), {"--out": out})
    asked = {"project": str(project.root), "as_of": iso(moment)}
    asked |= {name: given[name] for name in ("since", "until", "secret", "client", "policy", "discovered")}
    replaced = (out / MANIFEST).exists()

    def investigated() -> Publication[Investigation]:
        found = investigate(
            project, question, moment, keeper, policy=given["policy"], given=values, progress=progress
        )
        _refuse_an_empty_folder(found)
        return searched(found, keeper)

    with progress_bar(WORK) as progress:
        found = publish(out, INCIDENT, asked, keeper, investigated, progress=progress).content
    _say_answer(found)
    _say_elsewhere(found, question)
    for what, said in _incomplete(found, out):
        say(f" {said}", what, DOUBT)
    say()
    say(f"published in {out}{', in place of the last one' if replaced else ''}: {', '.join(ARTEFACTS)}")
    say(f" {out / 'incident.html'} in a browser, or {out / 'incident.ipynb'} in JupyterLab", "Open")


def _incomplete(found: Investigation, out: Path) -> Iterator[tuple[str, str]]:
    """What the answer does not rest on, and what the package holds."""
    lists = found.sources[found.sources["kind"] == DEPLOYS]
    for source in rows(lists[lists["reason"] != ""]):
        yield "the deploy list is incomplete:", f"{source.source}: {source.reason}"
    for fault in found.ledger.faults:
        yield "the ledger is incomplete:", str(fault)
    if found.project.key == "demo":
        yield "the ledger is", DEMO
    if lines := blotted_lines((out / "evidence.zip").read_bytes()):
        yield "the evidence holds secret values:", f"{counted(lines, 'line')} blotted out"


def _refuse_an_empty_folder(found: Investigation) -> None:
    """`BadInput` if nothing of an application was read: a page about nothing looks like a clean one."""
    history = found.leak_coverage[found.leak_coverage["part"] == "git objects"]
    searched = history["state"].ne("not searched").any()
    if not (searched or found.ledger.entries or found.sources["state"].eq("read").any()):
        text = "nothing of an application was found here: no env file, log, ledger or repository"
        raise BadInput.at(str(found.project.root), text)


def _say_answer(found: Investigation) -> None:
    """What it was, five answers, what to do first, and what the answers rest on."""
    _, _, sentence, *lead = incident_headline(found).text.split("\n")
    word, dot, rest = sentence.partition(". ")
    say(rest, f"{word}{dot}", BAD if "an attack" in word else DOUBT)
    for line in filter(None, lead):
        say(line, indent="  ")
    for line in incident_answers(found).text.split("\n"):
        title, _, told = line.partition(": ")
        say(f" {told}", title if title.endswith("?") else f"{title}:", indent="  ")
    say()
    best = best_explanation(found)
    if found.seen and best:
        first = tabulate_steps(found).iloc[0]
        say(f" {first['text']}" + (f" [{first['place']}]" if first["place"] else ""), "do first:")
    say(f" {first_explanation(found)}{f': {best.speaks_for[0]}' if best else ''}", "first explanation:")
    pinned = ", pinned in audit.toml" if found.pinned else ""
    since, until, as_of = (iso(at) for at in (found.window.since, found.window.until, found.as_of))
    say(f" {since} to {until} (UTC; as of {as_of}{pinned})", "window:")
    say(f" {newest_line(found)}", "newest line of the logs:")


def _say_elsewhere(found: Investigation, question: Question) -> None:
    """What stands out in all that was read, leaks in force first, with the options that look into it.

    What the question asks for already is left out.
    """
    table = tabulate_suspicions(found)
    leaked = table["kind"].eq(LEAK)
    others = table[leaked & table["secret"].ne(found.secret)].drop_duplicates("secret")
    for row in rows(others[:MOST]):
        since = f" on {briefly(row.first_at, found.as_of)}" if row.first_at is not None else ""
        told = f"{row.secret} leaked{since} and is {row.what.partition(', ')[2]}"
        say(f" {told}: look with {looks_with(row)}", _STANDS_OUT)
    if len(others) > MOST:
        say(f" {len(others) - MOST} more secrets leaked and are in force: the page lists them", _STANDS_OUT)
    asked = table["since"].eq(question.since) & table["until"].eq(question.until)
    days = table[~leaked & ~(asked & table["client"].eq(question.client)) & table["evidence"].ne("")]
    shown = days.groupby("kind", sort=False).head(MOST)
    for row in rows(shown):
        when = f"{briefly(row.first_at, found.as_of)} to {briefly(row.last_at, found.as_of)}"
        say(f" {in_words(row)}, {when}: look with {looks_with(row)}", _STANDS_OUT)
    if len(days) > len(shown):
        say(f" {len(days) - len(shown)} more days of an address: the page lists them", _STANDS_OUT)
