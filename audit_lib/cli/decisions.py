"""`decide`, `sign` and `verify`: what people answer for, and whether a report or a ledger is unchanged."""

import json
import platform
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
from click import option

from audit_lib import __version__
from audit_lib.base.clock import Quarter, iso, parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, instant_words, nearest
from audit_lib.cli import open_project as cli
from audit_lib.cli.terminal import say
from audit_lib.findings import decisions as findings
from audit_lib.findings.reviews import kept, last_signed, read_previous
from audit_lib.ledger import Entry, Ledger, all_heads, chain_files, current_key_ids, read_ledger
from audit_lib.ledger.keys import demo_key, keys_at_hand
from audit_lib.report import escape as inert
from audit_lib.report.folder import SIGNED
from audit_lib.secrecy.keeper import MANIFEST, Keeper, Key, signature_holds

ROLES = ("prepared", "reviewed", "approved")
BREAK = 3
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_SHOWN = ("verdict", "subject", "id", "rule", "secret", "environment", "service", "owner", "until")
_DETAILS = ("claimed_at", "searched", "witness", "folder", "role", "by", "ticket", "reason", "proof")
_NOT_SHOWN = ("snapshot", "key bridge", "repair")
_COLUMNS = ("signed by", "as", "at (UTC)", "days late", "made with", "remark", "ledger entry", "its hash")
_ID, _ABOUT = click.argument("id_", metavar="ID"), click.argument("about", metavar="[ID]", default="")
_REASON, _UNTIL = option("--reason", required=True), option("--until", required=True)
_OWNER, _PROOF = option("--owner", required=True), option("--proof", required=True)


@click.group()
def decide() -> None:
    """The commands that record what somebody answers for."""


@cli.command(_ID, "--project", "--by", _REASON, _UNTIL, "--ledger", "--writer", of=decide)
def accept(id_: str, folder: Path, until: str, **given: Any) -> None:
    """Record that the risk of a finding is accepted until a date."""
    _decide(cli.opened(folder, given), id_, "accept", {"reason": given["reason"]}, {"--until": until})


@cli.command(_ID, "--project", "--by", _OWNER, "--due", "--ticket", "--ledger", "--writer", of=decide)
def assign(id_: str, folder: Path, due: str, **given: Any) -> None:
    """Record who answers for a finding, and by when."""
    body = {"reason": ""} | {name: given[name] for name in ("owner", "ticket") if given[name]}
    _decide(cli.opened(folder, given), id_, "assign", body, {"--due": due})


@cli.command(_ID, "--project", "--by", _PROOF, "--ledger", "--writer", of=decide)
def close(id_: str, folder: Path, **given: Any) -> None:
    """Record what shows that a finding was fixed."""
    _decide(cli.opened(folder, given), id_, "close", {"reason": given["proof"]}, {})


@cli.command(
    *(click.argument("rule"), "--project", "--by", _REASON, _UNTIL, cli.flag("--no")),
    *("--policy", "--ledger", "--writer"),
    of=decide,
)
def attest(rule: str, folder: Path, no: bool, until: str, **given: Any) -> None:
    """Record the answer to a question of the policy, or that a secret is still needed."""
    context, longest = cli.opened(folder, given), findings.QUARTER
    owned = [findings.recertified_rule(one.name) for one in context.policy.secrets if one.kind == "secret"]
    asked = [*context.policy.attestations, *owned]
    fault = f"must be one that the policy asks about (decide list){nearest(rule, asked)}"
    cli.refuse_if(rule not in asked, "RULE", fault)
    cli.refuse_if(rule in owned and no, "--no", "is for the policy's questions: change the policy instead")
    late = rule in owned and parse_instant(until, "--until") > context.at + longest
    cli.refuse_if(late, "--until", f"is over {longest.days} days from now: confirm it each quarter")
    verdict = "deny" if no else "attest"
    _decide(context, rule, verdict, {"reason": given["reason"]}, {"--until": until})


