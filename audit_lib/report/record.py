"""What a review says of itself as data: report.json, MANIFEST.json, and what an auditor asks first."""

import json
import math
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import pandas as pd

from audit_lib import __version__
from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.base.git import head_of
from audit_lib.base.in_words import NOT_KNOWN, day_words
from audit_lib.leaks.tables import PUBLISHED_PLACE
from audit_lib.report import escape as inert
from audit_lib.report.judge import score, verdict
from audit_lib.report.render import Screen
from audit_lib.report.tables import Row, plain, records, review_due_at
from audit_lib.secrecy import seal
from audit_lib.secrecy.keeper import MANIFEST

if TYPE_CHECKING:
    from audit_lib.audit import Audit

SCHEMA = "audit_lib/report/4"  # a new field, or one that means something else, raises the number
OBJECTIVE = "Secrets are known, owned, kept where they belong and rotated in time, and failed logins are seen"
PLACE = ("secret", "environment", "service")
FRAMES = (
    "sources", "population", "detections", "rotations", "triggers", "leak_lives",
    "actions", "findings", "changes", "decisions", "attestations", "ownership", "sign_offs",
)  # fmt: skip
NAMES: Mapping[str, Mapping[str, str]] = {  # columns that have another name in report.json, by frame
    "ages": {"overdue_from_at": "overdue_from", "possibly_overdue_from_at": "possibly_overdue_from"},
    "detections": {"classification": "class"},
    "leak_places": PUBLISHED_PLACE,
}
_INPUTS = ["source", "kind", "environment", "service", "size_bytes", "sha256", "keyed_digest"]
_LINES = ["lines", "read", "not_understood", "blank"]
_LOG_LINES = ["lines", "requests", "messages", "text_only", "not_understood", "blank"]
_HOW = {"from stdin": "-", "from the process environment": "environ"}  # values were given, by their reason


def report_record(audit: "Audit") -> Row:
    """The record, valid by report.schema.json: plain JSON values, every text inert, no fingerprint. `gone` is
    what the previous report found, and of which it is not known if it ended."""
    low, high = score(audit)
    gone = audit.changes.query("change == 'no longer known' and now == ''").drop_duplicates("id")
    names = {"was_check": "check", "was_severity": "severity"}
    gone = gone[["id", "subject", "environment", "service", *names]].rename(columns=names)
    return {
        "schema": SCHEMA,
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        "review": provenance(audit),
        "verdict": verdict(audit),
        "score": {"low": low, "high": high},
        "summary": _summary(audit.summary()),
        "ledger": dict(audit.ledger.heads),
        "freshness": _freshness(audit),
        "auth_failures": _auth_failures(audit),
        "leaks": nested(_rows(audit, "leaks"), _rows(audit, "leak_places"), ("leak_id",), "places"),
        "drift": values_by_place(audit.inventory),
        "settings": {"changes": _rows(audit, "settings_changes"), "in_force": list(audit.settings)},
        "not_ended": records(gone.assign(status="unknown")),
        **{name: _rows(audit, name) for name in FRAMES},
        "coverage": _coverage(audit),
    }


def _summary(screen: Screen) -> Any:
    return plain(
        {name: getattr(screen, name) for name in ("sentence", "reasons")}
        | {"figures": [one._asdict() for one in screen.figures], "first": list(screen.actions["number"])}
        | {name: getattr(screen, name).to_dict("records") for name in ("falls_due", "not_known")}
    )


def _rows(audit: "Audit", name: str) -> list[Row]:
    return records(getattr(audit, name).rename(columns=dict(NAMES.get(name, {}))))


