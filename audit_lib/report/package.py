"""What a published folder says of itself: who made it, from what, how to repeat it; and how it is sealed."""

import json
import shlex
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import Quarter, iso
from audit_lib.base.frames import rows
from audit_lib.base.in_words import NOT_KNOWN, counted, day_words
from audit_lib.report import escape as inert
from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import MANIFEST, Keeper, signed
from audit_lib.secrecy.seal import Classes, SealPlan, seal

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SCHEMA = "audit_lib/manifest/2"
CONTROL = "Review of secrets and logins"
OBJECTIVE = "Secrets are known, owned, kept where they belong and rotated in time, and failed logins are seen"
DUE_DAYS = 30  # after its quarter: docs/review.md#the-package
_INPUTS = ("source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest")
_GIVEN = {"from stdin": "-", "from the process environment": "environ"}  # by the reason of their source


def write_package(
    folder: Path,
    files: Mapping[str, str | bytes],
    manifest: Mapping[str, Any],
    keeper: Keeper,
    classes: Classes,
) -> SealPlan:
    """Write the files beside what is in the folder, then the signed manifest of all; search everything.

    Raises:
        Refused: a value is in one of them, or one cannot be searched.
    """
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            # A path or a log line may itself hold a value: it is removed here, and the seal still searches.
            (folder / name).write_text(guard.scrub(content), "utf-8", newline="\n")
    digests = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    whole = signed({**manifest, "files": digests}, keeper.key)
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, "utf-8", newline="\n")
    return seal(folder, keeper, classes)


def tool() -> dict[str, str | None]:
    """This program's version, and its commit if pip installed it from a repository."""
    commit = None
    try:
        text = distribution("audit-lib").read_text("direct_url.json") or "{}"
        commit = json.loads(text).get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, ValueError, AttributeError):
        pass
    return {"name": "audit_lib", "version": __version__, "commit": commit}


def due_at(quarter: Quarter) -> datetime:
    """By when the review of a quarter is due."""
    return quarter.end + timedelta(days=DUE_DAYS)


def command(audit: "Audit") -> str:
    """The command that makes the review again, for a shell, without where its report goes."""
    given = audit.options.parameters
    project = given.get("project", "DIR")
    options = [("project", project)] if project else []
    options += [("quarter", str(audit.quarter)), ("as-of", iso(audit.as_of))]
    options += [(name, given[name]) for name in ("policy", "ledger", "previous") if given.get(name)]
    if audit.options.identities != "masked":
        options.append(("identities", audit.options.identities))
    options += [("log", one) for one in shlex.split(given.get("logs", ""))]
    options += [("env", one) for one in _given_again(audit.sources)]
    words = ["audit-lib review", *([] if project else ["--sample"])]
    return inert.plain(" ".join([*words, *(f"--{name} {shlex.quote(text)}" for name, text in options)]))


def _given_again(sources: pd.DataFrame) -> list[str]:
    """What `--env` gave, as it is given again: the values themselves are nowhere."""
    given = sources[sources["kind"].eq("given values") & sources["state"].eq("read")]
    return [f"{one.environment}/{one.service}={_GIVEN.get(one.reason, 'FILE')}" for one in rows(given)]


def how_to_repeat(audit: "Audit") -> list[str]:
    """What it takes to make the same bytes again, step by step."""
    origin, head = audit.keeper.key.origin, audit.commit or NOT_KNOWN
    steps = [f"Install audit_lib {__version__}; `make setup` installs each package by its hash."]
    if audit.options.parameters.get("project") != "":
        steps.append(
            f"Copy the project's folder at commit {head} by `tar` or `cp -a`, which keep the times of files."
        )
    if origin == "file":
        steps.append(f"Have the key {audit.keeper.key.key_id} in AUDIT_KEY_FILE.")
    if audit.ledger.heads:
        steps.append("Cut each chain of the ledger after its head in `ledger`; take away other chains.")
    if _given_again(audit.sources):
        steps.append("Give the same values with --env: they are stored nowhere.")
    return [*steps, f"{command(audit)} --out again", f"cmp {MANIFEST} again/{MANIFEST}"]