@cli.command(_ABOUT, "--project", "--policy", "--ledger", of=decide, name="list")
def list_(about: str, folder: Path, **given: Any) -> None:
    """Print the entries that people made, or those about one id, and the questions left open."""
    context = cli.opened(folder, given)
    ledger = context.ledger()
    for fault in ledger.faults:
        say(fault, err=True)
    entries = [one for one in ledger.entries if one.kind not in _NOT_SHOWN]
    listed = [one for one in entries if about in ("", *(one.body.get(name) for name in _SHOWN[1:4]))]
    for entry in listed:
        what = " ".join(str(entry.body[name]) for name in _SHOWN if entry.body.get(name))
        details = [f"{name}: {entry.body[name]}" for name in _DETAILS if entry.body.get(name)]
        say(f"{instant_words(entry.at)}  {entry.kind}  {'; '.join([what, *details])}  ({entry.place})")
    asked = findings.tabulate_attestations(context.policy, ledger, context.at)
    left_open = asked["status"].isin(findings.UNANSWERED) & (asked["rule"].eq(about) | (about == ""))
    for row in rows(asked[left_open]):
        say(f"{row.rule}: {row.question}")
    left = f"{len(ledger.entries) - len(entries)} of snapshots, keys and repairs not"
    say(f"{counted(len(listed), 'entry', 'entries')} shown, {left}", err=True)


def _decide(
    context: cli.Opened, subject: str, verdict: str, body: dict[str, Any], ends: dict[str, str]
) -> None:
    """Record a decision on an id of the newest report, a fresh audit or, to close it, the last sign-off."""
    cli.refuse_values(context, {"ID": subject})
    for option_, text in ends.items():
        if text:
            until = parse_instant(text, option_)
            cli.refuse_if(until <= context.at, option_, "is in the past: it must be later than now")
            body["until"] = iso(until)
    if verdict in findings.ABOUT_FINDINGS:
        project, at = context.project, context.instant("")
        found = sorted(Path("reports").glob(f"{context.name}-*/report.json"))
        known = set(read_previous(found[-1], project.name, context.key).findings) if found else set()
        if subject not in known:
            read = {"project": project, "policy": context.policy, "given": context.given, "as_of": at}
            from audit_lib.audit import Audit  # noqa: PLC0415  matplotlib comes with it

            audit = Audit(**read, keeper=Keeper(context.key), quarter=Quarter.named("", at))  # type: ignore[arg-type]
            last = last_signed(audit.ledger) if verdict == "close" else None
            findings.refuse_unknown_id(subject, {*known, *audit.findings["id"]}, last.opened if last else ())
    body = {"subject": subject, "verdict": verdict, **body, "by": context.by}
    about = [one for one in context.ledger().of_kind("decision") if one.body["subject"] == subject]
    for one in [one for one in about if one.body["verdict"] == verdict][-1:]:
        cli.refuse_if(one.body == body, "ID", f"has this decision already ({one.place})")
    until_words = f" until {body['until']}" if "until" in body else ": the next review decides"
    owner = f" to {body['owner']}" if "owner" in body else ""
    say(f"{context.append('decision', body).place}: {verdict} {subject}{owner}{until_words}")