def nested(outer: list[Row], inner: list[Row], key: tuple[str, ...], name: str) -> list[Row]:
    """Each outer row with its inner rows under `name`, [] without any; they lose the key in place."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in inner:
        found.setdefault(tuple(row.pop(part) for part in key), []).append(row)
    return [{**row, name: found.get(tuple(row[part] for part in key), [])} for row in outer]


def _freshness(audit: "Audit") -> list[Row]:
    """The ages with their evidence, to one decimal outward: they claim no more than is known."""
    ages = nested(_rows(audit, "ages"), _rows(audit, "evidence"), PLACE, "evidence")
    for row in ages:
        for name, days in row.items():
            if days is not None and name.endswith(("_days_min", "_days_max")):
                row[name] = (math.floor if name.endswith("_min") else math.ceil)(days * 10) / 10
    return ages


def _auth_failures(audit: "Audit") -> Row:
    requests, counts = audit.requests, audit.log_counts
    by_address = requests.assign(refused=requests["count"].where(requests["refused"], 0)).groupby("address")
    addresses = by_address[["count", "refused"]].sum().query("refused > 0").reset_index()
    return {
        "requests": int(requests["count"].sum()),
        "refused": int(requests.loc[requests["refused"], "count"].sum()),
        "failed_logins": int(audit.failed_logins["count"].sum()),
        "unread_lines": int(audit.sources.loc[audit.sources["kind"].eq("log"), "not_understood"].sum()),
        "untimed": int(counts["untimed"].sum()),
        "by_status": plain(requests.dropna(subset=["status"]).groupby("status")["count"].sum().to_dict()),
        "by_kind": plain(counts.groupby("kind")["count"].sum().to_dict()),
        "by_day": records(audit.daily.reset_index()[["day", "requests", "refused", "failed_logins"]]),
        "by_address": records(addresses.rename(columns={"count": "requests"})),
        "by_service": _rows(audit, "coverage"),
    }


def _letters(number: int) -> str:
    last = ascii_uppercase[number % 26]  # A, B, … Z, AA, AB, …
    return last if number < 26 else _letters(number // 26 - 1) + last


def values_by_place(inventory: pd.DataFrame) -> list[Row]:
    """Where each secret has the same value: the same letters are the same value, whatever its name.

    `environments` has by place (`production/backend`) `value A`, `placeholder`, `not supplied` or `missing`;
    a value that is empty or not known is `missing`, too. Rows, so letters, are in order of the secrets."""
    secrets = inventory[inventory["kind"].eq("secret")]
    letter, found = dict[str, str](), dict[tuple[str, str], dict[str, str]]()
    for row in rows(secrets.sort_values([*PLACE, "component", "source"], kind="stable")):
        held = "not supplied" if row.state == "not supplied" else "missing"
        if row.state == "present" and row.fingerprint is not None:
            same = "placeholder" if row.placeholder else f"value {_letters(len(letter))}"
            held = same if row.placeholder else letter.setdefault(row.fingerprint, same)
        place = inert.plain(f"{row.environment}/{row.service}".strip("/"))
        found.setdefault((inert.plain(row.secret), row.component), {})[place] = held
    names = ("secret", "component", "environments")
    return [dict(zip(names, (*key, places), strict=True)) for key, places in found.items()]


def _coverage(audit: "Audit") -> Row:
    sources, daily = audit.sources, audit.daily
    return {
        "lines": sources[_LINES].sum().astype(int).to_dict(),
        "log_lines": sources.loc[sources["kind"].eq("log"), _LOG_LINES].sum().astype(int).to_dict(),
        "days_without_logs": list(map(str, daily.index[daily["requests"].isna()])),
        "lines_not_understood": records(
            audit.entries.query("state == 'not understood'")[["source", "environment", "service", "line"]]
        ),
        "evidence_left_out": int(audit.evidence["role"].eq("left out").sum()),
        "rules": _rows(audit, "rules"),
    }


# ---- Who made the review, from what, and how it is made again ----


def tool() -> dict[str, str | None]:
    """This program's version, and its commit if pip installed it from a repository."""
    try:
        origin = json.loads(distribution("audit-lib").read_text("direct_url.json") or "{}")
        commit = origin.get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, ValueError, AttributeError):
        commit = None
    return {"name": "audit_lib", "version": __version__, "commit": commit}


