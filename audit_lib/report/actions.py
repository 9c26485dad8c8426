"""What to do, the most urgent first: one action closes all findings about one value, file or document."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.base.in_words import SEVERITIES, few
from audit_lib.findings.actions import LEAKED, NO_VALUES, NOT_LIMITED, UNDECIDED
from audit_lib.findings.check import Tables
from audit_lib.findings.checks import BY_ID
from audit_lib.leaks.tables import GATHERED, PRODUCTION
from audit_lib.report.tables import Row
from audit_lib.secrets.inventory import SECRET_KINDS, knows_production
from audit_lib.settings import ENVIRONMENTS

Secret = tuple[str, str]  # name and environment
ATTACK, OUTAGE, NO_LOGS, UNREAD = "attack-on-logins", "unusual-traffic", "log-gap", "source-not-read"
_UNDATED = timedelta(days=90)  # within which to do what has no date of its own
_URGENT, _ENTRIES = ("critical", "high"), ("let-in", "secret-in-url")
FIRST, _MOST_NAMES, _MOST_SIGNS = 5, 2, 240  # actions of the first screen, names of one, signs of a reason
_SOON = ("tries to log in", "application-failing all sources")  # lead what is as grave
_PUBLIC, _REVOKED = {"public-exposure", "reused-across-names"}, {"forbidden-format", "compromised-value"}
_ON_DISK, _MAY_BE_KNOWN = {"values-on-disk", "open-file-mode"}, {LEAKED, "placeholder-value"}
_OF_WHOLE = {  # of what is changed as a whole: what to do, and the command that begins it
    "owners": ("Say in audit.toml who owns each secret, what it is for and why it has its limit", ""),
    "history": ("Purge what leaked before from the history and the logs", "audit-lib leaks --project ."),
    "questions": ("Answer the questions that no file answers", "audit-lib decide list --project ."),
    "ledger": ("Repair the ledger", "audit-lib verify .audit/ledger"),
    "records": ("Record the rotations that nobody recorded", ""),
}
_TO_SUPPLY = {  # what was expected and not read
    NO_VALUES: "Supply the values in force, first those of production",
    "ledger": "Take a snapshot each week, which proves ages later",
}
_OF_SEVERAL = {
    UNDECIDED: "Rotate {} wherever what leaked is in use, or accept the findings of what is in use nowhere",
    "password-in-file": "Take {} out of their files and let each environment set its own",
}


class Actions(Contract):
    """One row for each thing to do, the most urgent first; findings name it as their `action`."""

    number: Series[int] = Field(unique=True)
    id: Series[str] = Field(unique=True)  # by which findings name it
    action: Series[str]
    why: Series[str]  # the gravest finding's evidence
    where: Series[str]  # its first place
    owner: Series[str]  # of its findings; else "nobody"
    severity: Series[str] = Field(isin=SEVERITIES)  # of the worst finding that it closes
    due_at: Series[Instant]
    overdue: Series[bool]
    closes: Series[int]  # open findings
    command: Series[str]  # that begins it; "" for a change of a document


def tabulate_actions(findings: pd.DataFrame, tables: Tables, as_of: datetime) -> pd.DataFrame:
    """`Actions` on what was found in these tables, one for each `action` that open findings name.

    `_order` says which is first. What is not known makes an action only where logs, a ledger or values of
    production are missing: without them little is known, so to give them is due, and closes nothing. `due_at`
    is the first of its findings', else 90 days on."""
    inventory, blind = tables["inventory"], findings["check"].eq(NO_LOGS) & findings["severity"].isin(_URGENT)
    unread = ("ledger",) if knows_production(inventory) else ("ledger", NO_VALUES)
    blind |= findings["check"].eq(UNREAD) & findings["subject"].isin(unread)
    open_ = findings[findings["status"].eq("open") | (blind & findings["status"].eq("unknown"))]
    known = set(zip(inventory["secret"], inventory["environment"], strict=True))
    given = set(tables["sources"].query("kind == 'export' and state == 'read' and lines.isna()")["source"])
    issued = {*tables["leaked_secrets"].query("providers != ''")["secret"]}
    answered = tables["log_minutes"].query("status < 500")["minute_at"].max()
    lasting = tables["detections"].loc[lambda every: ~every["last_at"].lt(answered)]
    soon, made = {*_SOON, *issued, *(lasting["detection"] + " " + lasting["subject"])}, []
    for _, found in open_.groupby("action", sort=False):
        group = list(rows(found))
        can_wait = {one.check for one in group} <= _ON_DISK and _path(group[0]) in given
        order = _order(group, list(dict.fromkeys(_about(group, known))), soon, can_wait=can_wait)
        # A leak that is not decided demands no new value in a place: the value that is there is another.
        renewed = list(dict.fromkeys(_about([one for one in group if one.check != UNDECIDED], known)))
        made.append((order, _row(group, renewed, issued, tables, as_of)))
    made.sort(key=itemgetter(0))
    return Actions.of({"number": number} | row for number, (_, row) in enumerate(made, 1))