def provenance(audit: "Audit") -> dict[str, Any]:
    """What report.json says of the review; the same inputs give the same, so it names no time of running."""
    layout, key = audit.inventory, audit.keeper.key
    return {
        "control": CONTROL,
        "objective": OBJECTIVE,
        "cadence": "each quarter",
        "from": iso(audit.quarter.start),
        "to": iso(audit.quarter.end),
        "due_at": iso(due_at(audit.quarter)),
        "command": command(audit),
        "tool": tool(),
        "project_commit": audit.commit or None,
        "environments": sorted(set(layout["environment"].astype("str"))),
        "services": sorted({inert.plain(name.partition(" (")[0]) for name in layout["service"]}),
        "policy": {
            "name": inert.plain(audit.policy.name),
            "sha256": audit.policy.sha256,
        },
        "key": {"key_id": None if key.origin == "throw-away" else key.key_id, "origin": key.origin},
        "days_to_rotate": days_to_rotate(audit.rotations),
    }


def days_to_rotate(rotations: pd.DataFrame) -> dict[str, Any]:
    """From what forced a rotation to its end: how many there were, and the mean of both bounds."""
    forced = rotations[rotations["triggered_at"].notna()]
    return {
        "rotations": len(rotations),
        "forced": len(forced),
        "mean_min": _mean(forced["days_to_done_min"]),
        "mean_max": _mean(forced["days_to_done_max"]),
    }


def _mean(days: "pd.Series[float]") -> float | None:
    """The mean to a tenth; None if one of them is not known, or there is none."""
    return None if days.empty or days.isna().any() else round(float(days.mean()), 1)


def manifest_of(audit: "Audit", plan: SealPlan) -> dict[str, Any]:
    """The manifest of a review without its files.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away
    key it has none. Of the machine nothing is in it: no path outside the project, no time, no mode.
    """
    key = audit.keeper.key
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "key": {"key_id": None if key.origin == "throw-away" else key.key_id, "origin": key.origin},
        "tool": tool(),
        "how_to_repeat": how_to_repeat(audit),
        "inputs": digested(audit.sources),
        "audit_toml": {"sha256": audit.project.layout_sha256 or None},
        "policy": {"name": inert.plain(audit.policy.name), "sha256": audit.policy.sha256},
        "ledger": dict(audit.ledger.heads),
        "seal": {
            "values": plan.values,
            "forms": plan.forms,
            "runs": plan.runs,
            "artefacts": plan.artefacts,
            "hits": 0,
            "not_searched": list(plan.not_searched),
            "ordinary": plan.ordinary,
        },
    }


def digested(sources: pd.DataFrame, columns: Collection[str] = _INPUTS) -> list[dict[str, Any]]:
    """One entry for each source that was read, in the order of the frame; a null is None."""
    read = sources.loc[sources["state"] == "read", list(columns)]
    records = read.astype(object).where(read.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in records]


def auditor_notes(audit: "Audit", plan: SealPlan) -> tuple[tuple[str, str], ...]:
    """What an auditor asks of the review itself, for the page's last fold."""
    facts, year = provenance(audit), audit.as_of.year
    made = facts["tool"]
    signed_before = [
        f"{row.folder}: {row.by}{f' as {row.role}' if row.role else ''}, {day_words(row.at, year)}, "
        f"{_lateness(row.on_time)} ({row.place})"
        for row in rows(audit.sign_offs)
    ]
    rotated, policy = facts["days_to_rotate"], facts["policy"]
    forced = f"{counted(rotated['rotations'], 'rotation')}, {rotated['forced']} with a known trigger"
    mean = f", on average {rotated['mean_min']} to {rotated['mean_max']} days" if rotated["forced"] else ""
    return (
        ("Control", f"{CONTROL}, {facts['cadence']}: {OBJECTIVE}"),
        ("Due", f"{day_words(due_at(audit.quarter), year)}. Who signed is in SIGNED.md and in the ledger."),
        ("Scope", f"{', '.join(facts['environments'])}; {', '.join(facts['services'])}"),
        ("Project", f"commit {facts['project_commit'] or NOT_KNOWN}"),
        ("Settings", f"{policy['name']}, SHA-256 {policy['sha256']}"),
        ("Made with", f"audit_lib {made['version']}, commit {made['commit'] or NOT_KNOWN}"),
        ("How to repeat it", "\n".join(how_to_repeat(audit))),
        ("Earlier reviews signed", "\n".join(signed_before) or "none"),
        ("Rotations", f"{forced}{mean}"),
        ("Search for values", plan.statement()),
    )


def _lateness(on_time: bool | None) -> str:
    return {True: "on time", False: "late"}.get(on_time, "whether on time is not known")  # type: ignore[arg-type]
