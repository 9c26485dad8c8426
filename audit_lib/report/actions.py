"""What to do, the most urgent first: one action closes all findings about one value, file or document."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, few
from audit_lib.findings.audit import Audit
from audit_lib.report.action_groups import (
    Group,
    due,
    grouped,
    named_in,
    owner,
    rank_of_environment,
    rests_on_default,
)
from audit_lib.report.contracts import Actions
from audit_lib.report.review_tables import findings_view
from audit_lib.report.table import Table, show

MOST_NAMES = 2
MOST_REASONS = 3
PUBLIC = ("public-exposure", "equal-but-must-differ")
REVOKED = ("forbidden-format", "compromised-value")
LEAKED = ("leak-undecided", "leaked-before")
DELETED = ("backup-on-disk", "export-on-disk", "production-values-on-disk")
_WHOLE = {
    "guide": "Fix the guide in {places}",
    "policy": "Complete the policy in {places}",
    "history": "Purge what leaked before from the history and the logs",
    "logs": "Complete the logs",
    "questions": "Answer {questions}",
    "ledger": "Repair the ledger in {places}",
    "records": "Record {rotations} that nobody recorded",
}
# Why, by check; one that is not here says its own name.
_REASONS = {
    "reused-across-environments": "one value serves {subject}",
    "reused-across-names": "one value has two names",
    "equal-but-must-differ": "what the page shows equals what the server keeps",
    "public-exposure": "it is built into the page that every browser loads",
    "pairing-mismatch": "the two differ, but must be one value",
    "forbidden-format": "{subject} has a forbidden format, such as that of a live key",
    "compromised-value": "{subject} was published",
    "tracked-env-file": "every clone has it",
    "env-file-in-image-context": "it copies {subject} into the image",
    "leak-undecided": "it leaked, and whether it is in force is not known",
    "not-rotated-since-breach": "its provider was breached while it was in force",
    "not-rotated-since-leaver": "somebody who left knew it",
    "secret-in-blueprint": "it holds the text of a secret",
    "rotation-not-done": "a recorded rotation did not happen",
    "value-in-log": "a log line shows it ({where})",
    "overdue-secret": "it is overdue",
    "finding-overdue": "the day by which it was due has passed",
    "closure-contradicted": "it was recorded as closed, and is not",
    "overdue-by-the-period-for-all": "it is beyond the one limit that the guide has for all",
    "unignored-env-file": "the next `git add .` commits it",
    "export-on-disk": "it holds the platform's values",
    "production-values-on-disk": "it holds production values",
    "backup-on-disk": "it is a copy of secrets",
    "template-in-use": "an example file shows it",
    "live-value-in-example": "an example file shows it",
    "placeholder-value": "it is a placeholder",
    "half-done-rotation": "a rotation is half done",
    "ambiguous-url": "two parsers may read two passwords",
    "rotated-back": "an earlier value is back",
    "rotated-apart": "the two were not rotated together",
    "missing-secret": "it is required",
    "empty-secret": "it is empty",
    "weak-value": "it can be guessed",
    "short-value": "it is too short",
    "known-default": "everyone knows it",
    "open-file-mode": "others on the machine can read it",
}


@lru_cache(maxsize=1)  # page, paper and data show the same
def tabulate_actions(audit: Audit) -> pd.DataFrame:
    """`Actions`, in the order of `grouped`."""
    return Actions.of({"number": number} | _row(one) for number, one in enumerate(grouped(audit), 1))


def _row(group: Group) -> dict[str, Any]:
    return {
        "action": _action(group),
        "why": _why(group),
        "owner": owner(group),
        "severity": group.severity,
        "by_at": due(group),
        "closes": len(group.findings),
        "finding_ids": "; ".join(group.findings["id"]),
    }


def _action(group: Group) -> str:
    target, taken = group.targets[0], group.let_in
    if len(taken):
        who = few(taken["subject"], MOST_NAMES)
        return f"Find out what {who} did once it was let in, and end its sessions"
    if group.renews and group.about:
        return _of_values(group)
    if target == "file":
        path = str(group.findings["where"].iloc[0]).split(";")[0].split(":")[0]
        verb = "Delete" if group.checks & set(DELETED) else "Fix"
        return f"{'Untrack' if 'tracked-env-file' in group.checks else verb} {path}"
    if target in _WHOLE:
        number = len(group.findings)
        nouns = ("place", "question", "rotation")
        return _WHOLE[target].format(**{f"{noun}s": counted(number, noun) for noun in nouns})
    return str(group.findings["remedy"].iloc[0]).split(". ")[0].rstrip(".")


def _of_values(group: Group) -> str:
    inventory = group.audit.tables["inventory"]
    here = pd.Series([pair in group.about for pair in zip(*named_in(inventory), strict=True)], dtype="bool")
    there = inventory[here & inventory["state"].eq("present")]
    names = _in_order(there["secret"]) or _in_order([secret for secret, _ in group.about])
    environments = sorted({place for _, place in group.about if place}, key=rank_of_environment)
    place = f" in {_listed(environments, 3)}" if environments else ""
    shown = _in_order(there.loc[there["public"], "secret"]) if group.checks & set(PUBLIC) else []
    kept = [name for name in names if name not in shown]
    if shown:
        return f"Take {_listed(shown)} out of the page, rotate {_listed(kept) or 'it'}{place}"
    known = len(there) or group.checks & set(LEAKED)
    verb = "Revoke and replace" if group.checks & set(REVOKED) else "Rotate" if known else "Set"
    return f"{verb} {_listed(names)}{place}"


def _why(group: Group) -> str:
    """The gravest reasons, and the first place unless one of them names it."""
    by_check = group.findings.drop_duplicates("check")
    said = list(dict.fromkeys(_reason(one, group.audit) for one in rows(by_check)))[:MOST_REASONS]
    where = str(group.findings["where"].iloc[0]).split("; ")[0]
    if "(" not in " ".join(said):
        said[0] += f" ({_short(where)})"
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}"


def _reason(finding: Any, audit: Audit) -> str:
    if finding.check == "leaked-in-force":
        leaked = audit.tables["leaked_secrets"].set_index("secret")["first_at"]
        since = leaked.get(finding.subject)
        day = "" if since is None or pd.isna(since) else f" since {day_words(since, audit.as_of.year)}"
        there = "in git" if " in " in finding.where else "leaked"
        return f"{there}{day} ({_short(finding.where.split('; ')[0])})"
    if finding.check == "attack-on-logins":
        return _incident(finding, audit)
    if rests_on_default(audit, finding):
        return "it is beyond a limit that is only the policy's default"
    subject = finding.subject
    if finding.check == "reused-across-environments":
        subject = f"{finding.environment} and {finding.subject.rpartition(' ')[2]}"
    name = finding.check.replace("-", " ")
    return str(_REASONS.get(finding.check, name)).format(subject=subject, where=finding.where.split("; ")[0])


def _incident(finding: Any, audit: Audit) -> str:
    """What the detection says of it: `54 failed logins, then an answer on /login`."""
    found = audit.tables["detections"]
    found = found[(found["detection"] + " " + found["subject"]).eq(finding.subject)]
    return str(found["classification"].iloc[0]) if len(found) else finding.check.replace("-", " ")


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """`A`, `A and B`, `A, B and 2 more`."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else ""