@cli.command(
    *(click.argument("report", metavar="DIR", type=cli.PATH), "--project", "--by"),
    *(cli.shown("--role", default="reviewed", type=click.Choice(ROLES)), "--reason", "--ledger", "--writer"),
)
def sign(report: Path, folder: Path, role: str, **given: Any) -> None:
    """Record a report's digest in the ledger, and write SIGNED.md beside it."""
    if faults := report_faults(report):
        raise BadInput(faults)
    context = cli.opened(folder, given)
    cli.refuse_values(context, {"DIR": report})
    signed, by = signatures(report, context.ledger(), context.key), context.by
    for one in signed:
        same = (one.body["by"], one.body.get("role")) == (by, role)
        cli.refuse_if(same, report.name, f"was signed by {by} as {role} already ({one.place})")
    body = {"by": by, "role": role, "reason": given["reason"], "folder": report.resolve().name}
    body["manifest_sha256"] = _manifest(report)[0]
    body["made_with"] = f"audit_lib {__version__}, Python {platform.python_version()}"
    heads = {"heads": all_heads(context.project.ledger_dir, context.key)}
    if (record := report / "report.json").is_file():
        try:
            heads |= kept(json.loads(record.read_bytes()))
        except _UNREADABLE:
            raise BadInput.at(str(record), "is not a report.json of this tool") from None
    entry = context.append("signoff", body | heads)
    (report / SIGNED).write_text(signed_text(report, context.ledger()), "utf-8")
    say(f"{entry.place}: {report.name} signed by {by} as {role}")
    for line in _in_several_roles([*signed, entry]):
        say(line, err=True)
    say(f"keep this elsewhere, such as in a signed tag: {entry.writer} {entry.head}")


@cli.command(click.argument("path", type=cli.PATH), "--ledger")
@click.pass_context
def verify(ctx: click.Context, path: Path, ledger: Path | None) -> None:
    """Print what is wrong with a report or a ledger, and end with 3; else what was checked and who signed."""
    if (path / MANIFEST).is_file():
        faults, lines = _check_report(path, ledger)
    else:
        found, key = _checked_ledger(path)
        faults, older = list(found.faults), len(found.entries) - found.macs_checked
        vouched = f"; {older} under an earlier key are vouched for by a key bridge" if older else ""
        checked = f"{counted(found.macs_checked, 'MAC')} valid under {key}{vouched}"
        checked = checked if key else "MACs were not checked, since the key is missing"
        lines = [f"{counted(len(found.entries), 'entry', 'entries')}: links are intact, {checked}"]
        lines += [f"head {writer} {head}" for writer, head in found.heads]
    for line in faults or lines:
        say(line, err=bool(faults))
    ctx.exit(BREAK if faults else 0)


def _check_report(report: Path, ledger: Path | None) -> tuple[list[Fault], list[str]]:
    """What is wrong with the report in a folder, and what to say of it."""
    faults, key_id = report_faults(report), _manifest(report)[2]
    words = "'s signature was not checked, since its key is not available"
    words = f"'s signature holds under {_keys()[key_id][1]}" if key_id in _keys() else words
    words = words if key_id else " names no key, so anyone could have written it"
    lines = ["every file matches the manifest", f"the manifest{words}"]
    if ledger is not None:
        found, _ = _checked_ledger(ledger)
        signed = signatures(report, found)
        if (copy := report / SIGNED).is_file() and copy.read_bytes() != signed_text(report, found).encode():
            faults.append(Fault(SIGNED, "is not what the ledger holds of who signed"))
        for one in signed:
            role = f" as {one.body['role']}" if one.body.get("role") else ""
            signer = f"{one.body.get('by', '')}{role}, {instant_words(one.at)} UTC"
            lines.append(f"signed by {signer} ({one.place})")
        lines += _in_several_roles(signed) if signed else ["nobody has signed this manifest"]
    return faults, [f"{report.name}: {line}" for line in lines]


def report_faults(report: Path) -> list[Fault]:
    """Every file of a report that does not match its manifest; `BadInput` if there is no manifest."""
    cli.refuse_if(not (report / MANIFEST).is_file(), str(report), f"is not a report: it has no {MANIFEST}")
    _, manifest, key_id = _manifest(report)
    if not manifest:
        return [Fault(f"{report.name}/{MANIFEST}", "is not a manifest of this tool")]
    files = manifest["files"]
    paths = [path for path in report.rglob("*") if path.is_symlink() or path.is_file()]
    there = {path.relative_to(report).as_posix(): path for path in paths}
    faults = dict.fromkeys(there.keys() - {*files, MANIFEST, SIGNED}, "is not in the manifest")
    faults |= dict.fromkeys(files.keys() - there.keys(), "is in the manifest but not in the folder")
    for name in files.keys() & there.keys():
        if there[name].is_symlink() or sha256(there[name].read_bytes()).hexdigest() != files[name]:
            faults[name] = "does not match the manifest: its digest differs"
    known = _keys().get(key_id)
    if known and not signature_holds(known[0], manifest):
        faults[MANIFEST] = f"was edited: its signature under key {key_id} does not hold"
    return sorted(Fault(name, fault) for name, fault in faults.items())