def _path(finding: Any) -> str:
    return str(next(iter(finding.where), finding.subject)).split(":")[0]


def _about(findings: list[Any], known: set[Secret]) -> Iterator[Secret]:
    for finding in findings:
        for subject, environment, _ in finding.covers or ((finding.subject, finding.environment, ""),):
            name, _, other = subject.partition(" as in ")
            for secret in name.replace("=", " ").split():
                yield from ((secret, place) for place in (environment, other) if (secret, place) in known)


def _order(group: list[Any], about: list[Secret], soon: set[str], *, can_wait: bool) -> tuple[int, ...]:
    """What is critical comes first, then outages, then the rest by severity; what can wait comes last. Of one
    severity the subjects of `soon` lead, attacks in vain and what is over are last."""
    worst, checks = group[0], {one.check for one in group}
    places = {*(one.environment for one in group), *(place for _, place in about)}
    production = BY_ID[worst.check].table == "detections" or PRODUCTION in places  # whose logs they are
    critical, usable = worst.severity == "critical", production or not any(places)
    ranks = (
        critical and worst.check == ATTACK,  # who got in
        critical and usable and (LEAKED in checks or worst.id == "value-in-log:secret-in-a-url"),
        critical and (bool(about) or not can_wait),  # for one a weak value of production
        worst.severity == "high" and worst.check in (OUTAGE, "database-failure"),
        not can_wait and BY_ID[worst.check].action != "guide",
        True,
    )
    in_vain = worst.check == ATTACK and not worst.subject.startswith("let-in")
    grave = ranks.index(True), -SEVERITIES.index(worst.severity), in_vain
    later = soon.isdisjoint(one.subject for one in group)
    return *grave, later, not production, later == (worst.check == OUTAGE), -len(group)


def _row(group: list[Any], about: list[Secret], issued: set[str], tables: Tables, as_of: datetime) -> Row:
    worst, checks, inventory = group[0], {one.check for one in group}, tables["inventory"]
    here = pd.MultiIndex.from_frame(inventory[["secret", "environment"]]).isin(about)
    present = inventory[here & inventory["state"].eq("present")]
    listed = sorted(  # of no provider, another name beside a value than a declared one may be a piece of code
        (one.subject for one in group if one.check in _OF_SEVERAL),
        key=lambda name: (name not in issued, not inventory["secret"].eq(name).any()),
    )
    stated = not worst.id.endswith(":coupled")
    renews = stated and about and {"value", "each", "missing"} & {BY_ID[check].action for check in checks}
    named = tables["leaked_secrets"].set_index("secret")["named"].to_dict()
    several = [named.get(name, name) for name in listed]
    action, command = _of_values(checks, about, present) if renews else _of_things(group, several, tables)
    due_at = min((one.due_at for one in group if one.due_at), default=pd.Timestamp(as_of + _UNDATED))
    why = worst.evidence[:1].upper() + worst.evidence[1:].partition("; ")[0]  # its first piece
    return {
        "id": worst.action,
        "action": action,
        "why": why if len(why) <= _MOST_SIGNS else f"{why[:_MOST_SIGNS].rsplit(' ', 1)[0]} …",
        "where": next(iter(worst.where), "").partition("; ")[0],
        "owner": few(dict.fromkeys(one.owner for one in group if one.owner), _MOST_NAMES) or "nobody",
        "severity": worst.severity,
        "due_at": due_at,
        "overdue": due_at < pd.Timestamp(as_of),
        "closes": sum(one.status == "open" for one in group),
        "command": command,
    }


