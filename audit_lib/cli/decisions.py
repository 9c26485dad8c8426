"""`decide`, `sign` and `verify`: what people answer for, and whether a report or a ledger is unchanged."""

import json
import platform
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from audit_lib import __version__
from audit_lib.base import clock, errors
from audit_lib.base.in_words import counted, instant_words, nearest
from audit_lib.cli import open_project as cli
from audit_lib.findings import decisions as findings, reviews
from audit_lib.ledger import Entry, Ledger, all_heads, chain, keys, read_ledger
from audit_lib.report import escape as inert, folder as published
from audit_lib.secrecy.keeper import MANIFEST, Keeper, Key, signature_holds

ROLES = ("prepared", "reviewed", "approved")
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
_SUBJECTS = ("subject", "id", "rule")  # by which `decide list` finds an entry
_SHOWN = ("verdict", *_SUBJECTS, "secret", "environment", "service", "owner", "until")
_DETAILS = ("claimed_at", "searched", "witness", "folder", "role", "by", "ticket", "reason", "proof")
_NOT_SHOWN = ("snapshot", "key bridge", "repair")
_COLUMNS = ("signed by", "as", "at (UTC)", "days late", "made with", "remark", "ledger entry", "its hash")


def _later(_: click.Context, param: click.Parameter, text: str) -> str:
    if not text:
        return ""
    until = clock.parse_instant(text, param.opts[0])
    cli.refuse((until <= datetime.now(UTC), param.opts[0], "is in the past: it must be later than now"))
    return clock.iso(until)


decide = click.Group("decide")
_ID, _REASON = click.argument("id_", metavar="ID"), click.option("--reason", required=True)
_UNTIL = click.option("--until", required=True, callback=_later)
_DUE = click.option("--due", "until", default="", callback=_later)


@cli.command(
    *(click.argument("rule"), "--by", _REASON, _UNTIL, cli.flag("--no"), "--policy", "--ledger", "--writer"),
    of=decide,
)
def attest(context: cli.Opened, rule: str, no: bool, **given: Any) -> None:
    """Record the answer to a question of the policy, and until when it holds.

    Raises `BadInput`, with the nearest rule, for one that the policy does not ask about.
    """
    questions = context.policy.attestations
    fault = f"must be one that the policy asks about (decide list){nearest(rule, questions)}"
    cli.refuse((rule not in questions, "RULE", fault))
    _record(context, rule, "deny" if no else "attest", given)


def _decide_finding(context: cli.Opened, id_: str, verdict: str, **given: Any) -> None:
    """Record that the risk of a finding is accepted until a date, who answers for it, or what shows its fix.

    Raises `BadInput` for an id that neither report nor audit has, nor, to close it, the last sign-off.
    """
    cli.refuse_values(context, {"ID": id_})
    project, at = context.project, context.instant("")
    newest = sorted(Path("reports").glob(f"{project.name}-*/report.json"))[-1:]
    read = (reviews.read_previous(path, project.name, context.key) for path in newest)
    known = {found for report in read for found in report.findings}
    if id_ not in known:
        from audit_lib.audit import Audit  # noqa: PLC0415  it imports much

        here: dict[str, Any] = {"project": project, "policy": context.policy, "given": context.given}
        audit = Audit(**here, as_of=at, keeper=Keeper(context.key), quarter=clock.Quarter.named("", at))
        last = reviews.last_signed(audit.ledger) if verdict == "close" else None
        findings.refuse_unknown_id(id_, {*known, *audit.findings["id"]}, last.opened if last else ())
    _record(context, id_, verdict, given)


for _verdict, _options in {  # each verdict on a finding with the options that it alone has
    "accept": (_REASON, _UNTIL),
    "assign": (click.option("--owner", required=True), _DUE, "--ticket"),
    "close": (click.option("--proof", required=True),),
}.items():
    cli.command(_ID, "--by", *_options, "--ledger", "--writer", of=decide, name=_verdict)(
        partial(_decide_finding, verdict=_verdict)
    )


def _record(context: cli.Opened, subject: str, verdict: str, given: dict[str, Any]) -> None:
    """Append a decision to the ledger, and print its place. Raises `BadInput` if the last one of its kind
    says the same."""
    body = {
        "subject": subject,
        "verdict": verdict,
        "reason": given.get("reason", given.get("proof", "")),
        "by": context.by,
        **{name: given[name] for name in ("owner", "ticket", "until") if given.get(name)},
    }
    made = context.ledger().of_kind("decision")
    same = [one for one in made if (one.body["subject"], one.body["verdict"]) == (subject, verdict)]
    cli.refuse(*((one.body == body, "ID", f"has this decision already ({one.place})") for one in same[-1:]))
    until = f" until {body['until']}" if "until" in body else ": the next review decides"
    owner = f" to {body['owner']}" if "owner" in body else ""
    cli.say(f"{context.append('decision', body).place}: {verdict} {subject}{owner}{until}")