def _manifest(report: Path) -> tuple[str, dict[str, Any], str]:
    """The digest of a report's manifest, what it says, and the id of its key; empty if it is none of ours."""
    with suppress(*_UNREADABLE):
        content = (report / MANIFEST).read_bytes()
        found = json.loads(content)
        key_id = (found.get("key") or {}).get("key_id")
        return sha256(content).hexdigest(), found | {"files": dict(found["files"])}, str(key_id or "")
    return "", {}, ""


def _keys() -> dict[str, tuple[Key, str]]:
    """The keys by id, with what to call them; one's own first, since anyone can name the public one."""
    demo, public = demo_key(), "the public DEMO key, so anyone could have written it"
    return {key_id: (key, key_id) for key_id, key in keys_at_hand().items()} | {demo.key_id: (demo, public)}


def _checked_ledger(path: Path) -> tuple[Ledger, str]:
    """The ledger at a path, and the key that it was checked with; "" if there is none here."""
    folder = path / ".audit" / "ledger" if (path / ".audit" / "ledger").is_dir() else path
    cli.refuse_if(not folder.exists(), str(path), "does not exist: name a report or a ledger")
    empty = folder.is_dir() and not chain_files(folder)
    cli.refuse_if(empty, str(path), "contains neither a ledger (*.jsonl) nor a report (MANIFEST.json)")
    keys, home = _keys(), folder if folder.is_dir() else folder.parent
    named = current_key_ids(home, {key_id: key for key_id, (key, _) in keys.items()})
    key, words = next((known for key_id, known in keys.items() if key_id in named), (None, ""))
    return read_ledger(folder, key), words


def signatures(report: Path, ledger: Ledger, key: Key | None = None) -> list[Entry]:
    """The sign-offs of a report as it is now; `BadInput` for another project's, made under another key."""
    digest, _, key_id = _manifest(report)
    foreign = key and key_id not in ("", key.key_id)
    cli.refuse_if(foreign, str(report), "holds a report made under another key: name another folder")
    return [one for one in ledger.of_kind("signoff") if digest and one.body.get("manifest_sha256") == digest]


def signed_text(report: Path, ledger: Ledger) -> str:
    """SIGNED.md: what the ledger holds of who signed a report, when, how late, and in which entry."""
    due, lines = None, [list(_COLUMNS), ["--"] * len(_COLUMNS)]
    with suppress(*_UNREADABLE, BadInput):
        record = json.loads((report / "report.json").read_bytes())
        due = parse_instant(record["review"]["due_at"], "report.json")
    for one in signatures(report, ledger):
        by, role, made, remark = (one.body.get(name, "") for name in ("by", "role", "made_with", "reason"))
        late = str(max(0, -((due - one.at) // timedelta(days=1)))) if due else "not known"
        lines.append([by, role, instant_words(one.at), late, made, remark, one.place, one.hash])
    cells = [[inert.plain(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in line] for line in lines]
    table = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    note = "\nA copy for readers; `audit-lib verify DIR --ledger DIR` compares it with the ledger.\n"
    return f"# Who signed {inert.plain(report.resolve().name)}\n\n{table}{note}"


def _in_several_roles(signed: Iterable[Entry]) -> list[str]:
    """A sentence on each person who signed a report in more than one role."""
    roles: dict[str, set[str]] = {}
    for one in signed:
        roles.setdefault(str(one.body.get("by")), set()).add(str(one.body.get("role", "")))
    several = [(by, " and as ".join(sorted(had))) for by, had in sorted(roles.items()) if len(had) > 1]
    return [f"one person in {len(roles[by])} roles: {by} signed as {had}" for by, had in several]