def provenance(audit: "Audit") -> Row:
    """What report.json says of the review; the same inputs give the same, so it names no time of running."""
    inventory, key = audit.inventory, audit.keeper.key
    return {
        "control": "Review of secrets and logins",
        "objective": OBJECTIVE,
        "cadence": "each quarter",
        "from": iso(audit.quarter.start),
        "to": iso(audit.quarter.end),
        "due_at": iso(review_due_at(audit.quarter)),
        "command": command(audit),
        "tool": tool(),
        "project_commit": head_of(audit.project.root) or None,
        "environments": sorted(set(inventory["environment"].astype("str"))),
        "services": sorted({inert.plain(name.partition(" (")[0]) for name in inventory["service"]}),
        "policy": {"name": inert.plain(audit.policy.name), "sha256": audit.policy.sha256},
        "key": {"key_id": None if key.origin == "throw-away" else key.key_id, "origin": key.origin},
    }


def command(audit: "Audit") -> str:
    """The command that makes the review again, for a shell, without where its report goes."""
    given = {"project": "DIR", **audit.parameters, "quarter": str(audit.quarter), "as-of": iso(audit.as_of)}
    names = ("project", "quarter", "as-of", "policy", "ledger", "previous")
    options = [(name, given[name]) for name in names if given.get(name)]
    options += [("identities", "full")] if audit.identities == "full" else []
    options += [("log", log) for log in shlex.split(given.get("logs", ""))]
    held = audit.sources.query("kind == 'given values' and state == 'read'")
    options += [("env", f"{it.environment}/{it.service}={_HOW.get(it.reason, 'FILE')}") for it in rows(held)]
    words = [f"--{name} {shlex.quote(text)}" for name, text in options]
    return inert.plain(" ".join(["audit-lib review", *([] if given["project"] else ["--sample"]), *words]))


def _how_to_repeat(audit: "Audit") -> list[str]:
    key, commit = audit.keeper.key, head_of(audit.project.root) or NOT_KNOWN
    copy = f"Copy the project's folder at commit {commit} by `tar` or `cp -a`, which keep the times of files."
    steps = {
        f"Install audit_lib {__version__}; `make setup` installs each package by its hash.": True,
        copy: audit.parameters.get("project") != "",
        f"Have the key {key.key_id} in AUDIT_KEY_FILE.": key.origin == "file",
        "Cut each chain of the ledger after its head in `ledger`; take away others.": audit.ledger.heads,
        "Give the same values with --env: they are stored nowhere.": "given values"
        in set(audit.sources["kind"]),
        f"{command(audit)} --out again": True,
        f"cmp {MANIFEST} again/{MANIFEST}": True,
    }
    return [step for step, needed in steps.items() if needed]


def manifest_of(audit: "Audit", planned: Row) -> Row:
    """The manifest of a review without its files.

    A file of values has a keyed digest, since an unkeyed one can be guessed offline; under a throw-away key
    it has none. Of the machine nothing is in it: no path outside the project, no time, no mode."""
    facts = provenance(audit)
    return {
        "schema": "audit_lib/manifest/2",
        "project": inert.plain(audit.project.name),
        "quarter": str(audit.quarter),
        "as_of": iso(audit.as_of),
        **{name: facts[name] for name in ("key", "tool", "policy")},
        "how_to_repeat": _how_to_repeat(audit),
        "inputs": inputs_of(audit.sources),
        "audit_toml": {"sha256": audit.project.layout_sha256 or None},
        "ledger": dict(audit.ledger.heads),
        "seal": {"hits": 0, **planned},
    }


def inputs_of(sources: pd.DataFrame) -> list[Row]:
    """The sources that were read, with their digests."""
    return [row._asdict() for row in rows(sources.loc[sources["state"].eq("read"), _INPUTS])]


def facts_for_auditors(audit: "Audit", planned: Row) -> Row:
    """What an auditor asks of the review itself, for the page's last fold."""
    due_on = day_words(review_due_at(audit.quarter), audit.as_of.year)
    more = {"due_on": due_on, "year": audit.as_of.year, "search": seal.statement(planned)}
    return provenance(audit) | more | {"how_to_repeat": _how_to_repeat(audit), "sign_offs": audit.sign_offs}