@cli.command(
    click.argument("about", metavar="[ID]", default=""), "--policy", "--ledger", of=decide, name="list"
)
def list_(context: cli.Opened, about: str, **_: Any) -> None:
    """Print the entries that people made, or those about one id, and the questions left open."""
    ledger = context.ledger()
    cli.say(*ledger.faults, err=True)
    entries = [entry for entry in ledger.entries if entry.kind not in _NOT_SHOWN]
    listed = [entry for entry in entries if about in ("", *(entry.body.get(name) for name in _SUBJECTS))]
    for entry in listed:
        what = " ".join(str(entry.body[name]) for name in _SHOWN if entry.body.get(name))
        details = [f"{name}: {entry.body[name]}" for name in _DETAILS if entry.body.get(name)]
        cli.say(f"{instant_words(entry.at)}  {entry.kind}  {'; '.join([what, *details])}  ({entry.place})")

    questions = findings.tabulate_attestations(context.policy, ledger, context.at)
    left_open = questions["status"].isin(findings.UNANSWERED) & (questions["rule"].eq(about) | (about == ""))
    cli.say(*(questions["rule"] + ": " + questions["question"])[left_open])
    left = f"{len(ledger.entries) - len(entries)} of snapshots, keys and repairs not"
    cli.say(f"{counted(len(listed), 'entry', 'entries')} shown, {left}", err=True)


@cli.command(
    *(click.argument("report", metavar="DIR", type=cli.PATH), "--by"),
    *(cli.shown("--role", default="reviewed", type=click.Choice(ROLES)), "--reason", "--ledger", "--writer"),
)
def sign(context: cli.Opened, report: Path, role: str, reason: str, **_: Any) -> None:
    """Record a report's digest in the ledger, and write SIGNED.md beside it. Raises `BadInput` for a report
    that was edited since it was published."""
    cli.refuse(*((True, fault.place, fault.text) for fault in report_faults(report)))
    cli.refuse_values(context, {"DIR": report})
    signed, by = signatures(report, context.ledger(), context.key), context.by
    done = [entry.place for entry in signed if (entry.body["by"], entry.body.get("role")) == (by, role)]
    cli.refuse((done, report.name, f"was signed by {by} as {role} already ({', '.join(done)})"))
    heads = {"heads": all_heads(context.project.ledger_dir, context.key)}
    if (record := report / "report.json").is_file():
        try:
            heads |= reviews.kept(json.loads(record.read_bytes()))
        except _UNREADABLE:
            raise errors.BadInput.at(str(record), "is not a report.json of this tool") from None
    body = {"by": by, "role": role, "reason": reason, "folder": report.resolve().name}
    body["made_with"] = f"audit_lib {__version__}, Python {platform.python_version()}"
    entry = context.append("signoff", {**body, "manifest_sha256": _manifest(report)[0], **heads})

    (report / published.SIGNED).write_text(signed_text(report, context.ledger()), "utf-8")
    cli.say(f"{entry.place}: {report.name} signed by {by} as {role}")
    cli.say(*_in_several_roles([*signed, entry]), err=True)
    cli.say(f"keep this elsewhere, such as in a signed tag: {entry.writer} {entry.head}")


def signatures(report: Path, ledger: Ledger, key: Key | None = None) -> list[Entry]:
    """The sign-offs of a report as it is now; `BadInput` for another project's, made under another key."""
    digest, _, key_id = _manifest(report)
    foreign = key and key_id not in ("", key.key_id)
    cli.refuse((foreign, str(report), "holds a report made under another key: name another folder"))
    return [one for one in ledger.of_kind("signoff") if digest and one.body.get("manifest_sha256") == digest]