def _short(place: str) -> str:
    """`deploy/backend.staging.env:8, commit 2d5a961` of a place with its commit."""
    path, _, commit = place.partition(" in ")
    return f"{path}, commit {commit[:7]}" if commit else path


def actions_table(audit: Audit) -> Table:
    """Every action, the most urgent first; each number links to it."""
    actions = tabulate_actions(audit)
    by = [day_words(at, audit.as_of.year) for at in actions["by_at"]]
    view = actions.assign(by=by)[["number", "severity", "action", "why", "owner", "by", "closes"]]
    ids = [f"do-{number}" for number in actions["number"]]
    return show(view, "What to do, in order", empty="nothing", year=audit.as_of.year, ids=ids)


def findings_to_close(audit: Audit) -> Table:
    """The open findings, those together that one action closes, each with the number of that action."""
    number = {id_: row.number for row in rows(tabulate_actions(audit)) for id_ in row.finding_ids.split("; ")}
    view = findings_view(audit, "open")
    view.insert(0, "do", view["id"].map(number).astype("int64"))
    view = view.sort_values("do", kind="stable")
    title = f"{counted(len(view), 'open finding')}, by what closes them"
    return show(view.drop(columns="id"), title, empty="none", year=audit.as_of.year, ids=list(view["id"]))
