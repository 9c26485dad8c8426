"""`verify`: whether a report or a ledger is unchanged since it was written, and who signed it."""

import json
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import counted, instant_words
from audit_lib.cli import options
from audit_lib.cli.options import PATH
from audit_lib.ledger import Entry, Ledger, chain_files, current_key_ids, read_ledger
from audit_lib.ledger.keys import demo_key, keys_at_hand
from audit_lib.report import escape as inert
from audit_lib.report.folder import SIGNED
from audit_lib.secrecy.keeper import MANIFEST, Key, signature_holds

BREAK = 3
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RecursionError)
_COLUMNS = ("signed by", "as", "at (UTC)", "days late", "made with", "remark", "ledger entry", "its hash")


@click.command()
@click.argument("path", type=PATH)
@options.ledger
@click.pass_context
def verify(ctx: click.Context, path: Path, ledger: Path | None) -> None:
    """Check that a report or a ledger is unchanged.

    PATH is a report folder, a ledger folder or a ledger file. In a ledger it checks each entry, each link
    and, with the key, each MAC, and names the first broken entry. In a report it checks the files against
    the manifest, and with --ledger who signed it, as what and when.
    It cannot detect entries removed after the last head that you saved elsewhere. Exits with 3 if
    something was changed.

    Example: audit-lib verify reports/my-app-2026Q3 --ledger ../my-app
    """
    if (path / MANIFEST).is_file():
        faults, lines = _check_report(path, ledger)
    else:
        found, key = _checked_ledger(path)
        faults = list(found.faults)
        lines = [_summary(found, key), *(f"head {writer} {head}" for writer, head in found.heads)]
    for fault in faults:
        click.echo(str(fault), err=True)
    if faults:
        ctx.exit(BREAK)
    for line in lines:
        click.echo(line)


def _check_report(folder: Path, ledger: Path | None) -> tuple[list[Fault], list[str]]:
    """What is wrong with the report in a folder, and what to say of it."""
    faults, lines = report_faults(folder), ["every file matches the manifest"]
    if not faults:
        lines.append(_signature(json.loads((folder / MANIFEST).read_text("utf-8"))))
    if ledger is not None:
        found = _checked_ledger(ledger)[0]
        signed = signatures(folder, found)
        faults += _copy_faults(folder, found)
        lines += [
            f"signed by {one.body.get('by', '')}{_as_role(one)}, {instant_words(one.at)} UTC ({one.place})"
            for one in signed
        ] or ["nobody has signed this manifest"]
        lines += in_several_roles(signed)
    return faults, [f"{folder.name}: {line}" for line in lines]


def report_faults(folder: Path) -> list[Fault]:
    """Every file of a report that does not match its manifest; `BadInput` if there is no manifest."""
    try:
        content = json.loads((folder / MANIFEST).read_text("utf-8"))
        files: dict[str, Any] = dict(content["files"])
    except OSError:
        raise BadInput.at(str(folder), f"is not a report: it has no {MANIFEST}") from None
    except _UNREADABLE:
        return [Fault(f"{folder.name}/{MANIFEST}", "is not a manifest of this tool")]
    paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    there = {path.relative_to(folder).as_posix(): path for path in paths}
    faults = [Fault(name, "is not in the manifest") for name in there.keys() - {*files, MANIFEST, SIGNED}]
    for name, digest in files.items():
        file = there.get(name)
        if file is None:
            faults.append(Fault(name, "is in the manifest but not in the folder"))
        elif file.is_symlink() or sha256(file.read_bytes()).hexdigest() != digest:
            faults.append(Fault(name, "does not match the manifest: its digest differs"))
    key = _at_hand().get(_key_id(content))
    if key is not None and not signature_holds(key, content):
        faults.append(Fault(MANIFEST, f"was edited: its signature under key {key.key_id} does not hold"))
    return sorted(faults)


def _at_hand() -> dict[str, Key]:
    """The keys by id; one's own first, since anyone can name the public one."""
    return {**keys_at_hand(), demo_key().key_id: demo_key()}


def _key_id(manifest: dict[str, Any]) -> str:
    named = manifest.get("key")
    return str(named.get("key_id") or "") if isinstance(named, dict) else ""


def _named(key: Key) -> str:
    return "the public DEMO key, so anyone could have written it" if key.origin == "demo" else key.key_id


def _signature(manifest: dict[str, Any]) -> str:
    if not _key_id(manifest):
        return "the manifest names no key, so anyone could have written it"
    if key := _at_hand().get(_key_id(manifest)):
        return f"the manifest's signature holds under {_named(key)}"
    return "the manifest's signature was not checked, since its key is not available"