def signed_text(report: Path, ledger: Ledger) -> str:
    """SIGNED.md: who signed a report as it is now, in a Markdown table in the order of the ledger.

    Each row has the person, role, instant (UTC), days late, tool, remark, entry and its hash. A day that has
    begun counts as late, from the `due_at` of report.json; without it days late are "not known".
    """
    due, lines = None, [list(_COLUMNS), ["--"] * len(_COLUMNS)]
    with suppress(*_UNREADABLE, errors.BadInput):
        record = json.loads((report / "report.json").read_bytes())
        due = clock.parse_instant(record["review"]["due_at"], "report.json")
    for entry in signatures(report, ledger):
        by, role, made, remark = (entry.body.get(name, "") for name in ("by", "role", "made_with", "reason"))
        late = str(max(0, -((due - entry.at) // timedelta(days=1)))) if due else "not known"
        lines.append([by, role, instant_words(entry.at), late, made, remark, entry.place, entry.hash])

    cells = [[inert.plain(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in line] for line in lines]
    table = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    return (
        f"# Who signed {inert.plain(report.resolve().name)}\n\n"
        f"{table}\n"
        "A copy for readers; `audit-lib verify DIR --ledger DIR` compares it with the ledger.\n"
    )


def _in_several_roles(signed: Iterable[Entry]) -> list[str]:
    roles: dict[str, set[str]] = {}
    for entry in signed:
        roles.setdefault(str(entry.body.get("by")), set()).add(str(entry.body.get("role", "")))
    return [
        f"one person in {len(held)} roles: {by} signed as {' and as '.join(sorted(held))}"
        for by, held in sorted(roles.items())
        if len(held) > 1
    ]


@cli.command(click.argument("path", type=cli.PATH), "--ledger", opens=False)
@click.pass_context
def verify(ctx: click.Context, path: Path, ledger: Path | None) -> None:
    """Print what is wrong with a report or a ledger, and end with 3; else what was checked and who signed."""
    faults, lines = _check_report(path, ledger) if (path / MANIFEST).is_file() else _check_ledger(path)
    cli.say(*(faults or lines), err=bool(faults))
    ctx.exit(cli.FOUND if faults else 0)


def _check_ledger(path: Path) -> tuple[list[errors.Fault], list[str]]:
    ledger, key = _checked_ledger(path)
    older = len(ledger.entries) - ledger.macs_checked
    vouched = f"; {older} under an earlier key are vouched for by a key bridge" if older else ""
    checked = f"{counted(ledger.macs_checked, 'MAC')} valid under {key}{vouched}"
    checked = checked if key else "MACs were not checked, since the key is missing"
    first = f"{counted(len(ledger.entries), 'entry', 'entries')}: links are intact, {checked}"
    return list(ledger.faults), [first, *(f"head {writer} {head}" for writer, head in ledger.heads)]


def _check_report(report: Path, ledger: Path | None) -> tuple[list[errors.Fault], list[str]]:
    faults, key_id, known = report_faults(report), _manifest(report)[2], _keys()
    words = "'s signature was not checked, since its key is not available"
    words = f"'s signature holds under {known[key_id][1]}" if key_id in known else words
    words = words if key_id else " names no key, so anyone could have written it"
    lines = ["every file matches the manifest", f"the manifest{words}"]
    if ledger is not None:
        found, _ = _checked_ledger(ledger)
        signed = signatures(report, found)
        copy, text = report / published.SIGNED, signed_text(report, found)
        if copy.is_file() and copy.read_bytes() != text.encode():
            faults.append(errors.Fault(published.SIGNED, "is not what the ledger holds of who signed"))
        for entry in signed:
            signer = " as ".join(filter(None, map(entry.body.get, ("by", "role"))))
            lines.append(f"signed by {signer}, {instant_words(entry.at)} UTC ({entry.place})")
        lines += _in_several_roles(signed) if signed else ["nobody has signed this manifest"]
    return faults, [f"{report.name}: {line}" for line in lines]


def report_faults(report: Path) -> list[errors.Fault]:
    """Each file of a report that does not match its manifest, by name, and a signature that does not hold.

    A link counts as changed, and SIGNED.md is not compared. The signature is checked if its key is at hand.
    Raises `BadInput` for a folder without a manifest.
    """
    cli.refuse((not (report / MANIFEST).is_file(), str(report), f"is not a report: it has no {MANIFEST}"))
    _, manifest, key_id = _manifest(report)
    if not manifest:
        return [errors.Fault(f"{report.name}/{MANIFEST}", "is not a manifest of this tool")]
    files = manifest["files"]
    held = (path for path in report.rglob("*") if path.is_symlink() or path.is_file())
    there = {path.relative_to(report).as_posix(): path for path in held}
    changed = [
        name
        for name in files.keys() & there.keys()
        if there[name].is_symlink() or sha256(there[name].read_bytes()).hexdigest() != files[name]
    ]
    faults = {
        **dict.fromkeys(there.keys() - {*files, MANIFEST, published.SIGNED}, "is not in the manifest"),
        **dict.fromkeys(files.keys() - there.keys(), "is in the manifest but not in the folder"),
        **dict.fromkeys(changed, "does not match the manifest: its digest differs"),
    }
    known = _keys().get(key_id)
    if known and not signature_holds(known[0], manifest):
        faults[MANIFEST] = f"was edited: its signature under key {key_id} does not hold"
    return sorted(errors.Fault(name, fault) for name, fault in faults.items())


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
    demo, public = keys.demo_key(), "the public DEMO key, so anyone could have written it"
    return {key_id: (key, key_id) for key_id, key in keys.keys_at_hand().items()} | {
        demo.key_id: (demo, public)
    }


def _checked_ledger(path: Path) -> tuple[Ledger, str]:
    """The ledger at a path, and the key that it was checked with; "" if there is none here."""
    inner = path / ".audit" / "ledger"
    folder = inner if inner.is_dir() else path
    empty = folder.is_dir() and not chain.chain_files(folder)
    cli.refuse(
        (not folder.exists(), str(path), "does not exist: name a report or a ledger"),
        (empty, str(path), "contains neither a ledger (*.jsonl) nor a report (MANIFEST.json)"),
    )
    known, home = _keys(), folder if folder.is_dir() else folder.parent
    named = chain.current_key_ids(home, {key_id: key for key_id, (key, _) in known.items()})
    key, words = next((found for key_id, found in known.items() if key_id in named), (None, ""))
    return read_ledger(folder, key), words
