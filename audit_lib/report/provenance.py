"""What a review says of itself to an auditor: who made it, from what, and how it is made again."""

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.git import head_of
from audit_lib.base.in_words import NOT_KNOWN, day_words
from audit_lib.report import escape as inert
from audit_lib.report.tables import review_due_at
from audit_lib.secrecy.keeper import MANIFEST
from audit_lib.secrecy.seal import SealPlan

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SCHEMA = "audit_lib/manifest/2"
CONTROL = "Review of secrets and logins"
OBJECTIVE = "Secrets are known, owned, kept where they belong and rotated in time, and failed logins are seen"
_INPUTS = ["source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest"]
_GIVEN = {"from stdin": "-", "from the process environment": "environ"}  # by the reason of their source


def tool() -> dict[str, str | None]:
    """This program's version, and its commit if pip installed it from a repository."""
    try:
        origin = json.loads(distribution("audit-lib").read_text("direct_url.json") or "{}")
        commit = origin.get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, ValueError, AttributeError):
        commit = None
    return {"name": "audit_lib", "version": __version__, "commit": commit}


def provenance(audit: "Audit") -> dict[str, Any]:
    """What report.json says of the review; the same inputs give the same, so it names no time of running."""
    layout, key = audit.inventory, audit.keeper.key
    return {
        "control": CONTROL,
        "objective": OBJECTIVE,
        "cadence": "each quarter",
        "from": iso(audit.quarter.start),
        "to": iso(audit.quarter.end),
        "due_at": iso(review_due_at(audit.quarter)),
        "command": command(audit),
        "tool": tool(),
        "project_commit": head_of(audit.project.root) or None,
        "environments": sorted(set(layout["environment"].astype("str"))),
        "services": sorted({inert.plain(name.partition(" (")[0]) for name in layout["service"]}),
        "policy": {"name": inert.plain(audit.policy.name), "sha256": audit.policy.sha256},
        "key": {"key_id": None if key.origin == "throw-away" else key.key_id, "origin": key.origin},
    }


def command(audit: "Audit") -> str:
    """The command that makes the review again, for a shell, without where its report goes."""
    given, sources = audit.parameters, audit.sources
    project = given.get("project", "DIR")
    options = [("project", project)] if project else []
    options += [("quarter", str(audit.quarter)), ("as-of", iso(audit.as_of))]
    options += [(name, given[name]) for name in ("policy", "ledger", "previous") if given.get(name)]
    options += [("identities", "full")] if audit.identities == "full" else []
    options += [("log", log) for log in shlex.split(given.get("logs", ""))]
    for row in rows(sources[sources["kind"].eq("given values") & sources["state"].eq("read")]):
        options.append(("env", f"{row.environment}/{row.service}={_GIVEN.get(row.reason, 'FILE')}"))
    words = ["audit-lib review", *([] if project else ["--sample"])]
    return inert.plain(" ".join([*words, *(f"--{name} {shlex.quote(text)}" for name, text in options)]))


def how_to_repeat(audit: "Audit") -> list[str]:
    """What it takes to make the same bytes again, step by step."""
    key, sample = audit.keeper.key, audit.parameters.get("project") == ""
    steps = [f"Install audit_lib {__version__}; `make setup` installs each package by its hash."]
    if not sample:
        at = f"at commit {head_of(audit.project.root) or NOT_KNOWN}"
        steps.append(f"Copy the project's folder {at} by `tar` or `cp -a`, which keep the times of files.")
    if key.origin == "file":
        steps.append(f"Have the key {key.key_id} in AUDIT_KEY_FILE.")
    if audit.ledger.heads:
        steps.append("Cut each chain of the ledger after its head in `ledger`; take away other chains.")
    if audit.sources["kind"].eq("given values").any():
        steps.append("Give the same values with --env: they are stored nowhere.")
    return [*steps, f"{command(audit)} --out again", f"cmp {MANIFEST} again/{MANIFEST}"]


def manifest_of(audit: "Audit", planned: SealPlan) -> dict[str, Any]:
    """The manifest of a review without its files.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away
    key it has none. Of the machine nothing is in it: no path outside the project, no time, no mode.
    """
    facts, counts = provenance(audit), ("values", "forms", "runs", "artefacts", "not_searched", "ordinary")
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        **{name: facts[name] for name in ("key", "tool", "policy")},
        "how_to_repeat": how_to_repeat(audit),
        "inputs": inputs_of(audit.sources),
        "audit_toml": {"sha256": audit.project.layout_sha256 or None},
        "ledger": dict(audit.ledger.heads),
        "seal": {"hits": 0, **{name: getattr(planned, name) for name in counts}},
    }


def inputs_of(sources: pd.DataFrame) -> list[dict[str, Any]]:
    """The sources that were read, with their digests."""
    return [row._asdict() for row in rows(sources.loc[sources["state"].eq("read"), _INPUTS])]


def notes(audit: "Audit", planned: SealPlan) -> tuple[tuple[str, str], ...]:
    """What an auditor asks of the review itself, for the page's last fold."""
    facts, year = provenance(audit), audit.as_of.year
    made, policy = facts["tool"], facts["policy"]
    timely = {True: "on time", False: "late", None: "whether on time is not known"}
    signed_before = [
        f"{row.folder}: {row.by} as {row.role or 'signer'}, {day_words(row.at, year)}, "
        f"{timely[row.on_time]} ({row.place})"
        for row in rows(audit.sign_offs)
    ]
    due = day_words(review_due_at(audit.quarter), year)
    return (
        ("Control", f"{CONTROL}, {facts['cadence']}: {OBJECTIVE}"),
        ("Due", f"{due}. Who signed is in SIGNED.md and in the ledger."),
        ("Scope", f"{', '.join(facts['environments'])}; {', '.join(facts['services'])}"),
        ("Project", f"commit {facts['project_commit'] or NOT_KNOWN}"),
        ("Settings", f"{policy['name']}, SHA-256 {policy['sha256']}"),
        ("Made with", f"audit_lib {made['version']}, commit {made['commit'] or NOT_KNOWN}"),
        ("How to repeat it", "\n".join(how_to_repeat(audit))),
        ("Earlier reviews signed", "\n".join(signed_before) or "none"),
        ("Search for values", planned.statement()),
    )
