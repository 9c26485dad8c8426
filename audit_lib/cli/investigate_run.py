"""Reads what an incident needs, runs its notebook and publishes; imported once the first steps are out."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_lib.audit import instant_of
from audit_lib.base.clock import briefly, iso
from audit_lib.base.contracts import rows
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.cli.free_text import refuse_values
from audit_lib.cli.open_project import Opened
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.deploys import KIND as DEPLOYS
from audit_lib.project import Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.report import escape as inert
from audit_lib.report.incident_tables import DEMO, first_explanation, newest_line
from audit_lib.report.publish.incident_package import ARTEFACTS, INCIDENT, blotted_lines, searched
from audit_lib.report.publish.publication import Publication, publish
from audit_lib.secrecy.signature import MANIFEST
from audit_lib.secrets.given_values import parse_env_options

MOST = 3


def run(project: Project, out: Path, as_of: str, given: dict[str, Any]) -> Iterator[str]:
    """Lines that say what was found and what was published; may raise `BadInput` and `Refused`."""
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
        found = investigate(project, question, moment, keeper, policy=given["policy"], given=values)
        _refuse_an_empty_folder(found)
        return searched(found, keeper)

    found = publish(out, INCIDENT, asked, keeper, investigated).content
    yield from _findings(found)
    yield from _elsewhere(found, question)
    lists = found.sources[found.sources["kind"] == DEPLOYS]
    for source in rows(lists[lists["reason"] != ""]):
        yield inert.plain(f"the deploy list is incomplete: {source.source}: {source.reason}")
    for fault in found.ledger.faults:
        yield f"the ledger is incomplete: {fault}"
    if project.key == "demo":
        yield f"the ledger is {DEMO}"
    if lines := blotted_lines((out / "evidence.zip").read_bytes()):
        yield f"the evidence holds secret values: {counted(lines, 'line')} blotted out"
    yield f"published in {out}{', in place of the report that was there' if replaced else ''}:"
    hints = {"incident.html": "open this in a browser", "incident.ipynb": "or this in JupyterLab"}
    for name in ARTEFACTS:
        yield f"  {name}" + (f"  <- {hints[name]}" if name in hints else "")


def _refuse_an_empty_folder(found: Investigation) -> None:
    """`BadInput` if nothing of an application was read: a page about nothing looks like a clean one."""
    history = found.leak_coverage[found.leak_coverage["part"] == "git objects"]
    searched = history["state"].ne("not searched").any()
    if not (searched or found.ledger.entries or found.sources["state"].eq("read").any()):
        text = "nothing of an application was found here: no env file, log, ledger or repository"
        raise BadInput.at(str(found.project.root), text)


def _findings(found: Investigation) -> Iterator[str]:
    """What was looked at, what explains it, what to do first."""
    pinned = ", pinned in audit.toml" if found.pinned else ""
    since, until, as_of = (iso(at) for at in (found.window.since, found.window.until, found.as_of))
    yield f"window: {since} to {until} (UTC; as of {as_of}{pinned})"
    yield inert.plain(f"newest line of the logs: {newest_line(found)}")
    best = tabulate_explanations(found).iloc[0]
    explained = best["verdict"] in ("likely", "possible")
    told = f": {best['speaks_for']}" if explained else ""
    yield inert.plain(f"first explanation: {first_explanation(found)}{told}")
    if not found.seen:
        yield "no log line of the window could be read: what happened in it is not known"
    elif explained:
        first = tabulate_steps(found).iloc[0]
        yield inert.plain(f"do first: {first['text']}" + (f" [{first['place']}]" if first["place"] else ""))


def _elsewhere(found: Investigation, question: Question) -> Iterator[str]:
    """What stands out in all that was read, leaks in force first, with the options that look into it.

    What the question asks for already is left out.
    """
    table = tabulate_suspicions(found)
    leaked = table["secret"].ne("")
    others = table[leaked & table["secret"].ne(found.secret)].drop_duplicates("secret")
    for row in rows(others[:MOST]):
        since = f" on {briefly(row.first_at, found.as_of)}" if row.first_at is not None else ""
        yield inert.plain(
            f"stands out: {row.secret} leaked{since} and is {row.what.partition(', ')[2]}: "
            f"look with --secret {row.secret}"
        )
    if len(others) > MOST:
        yield f"stands out: {len(others) - MOST} more secrets leaked and are in force: the page lists them"
    asked = table["since"].eq(question.since) & table["until"].eq(question.until)
    days = table[~leaked & ~(asked & table["client"].eq(question.client)) & table["evidence"].ne("")]
    for row in rows(days[:MOST]):
        client = f" --client {row.client}" if row.client else ""
        when = f"{briefly(row.first_at, found.as_of)} to {briefly(row.last_at, found.as_of)}"
        look = f"--since {row.since} --until {row.until}{client}"
        yield inert.plain(f"stands out: {row.count} {row.what}, {when}: look with {look}")
    if len(days) > MOST:
        yield f"stands out: {len(days) - MOST} more days of an address: the page lists them"
