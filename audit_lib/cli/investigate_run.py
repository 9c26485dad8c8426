"""Reads what an incident needs, runs its notebook and publishes; imported once the first steps are out."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit_lib.audit import instant_of
from audit_lib.base.clock import iso
from audit_lib.base.contracts import rows
from audit_lib.incident.question import Question
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import HOUR, MARGIN, tabulate_suspicions
from audit_lib.investigation import Incident, investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.logs.deploys import KIND as DEPLOYS
from audit_lib.project import Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.report import escape as inert
from audit_lib.report.incident_tables import DEMO, newest_line
from audit_lib.report.publish.atomic_folder import MANIFEST
from audit_lib.report.publish.incident_package import ARTEFACTS, INCIDENT, searched
from audit_lib.report.publish.publication import Publication, publish
from audit_lib.secrets.given_values import parse_env_options

MOST = 3


def run(project: Project, out: Path, as_of: str, given: dict[str, Any]) -> Iterator[str]:
    """Lines that say what was found and where it lies; `BadInput` and `Refused` as `investigate` says."""
    moment = instant_of(project, as_of)
    choose_policy(project, given["policy"])  # a broken one is reported before a kernel is started
    keeper = keeper_of(project)
    question = Question(*(given[name] for name in ("since", "until", "secret", "client", "discovered")))
    values = parse_env_options(given["env"], sys.stdin.buffer)
    asked = {"project": str(project.root), "as_of": iso(moment)}
    asked |= {name: given[name] for name in ("since", "until", "secret", "client", "policy", "discovered")}
    replaced = (out / MANIFEST).exists()

    def investigated() -> Publication[Incident]:
        found = investigate(project, question, moment, keeper, policy=given["policy"], given=values)
        return searched(found, keeper)

    found = publish(out, INCIDENT, asked, keeper, investigated).content
    best = found.explanations.iloc[0]
    pinned = ", pinned in audit.toml" if found.pinned else ""
    yield f"window: {iso(found.window.since)} to {iso(found.window.until)} (UTC; as of {iso(moment)}{pinned})"
    yield inert.plain(f"newest line of the logs: {newest_line(found)}")
    yield inert.plain(f"first explanation: {best['explanation']} ({best['verdict']}): {best['speaks_for']}")
    if not found.scene.seen:
        yield "no log line of the window was read: what happened in it is unknown"
    elif best["verdict"] in ("likely", "possible"):
        first = tabulate_steps(found.scene, found.windows, found.explanations).iloc[0]
        yield inert.plain(f"do first: {first['text']}" + (f" [{first['where']}]" if first["where"] else ""))
    yield from _elsewhere(found, question)
    lists = found.sources[found.sources["kind"] == DEPLOYS]
    for source in rows(lists[lists["reason"] != ""]):
        yield inert.plain(f"the deploy list is not whole: {source.source}: {source.reason}")
    for fault in found.ledger.faults:
        yield f"the ledger is not whole: {fault}"
    if project.key == "demo":
        yield f"the ledger is {DEMO}"
    yield f"published in {out}{', in place of the report that was there' if replaced else ''}:"
    hints = {"incident.html": "open this in a browser", "incident.ipynb": "or this in JupyterLab"}
    for name in ARTEFACTS:
        yield f"  {name}" + (f"  <- {hints[name]}" if name in hints else "")


def _elsewhere(found: Incident, question: Question) -> Iterator[str]:
    """What stands out in all that was read, leaks in force first, with the options that look into it.

    What the question asks for already is not told again.
    """
    table = tabulate_suspicions(found.scene)
    leaked = table["secret"].ne("")
    for row in rows(table[leaked & table["secret"].ne(found.scene.secret)][:MOST]):
        since = f" since {iso(row.first_at)}" if row.first_at is not None else ""
        yield inert.plain(f"stands out: {row.secret} leaked{since} and is in force: --secret {row.secret}")
    asked = table["since"].eq(question.since) & table["until"].eq(question.until)
    for row in rows(table[~leaked & ~(asked & table["client"].eq(question.client))][:MOST]):
        client = f" --client {row.client}" if row.client else ""
        when = f"{row.first_at:%Y-%m-%d %H:%M} to {row.last_at:%Y-%m-%d %H:%M}"
        look = f"--since {row.since} --until {row.until}{client}"
        yield inert.plain(
            f"stands out: {row.count} {row.what}, {when}; with {MARGIN / HOUR:.0f} hours around: {look}"
        )