def _checked_ledger(path: Path) -> tuple[Ledger, Key | None]:
    """The ledger at a path, checked with its key if there is one here."""
    folder = path / ".audit" / "ledger" if (path / ".audit" / "ledger").is_dir() else path
    if not folder.exists():
        raise BadInput.at(str(path), "does not exist: name a report folder, a ledger folder or a ledger file")
    if folder.is_dir() and not chain_files(folder):
        raise BadInput.at(str(path), "contains neither a ledger (*.jsonl) nor a report (MANIFEST.json)")
    at_hand = _at_hand()
    named = current_key_ids(folder if folder.is_dir() else folder.parent, at_hand)
    key = next((key for key_id, key in at_hand.items() if key_id in named), None)
    return read_ledger(folder, key), key


def _summary(ledger: Ledger, key: Key | None) -> str:
    entries = counted(len(ledger.entries), "entry", "entries")
    if key is None:
        return f"{entries}: links are intact; MACs were not checked, since the key is missing"
    older = len(ledger.entries) - ledger.macs_checked
    vouched = f"; {older} under an earlier key are vouched for by a key bridge" if older else ""
    macs = counted(ledger.macs_checked, "MAC")
    return f"{entries}: links are intact, {macs} valid under {_named(key)}{vouched}"


def refuse_foreign(report: Path, key: Key) -> None:
    """Refuse a report that was made under another key: another project's, or from before a change of key.

    Names of folders are alike in many projects; keys are not.
    """
    try:
        made = json.loads((report / MANIFEST).read_bytes())["key"]["key_id"]
    except _UNREADABLE:
        return
    if made != key.key_id:
        fault = "holds a report made under another key, perhaps another project's: name another folder"
        raise BadInput.at(str(report), fault)


def signatures(report: Path, ledger: Ledger) -> list[Entry]:
    """The sign-offs of the report in a folder, as it is now; none for a folder without a manifest."""
    try:
        digest = sha256((report / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return []
    return [entry for entry in ledger.of_kind("signoff") if entry.body.get("manifest_sha256") == digest]


def signed_text(report: Path, ledger: Ledger) -> str:
    """SIGNED.md: what the ledger holds of who signed a report, when, how late, and in which entry."""
    lines = [list(_COLUMNS), ["--"] * len(_COLUMNS)]
    for entry in signatures(report, ledger):
        by, role, made, remark = (entry.body.get(name, "") for name in ("by", "role", "made_with", "reason"))
        late = _days_late(report, entry)
        lines.append([by, role, instant_words(entry.at), late, made, remark, entry.place, entry.hash])
    cells = [[inert.plain(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in line] for line in lines]
    table = "".join(f"| {' | '.join(line)} |\n" for line in cells)
    note = "\nA copy for readers; `audit-lib verify DIR --ledger DIR` compares it with the ledger.\n"
    return f"# Who signed {inert.plain(report.resolve().name)}\n\n{table}{note}"


def _days_late(report: Path, entry: Entry) -> str:
    """How many days after the review was due it was signed; "not known" without a date."""
    try:
        record = json.loads((report / "report.json").read_bytes())
        due = parse_instant(record["review"]["due_at"], "report.json")
    except (*_UNREADABLE, BadInput):
        return "not known"
    return str(max(0, -((due - entry.at) // timedelta(days=1))))


def _copy_faults(report: Path, ledger: Ledger) -> list[Fault]:
    """Whether the copy of the sign-offs beside a report, if there is one, is as the ledger has them."""
    try:
        same = (report / SIGNED).read_text("utf-8") == signed_text(report, ledger)
    except FileNotFoundError:
        return []
    except (OSError, ValueError):
        same = False
    return [] if same else [Fault(SIGNED, "is not what the ledger holds of who signed")]


def _as_role(entry: Entry) -> str:
    return f" as {entry.body['role']}" if entry.body.get("role") else ""


def in_several_roles(signed: Iterable[Entry]) -> list[str]:
    """A sentence on each person who signed a report in more than one role."""
    roles: dict[str, set[str]] = {}
    for entry in signed:
        roles.setdefault(str(entry.body.get("by")), set()).add(str(entry.body.get("role", "")))
    several = [(by, sorted(had)) for by, had in sorted(roles.items()) if len(had) > 1]
    return [f"one person in {len(had)} roles: {by} signed as {' and as '.join(had)}" for by, had in several]