def _of_values(checks: set[str], about: list[Secret], present: pd.DataFrame) -> tuple[str, str]:
    secrets = {*present.loc[present["kind"].isin(SECRET_KINDS), "secret"]}  # what is none is not rotated
    named, held = dict.fromkeys(name for name, _ in about), secrets or {*present["secret"]}
    names = [name for name in named if name in held] or [*named]
    places = sorted({place for _, place in about} - {""}, key=ENVIRONMENTS[::-1].index)
    where = f" in {_listed(places, 3)}" if places else ""
    public = list(dict.fromkeys(present.loc[present["public"], "secret"])) if checks & _PUBLIC else []
    kept = [name for name in names if name not in public]
    leaked = " --compromised" * bool(checks & _MAY_BE_KNOWN)
    command = f"audit-lib rotate plan {(kept or names)[0]} --project .{leaked}"
    if public:
        return f"Take {_listed(public)} out of the page, rotate {_listed(kept) or 'it'}{where}", command
    if LEAKED not in checks and not secrets:  # or none is present
        return f"Set {_listed(names)}{where}", ""
    return f"{'Revoke and replace' if checks & _REVOKED else 'Rotate'} {_listed(names)}{where}", command


def _of_things(group: list[Any], several: Sequence[str], tables: Tables) -> tuple[str, str]:
    worst, checks = group[0], {one.check for one in group}
    target = "owners" if "secret-not-described" in checks else BY_ID[worst.check].action
    if worst.check == UNREAD and worst.subject in _TO_SUPPLY:
        return _TO_SUPPLY[worst.subject], _snapshot(tables["inventory"]) if worst.subject == "ledger" else ""
    if target in {"file", "tracked"}:
        return _of_files(group, target)
    if target in _OF_WHOLE:
        return _OF_WHOLE[target]
    if len(several) > 1 and worst.check in _OF_SEVERAL and worst.subject not in GATHERED:
        return _OF_SEVERAL[worst.check].format(_listed(several, 3)), ""
    named = [it for it in group if it is worst or it.check == NOT_LIMITED or it.severity == "critical"]
    return ", and ".join(_steps(named)), _investigate({it.subject for it in group}, tables["detections"])


def _of_files(group: list[Any], target: str) -> tuple[str, str]:
    checks, paths = {one.check for one in group if one.severity != "low"}, [*dict.fromkeys(map(_path, group))]
    if target == "tracked":
        return f"Untrack {_listed(paths, 3)}", f"git rm --cached {shlex.join(paths)}"
    if "values-on-disk" in checks and group[0].subject != "env file":  # a copy
        return f"Delete {paths[0]}", ""
    return _listed(_steps(group)), f"chmod 600 {shlex.join(paths)}" if "open-file-mode" in checks else ""


def _steps(findings: list[Any]) -> list[str]:
    """The first step of each remedy, once; all but the first begin small."""
    first, *rest = dict.fromkeys(str(one.remedy).split(". ")[0].rstrip(".") for one in findings)
    return [first, *(step[:1].lower() + step[1:] for step in rest)]


def _investigate(subjects: set[str], detections: pd.DataFrame) -> str:
    seen = detections.query("verdict == 'found' and severity not in ['low', 'info']")
    names = (seen["detection"] + " " + seen["subject"]).replace("^secret-in.*", "secret in a url", regex=True)
    spans = seen[names.isin(subjects)].dropna(subset=["first_at", "last_at"])
    if spans.empty:
        return "audit-lib investigate --project ." if names.isin(subjects).any() else ""
    if {*spans["detection"]} == {"application-failing"}:  # its words are about the one with most errors
        most = spans.nlargest(1, "count").iloc[0]
        spans = spans[spans["first_at"].le(most["last_at"]) & spans["last_at"].ge(most["first_at"])]
    # A day more shows what who got in did next, an hour whether it is over.
    day_on = spans["last_at"].max() + timedelta(hours=24 if spans["detection"].isin(_ENTRIES).any() else 1)
    until = max(day_on, spans["seen_at"].fillna(spans["last_at"]).max() + timedelta(hours=1))
    return f"audit-lib investigate --project . --since {iso(spans['first_at'].min())} --until {iso(until)}"


def _snapshot(inventory: pd.DataFrame) -> str:
    """The command, with an option for each service whose production no env file gives a secret's value."""
    held = inventory[inventory["environment"].eq(PRODUCTION) & inventory["kind"].isin(SECRET_KINDS)]
    in_files = held.loc[held["origin"].eq("env file") & held["fingerprint"].notna(), "service"]
    services = held.loc[~held["service"].isin(in_files), "service"].unique() if len(held) else ["backend"]
    options = (f" --env {shlex.quote(f'{PRODUCTION}/{service}')}=FILE" for service in services)
    return f"audit-lib snapshot --project .{''.join(options)}"


def _listed(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
