"""`decide` and `sign`: what people decided and answer for, into the ledger, and what was recorded so far."""

import json
import platform
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from audit_lib import __version__
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, nearest
from audit_lib.cli import options
from audit_lib.cli.free_text import refuse_values, texts_of
from audit_lib.cli.ledger_lines import recorded
from audit_lib.cli.open_project import Opened, opened
from audit_lib.cli.options import PATH, now, until_instant, writer_name
from audit_lib.cli.verify import in_several_roles, refuse_foreign, report_faults, signatures, signed_text
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.decisions import QUARTER, UNANSWERED, recertified_rule, tabulate_attestations
from audit_lib.findings.reviews import kept
from audit_lib.ledger import Draft, all_heads, read_ledger, write_entry
from audit_lib.ledger.entry import ROLES
from audit_lib.ledger.keys import key_of
from audit_lib.report import escape as inert
from audit_lib.report.folder import SIGNED
from audit_lib.secrecy.keeper import MANIFEST


@click.group()
def decide() -> None:
    """Decide on findings and questions, and list what was decided."""


@decide.command()
@click.argument("finding", metavar="ID")
@options.several(options.project, options.by, options.reason, options.until, options.ledger, options.writer)
def accept(finding: str, folder: Path, **given: Any) -> None:
    """Accept the risk of one finding until a date.

    Until then the finding is listed as accepted; afterwards it is open again. An ID that matches no
    finding is reported.
    """
    _refuse_other_ids(finding)
    _decide(folder, finding, "accept", given)


@decide.command()
@click.argument("finding", metavar="ID")
@options.several(options.project, options.by)
@click.option("--owner", required=True, help="Who answers for the finding.")
@click.option("--due", default="", help="When it will be fixed, such as 2026-12-31 (default: by severity).")
@click.option("--ticket", default="", help="The ticket or issue that it is followed in.")
@options.several(options.ledger, options.writer)
def assign(finding: str, folder: Path, due: str, **given: Any) -> None:
    """Assign a finding to who answers for it.

    A due date that is later than the severity allows is shown, and moves nothing: accept the risk instead.
    """
    _refuse_other_ids(finding)
    at = now()
    promised = {"until": iso(until_instant(due, at, "--due"))} if due else {}
    more = {name: given[name] for name in ("owner", "ticket") if given[name]}
    body = {"subject": finding, "verdict": "assign", "reason": ""} | more | promised
    _record(folder, body, given, at, f"{finding} is assigned to {given['owner']}")


@decide.command()
@click.argument("finding", metavar="ID")
@options.several(options.project, options.by)
@click.option("--proof", required=True, help="What shows that it is fixed, such as a commit or a ticket.")
@options.several(options.ledger, options.writer)
def close(finding: str, folder: Path, **given: Any) -> None:
    """Record that a finding was fixed, and what proves it.

    The next review decides. If its evidence still shows the finding, the record is shown as contradicted.
    """
    _refuse_other_ids(finding)
    body = {"subject": finding, "verdict": "close", "reason": given["proof"]}
    _record(folder, body, given, now(), f"{finding} is recorded as closed: the next review decides")


@decide.command()
@click.argument("rule")
@options.several(options.project, options.by)
@click.option("--reason", required=True, help="What you looked at.")
@options.until
@click.option("--no", is_flag=True, help="The rule is not met: it fails until you answer otherwise.")
@options.several(options.policy, options.ledger, options.writer)
def attest(rule: str, folder: Path, no: bool, policy: str, **given: Any) -> None:
    """Confirm that a RULE is met which no file can prove.

    With --no you say that it is not met.
    Your answer holds until the date that you give. The policy asks the questions; `decide list` has them.
    As the owner of a secret, confirm with the RULE secret:NAME that it is still needed, owned and limited.
    That holds for a quarter.
    """
    context = opened(folder, given["ledger"], policy)
    owned = [recertified_rule(one.name) for one in context.policy.secrets if one.kind == "secret"]
    asked = [*context.policy.attestations, *owned]
    if rule in owned and until_instant(given["until"], now()) > now() + QUARTER:
        raise BadInput.at(
            "--until", f"is over {QUARTER.days} days from now: a secret is confirmed each quarter"
        )
    if no and rule in owned:
        raise BadInput.at("--no", "is for questions of the policy: change what it says of the secret instead")
    if rule not in asked:
        raise BadInput.at(
            "RULE", f"must be one that the policy asks about (decide list){nearest(rule, asked)}"
        )
    _decide(folder, rule, "deny" if no else "attest", given)


@decide.command("list")
@click.argument("about", metavar="[ID]", default="")
@options.several(options.project, options.policy, options.ledger)
def list_(about: str, folder: Path, policy: str, ledger: Path | None) -> None:
    """List what people decided, and the questions left open.

    With an ID, only what was decided about that finding or question.
    """
    context = opened(folder, ledger, policy)
    entries, faults, others = recorded(context.project, about)
    for fault in faults:
        click.echo(fault, err=True)
    for line in entries:
        click.echo(line)
    for name, question in _unanswered(context, now()):
        if about in ("", name):
            click.echo(inert.plain(f"{name}: {question}"))
    left = f"{others} of snapshots, keys and repairs not"
    click.echo(f"{counted(len(entries), 'entry', 'entries')} shown, {left}", err=True)


