"""`decide` and `sign`: what people decided and answer for, into the ledger, and what was recorded so far."""

import json
import platform
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from audit_lib import __version__
from audit_lib.audit import Audit
from audit_lib.base.clock import Quarter, iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, instant_words, nearest
from audit_lib.cli import options
from audit_lib.cli.open_project import Opened, opened, refuse_values
from audit_lib.cli.options import PATH, file_name, flag, text, until_instant
from audit_lib.cli.verify import in_several_roles, refuse_foreign, report_faults, signatures, signed_text
from audit_lib.findings.decisions import (
    QUARTER,
    UNANSWERED,
    recertified_rule,
    refuse_unknown_id,
    tabulate_attestations,
)
from audit_lib.findings.reviews import kept, last_signed, read_previous
from audit_lib.ledger import Entry, all_heads, read_ledger
from audit_lib.ledger.keys import keeper_of
from audit_lib.report import escape as inert
from audit_lib.report.folder import SIGNED
from audit_lib.secrecy.keeper import MANIFEST
from audit_lib.settings import instant_of

ROLES = ("prepared", "reviewed", "approved")  # of a signoff

_finding = click.argument("finding", metavar="ID")
_until = click.option("--until", required=True, help="When the decision ends, such as 2026-12-31.")
_place = options.several(options.ledger, options.writer)
_SHOWN = (
    "verdict",
    "subject",
    "id",
    "rule",
    "secret",
    "environment",
    "service",
    "owner",
    "until",
)
_DETAILS = ("claimed_at", "searched", "witness", "folder", "role", "by", "ticket", "reason", "proof")
_OF_FINDINGS = ("accept", "assign", "close")
_NOT_SHOWN = ("snapshot", "key bridge", "repair")


@click.group()
def decide() -> None:
    """Decide on findings and questions, and list what was decided.

    Example: audit-lib decide accept ID --reason 'replaced in January' --until 2027-01-31
    """


@decide.command()
@options.several(_finding, options.project, options.by)
@click.option("--reason", required=True, help="Why you decided so.")
@options.several(_until, _place)
def accept(finding: str, folder: Path, reason: str, until: str, **given: Any) -> None:
    """Accept the risk of one finding until a date.

    Until then the finding is listed as accepted; afterwards it is open again. An ID that matches no
    finding is reported.
    """
    _decide(
        opened(folder, given | {"reason": reason}),
        finding,
        "accept",
        {"reason": reason, "until": iso(until_instant(until))},
    )


@decide.command()
@options.several(_finding, options.project, options.by)
@click.option("--owner", required=True, help="Who answers for the finding.")
@text("--due", text="When it will be fixed, such as 2026-12-31 (default: by severity).")
@text("--ticket", text="The ticket or issue that it is followed in.")
@_place
def assign(finding: str, folder: Path, due: str, **given: Any) -> None:
    """Assign a finding to who answers for it.

    A due date that is later than the severity allows is shown, and moves nothing: accept the risk instead.
    """
    more = {name: given[name] for name in ("owner", "ticket") if given[name]}
    until = {"until": iso(until_instant(due, "--due"))} if due else {}
    _decide(opened(folder, given), finding, "assign", {"reason": "", **more, **until})


@decide.command()
@options.several(_finding, options.project, options.by)
@click.option("--proof", required=True, help="What shows that it is fixed, such as a commit or a ticket.")
@_place
def close(finding: str, folder: Path, **given: Any) -> None:
    """Record that a finding was fixed, and what proves it.

    The next review decides. If its evidence still shows the finding, the record is shown as contradicted.
    """
    _decide(opened(folder, given), finding, "close", {"reason": given["proof"]})


@decide.command()
@click.argument("rule")
@options.several(options.project, options.by)
@click.option("--reason", required=True, help="What you looked at.")
@_until
@flag("--no", "The rule is not met: it fails until you answer otherwise.")
@options.several(options.policy, _place)
def attest(rule: str, folder: Path, no: bool, until: str, **given: Any) -> None:
    """Confirm that a RULE is met which no file can prove.

    Your answer holds until the date that you give. The policy asks the questions; `decide list` has them.
    As the owner of a secret, confirm with the RULE secret:NAME that it is still needed, owned and limited.
    That holds for a quarter.
    """
    context, ends = opened(folder, given), until_instant(until)
    owned = [recertified_rule(one.name) for one in context.policy.secrets if one.kind == "secret"]
    asked = [*context.policy.attestations, *owned]
    if rule not in asked:
        fault = f"must be one that the policy asks about (decide list){nearest(rule, asked)}"
        raise BadInput.at("RULE", fault)
    if rule in owned and no:
        raise BadInput.at("--no", "is for questions of the policy: change what it says of the secret instead")
    if rule in owned and ends > context.at + QUARTER:
        fault = f"is over {QUARTER.days} days from now: a secret is confirmed each quarter"
        raise BadInput.at("--until", fault)
    _decide(context, rule, "deny" if no else "attest", {"reason": given["reason"], "until": iso(ends)})


@decide.command("list")
@click.argument("about", metavar="[ID]", default="")
@options.several(options.project, options.policy, options.ledger)
def list_(about: str, folder: Path, **given: Any) -> None:
    """List what people decided, and the questions left open.

    With an ID, only what was decided about that finding or question.
    """
    context = opened(folder, given)
    ledger = context.ledger()
    for fault in ledger.faults:
        click.echo(inert.plain(fault), err=True)
    entries = [one for one in ledger.entries if one.kind not in _NOT_SHOWN]
    shown = [one for one in entries if about in ("", *(one.body.get(name) for name in _SHOWN[1:4]))]
    for entry in shown:
        click.echo(inert.plain(_line(entry)))
    asked = tabulate_attestations(context.policy, ledger, context.at)
    for row in rows(asked[asked["status"].isin(UNANSWERED)]):
        if about in ("", row.rule):
            click.echo(inert.plain(f"{row.rule}: {row.question}"))
    left = f"{len(ledger.entries) - len(entries)} of snapshots, keys and repairs not"
    click.echo(f"{counted(len(shown), 'entry', 'entries')} shown, {left}", err=True)


def _line(entry: Entry) -> str:
    """One entry that people wrote: when, what, by whom, and where it stands."""
    what = " ".join(str(entry.body[name]) for name in _SHOWN if entry.body.get(name))
    details = [f"{name}: {entry.body[name]}" for name in _DETAILS if entry.body.get(name)]
    return f"{instant_words(entry.at)}  {entry.kind}  {'; '.join([what, *details])}  ({entry.place})"


def _refuse_other_ids(context: Opened, finding: str, *, gone: bool) -> None:
    """`BadInput` for what is no finding's id in the newest report in reports/, nor in a fresh audit.

    `gone`: an id that was open at the last sign-off will do, too.
    """
    project, reports = context.project, Path("reports")
    found = sorted(reports.glob(f"{file_name(project.name)}-*/report.json"))
    known = set(read_previous(found[-1], project.name, context.key).findings) if found else set()
    if finding not in known:
        at = instant_of(project, project.pinned_as_of or iso(context.at))
        audit = Audit(
            project=project,
            policy=context.policy,
            keeper=keeper_of(project),
            as_of=at,
            given=context.given,
            quarter=Quarter.named("", at),
        )
        last = last_signed(audit.ledger) if gone else None
        refuse_unknown_id(finding, {*known, *audit.findings["id"]}, last.opened if last else ())


def _decide(context: Opened, subject: str, verdict: str, body: dict[str, Any]) -> None:
    """Record a decision in the name of who decided.

    Raises:
        BadInput: the id holds a value, or the last decision of the kind says the same.
    """
    refuse_values(context, {"ID": subject})
    if verdict in _OF_FINDINGS:
        _refuse_other_ids(context, subject, gone=verdict == "close")
    body = {"subject": subject, "verdict": verdict, **body, "by": context.by}
    about = [one for one in context.ledger().of_kind("decision") if one.body["subject"] == subject]
    last = next((one for one in reversed(about) if one.body["verdict"] == verdict), None)
    if last is not None and last.body == body:
        raise BadInput.at("ID", f"has this decision already ({last.place})")
    until = f" until {body['until']}" if "until" in body else ": the next review decides"
    owner = f" to {body['owner']}" if "owner" in body else ""
    click.echo(f"{context.append('decision', body).place}: {verdict} {subject}{owner}{until}")


@click.command()
@click.argument("report", metavar="DIR", type=PATH)
@options.several(options.project, options.by)
@click.option("--role", type=click.Choice(ROLES), default="reviewed", show_default=True, help="What you did.")
@text("--reason", text="A remark of yours.")
@_place
def sign(report: Path, folder: Path, role: str, **given: Any) -> None:
    """Sign the report in DIR: record its digest in the ledger.

    The entry holds the digest of the report's manifest and the heads of the ledger's chains. A copy for
    readers is SIGNED.md in DIR. A report whose files do not match its manifest cannot be signed. Whoever
    signs in two roles is named: a review wants two people.

    Example: audit-lib sign reports/my-app-2026Q3 --project ../my-app --by "A. Reviewer"
    """
    if faults := report_faults(report):
        raise BadInput(faults)
    context = opened(folder, given)
    refuse_values(context, {"DIR": report})
    key, ledger_dir, by = context.key, context.project.ledger_dir, context.by
    refuse_foreign(report, key)
    signed = signatures(report, read_ledger(ledger_dir, key))
    if done := [one.place for one in signed if (one.body["by"], one.body.get("role")) == (by, role)]:
        raise BadInput.at(report.name, f"was signed by {by} as {role} already ({done[0]})")
    body = {"manifest_sha256": sha256((report / MANIFEST).read_bytes()).hexdigest()}
    body |= {"folder": report.resolve().name, "by": by, "role": role, "reason": given["reason"]}
    body["made_with"] = f"audit_lib {__version__}, Python {platform.python_version()}"
    entry = context.append("signoff", {**body, "heads": all_heads(ledger_dir, key), **_kept(report)})
    (report / SIGNED).write_text(signed_text(report, read_ledger(ledger_dir, key)), "utf-8")
    click.echo(f"{entry.place}: {report.name} signed by {by} as {role}")
    for line in in_several_roles([*signed, entry]):
        click.echo(line, err=True)
    click.echo(f"keep this elsewhere, such as in a signed tag: {entry.writer} {entry.head}")


def _kept(report: Path) -> dict[str, Any]:
    """What the report judged by and found open, for reviews that have only the ledger."""
    path = report / "report.json"
    try:
        return kept(json.loads(path.read_bytes())) if path.is_file() else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput.at(str(path), "is not a report.json of this tool") from None