@click.command()
@click.argument("report", metavar="DIR", type=PATH)
@options.several(options.project, options.by)
@click.option("--role", type=click.Choice(ROLES), default="reviewed", show_default=True, help="What you did.")
@click.option("--reason", default="", help="A remark of yours.")
@options.several(options.ledger, options.writer)
def sign(report: Path, folder: Path, **given: Any) -> None:
    """Sign the report in DIR: record its digest in the ledger.

    The entry holds the digest of the report's manifest and the heads of the ledger's chains. A copy for
    readers is SIGNED.md in DIR. A report whose files do not match its manifest cannot be signed. Whoever
    signs in two roles is named: a review wants two people.
    """
    faults = report_faults(report)
    if faults:
        raise BadInput(faults)
    digest = sha256((report / MANIFEST).read_bytes()).hexdigest()
    context = opened(folder, given["ledger"])
    refuse_values(context, {**texts_of(given), "DIR": report})
    project, writer = context.project, writer_name(given["writer"])
    by = given["by"] or writer
    refuse_foreign(report, key_of(project))
    ledger = read_ledger(project.ledger_dir, key_of(project))
    role, signed = given["role"], signatures(report, ledger)
    if done := [one.place for one in signed if (one.body["by"], one.body.get("role")) == (by, role)]:
        raise BadInput.at(report.name, f"was signed by {by} as {role} already ({done[0]})")
    body = {
        "manifest_sha256": digest,
        "folder": report.resolve().name,
        "by": by,
        "role": role,
        "made_with": f"audit_lib {__version__}, Python {platform.python_version()}",
        "reason": given["reason"],
        "heads": all_heads(project.ledger_dir, key_of(project)),
        **_kept(report),
    }
    entry = write_entry(project.ledger_dir, key_of(project), Draft("signoff", body), now(), writer)
    ledger = read_ledger(project.ledger_dir, key_of(project))
    (report / SIGNED).write_text(signed_text(report, ledger), "utf-8")
    click.echo(f"{entry.place}: {report.name} signed by {by} as {role}")
    for line in in_several_roles([*signed, entry]):
        click.echo(line, err=True)
    click.echo(f"keep this elsewhere, such as in a signed tag: {entry.writer} {entry.head}")


def _refuse_other_ids(finding: str) -> None:
    """`BadInput` for what is not the id of a finding of any check."""
    check, _, rest = finding.partition(":")
    known = [one.id for one in CHECKS]
    if check not in known or not rest:
        raise BadInput.at("ID", f"must be a finding's id, as the report lists it{nearest(check, known)}")


def _record(folder: Path, body: dict[str, Any], given: dict[str, Any], at: datetime, said: str) -> None:
    """Record what is said of one finding; `BadInput` if the last record of the kind says the same."""
    context = opened(folder, given["ledger"])
    project = context.project
    same = {name: body[name] for name in ("subject", "verdict")}.items()
    about = read_ledger(project.ledger_dir, key_of(project)).of_kind("decision")
    last = next((one for one in reversed(about) if same <= one.body.items()), None)
    if last is not None and last.body == {**body, "by": given["by"] or writer_name(given["writer"])}:
        raise BadInput.at("ID", f"has this decision already ({last.place})")
    click.echo(f"{_append(context, body, given, at)}: {said}")


def _append(context: Opened, body: dict[str, Any], given: dict[str, Any], at: datetime) -> str:
    """The place of what was appended in the name of who decided; `BadInput` if it holds a value."""
    refuse_values(context, texts_of(given) | {"ID": body["subject"]})
    project, writer = context.project, writer_name(given["writer"])
    draft = Draft("decision", {**body, "by": given["by"] or writer})
    return write_entry(project.ledger_dir, key_of(project), draft, at, writer).place


def _kept(report: Path) -> dict[str, Any]:
    """What the report judged by and found open, for reviews that have only the ledger."""
    path = report / "report.json"
    try:
        return kept(json.loads(path.read_bytes())) if path.is_file() else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput.at(str(path), "is not a report.json of this tool") from None


def _decide(folder: Path, subject: str, verdict: str, given: dict[str, Any]) -> None:
    at = now()
    until = iso(until_instant(given["until"], at))
    body = {"subject": subject, "verdict": verdict, "reason": given["reason"], "until": until}
    click.echo(f"{_append(opened(folder, given['ledger']), body, given, at)}: {verdict} until {until}")


def _unanswered(context: Opened, at: datetime) -> list[tuple[str, str]]:
    """The policy's questions, without those that an attestation answers at this instant."""
    key = key_of(context.project)
    ledger = read_ledger(context.project.ledger_dir, None if key.origin == "throw-away" else key, at)
    asked = tabulate_attestations(context.policy, ledger, at)
    return [(row.rule, row.question) for row in rows(asked[asked["status"].isin(UNANSWERED)])]
