"""What a review concludes: verdict, score, and each rule of the guide. What is not known is never good."""

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.frames import Contract, Field, Series, Several, rows
from audit_lib.findings.check import Check, Item, Truths, judged
from audit_lib.findings.checks import BY_ID, CHECKS
from audit_lib.findings.contracts import RULE_VERDICTS
from audit_lib.leaks.tables import SECRETS, shows_no_leak
from audit_lib.logins.coverage import DATABASE_FAILURE, unknown_wording
from audit_lib.logins.detect import EVERYONE
from audit_lib.logins.traffic import FAILED_STARTS
from audit_lib.rotation.triggers import KINDS
from audit_lib.settings.load import guide_rules
from audit_lib.settings.models import GuideRule

if TYPE_CHECKING:
    from audit_lib.audit import Audit

FAIL, UNKNOWN, PASS = "fail", "unknown", "pass"
GRAVE = ("medium", "high", "critical")
# A row of these is something that happened: without rows nothing did, if the places were read.
EVENTS = {"ledger_faults", "leaked_secrets", "detections", "settings_changes"}
LIMIT = ("tries-not-limited",)  # whose rows are faults alone: without any nothing was tested
# Kinds of messages: while no log has one, and nobody knows their words, nothing is known of these checks.
_SAID = {"value-in-log": ("validation_error",), "start-up-failed": FAILED_STARTS}
_SAID |= {"database-failure": DATABASE_FAILURE}
_ITEM = list(Item._fields)
_MARKS = ("good", UNKNOWN, "bad")  # of two the later counts
_VALUES = ("env file", "export", "given values")
_EXPECTED = (*_VALUES, "log", "ledger", *KINDS.values())
# Columns in which a row says that it is not known.
_STATES = ("state", "reason", "relation", "status", "answer", "verdict")
_SHOWN = 5  # ids
Frames = Mapping[str, pd.DataFrame]
Tally = tuple[int, int, int]  # rows that a rule is about, exceptions, not known


def unread(audit: "Audit") -> pd.DataFrame:
    """The rows of Sources that were expected and not read: missing, unreadable or refused."""
    sources = audit.sources
    missing = sources["state"].eq("missing") & sources["kind"].isin(_EXPECTED)
    return sources[sources["state"].isin(("unreadable", "refused")) | missing]


def mark_items(audit: "Audit") -> "pd.Series[str]":
    """`good`, `bad` or `unknown` by item: each secret in each place, and each other subject of a finding. Bad
    is an open finding above `info`. Unknown is an unknown finding, an age that is not known, a variable whose
    source was not supplied, or a source that should have been read and was not."""
    secrets = audit.inventory[audit.inventory["kind"].isin(("secret", "identifier"))]
    findings, silent = by_item(audit.findings), unread(audit)
    bad = findings["status"].eq("open") & findings["severity"].ne("info")
    ranked = (
        secrets.assign(subject=secrets["secret"], rank=secrets["state"].eq("not supplied")),
        audit.ages.assign(subject=audit.ages["secret"], rank=audit.ages["status"].eq("unknown")),
        silent.assign(subject=silent["source"], rank=1),
        findings.assign(rank=np.where(bad, 2, findings["status"].eq("unknown"))),
    )
    parts = (frame[[*_ITEM, "rank"]].astype(dict.fromkeys(_ITEM, "str") | {"rank": int}) for frame in ranked)
    return pd.concat(parts).groupby(_ITEM)["rank"].max().map(dict(enumerate(_MARKS))).astype("str")


def by_item(findings: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Findings`, one for each thing that they are about, under its own subject and place."""
    several = [row.covers or ((row.subject, row.environment, row.service),) for row in rows(findings)]
    every = findings.loc[findings.index.repeat([len(items) for items in several])].reset_index(drop=True)
    return every.assign(**pd.DataFrame([it for some in several for it in some], columns=_ITEM, dtype="str"))


def score(audit: "Audit") -> tuple[int, int]:
    """The least and the greatest share of items without an open finding, in percent, rounded down. What is
    not known counts as bad in the first and as good in the second; without any item, 0 to 100."""
    counts = Counter(audit.marks)
    good, total = counts["good"], counts.total()
    return (100 * good // total, 100 * (good + counts[UNKNOWN]) // total) if total else (0, 100)


def verdict(audit: "Audit") -> str:
    """`fail` with an open finding above info, else `unknown` if anything is not known, else `pass`. Nothing
    has passed without what PASS_NEEDS name: else a policy that exempts everything would pass."""
    marks = set(audit.marks)
    return FAIL if "bad" in marks else UNKNOWN if UNKNOWN in marks or not_seen(audit) else PASS


# ---- What a pass needs ----


class Need(NamedTuple):
    """What must have been seen before some tables' checks can pass: docs/detections.md#what-pass-needs."""

    name: str
    words: str
    tables: tuple[str, ...]


_NEEDS = tomllib.loads(Path(__file__).with_name("pass_needs.toml").read_text("utf-8"))
PASS_NEEDS = tuple(Need(name, one["words"], (*one["tables"],)) for name, one in _NEEDS.items())


def not_seen(audit: "Audit") -> tuple[Need, ...]:
    """What must have been seen before anything can pass, and was not; a guide, if there is to be one."""
    sources, code_seen, detections = audit.sources, audit.population["code_seen"], audit.detections
    silent, read = {*unread(audit)["kind"]}, {*sources.loc[sources["state"].eq("read"), "kind"]}
    cited = bool(audit.policy.guide_sha256 and audit.project.guide)
    guided = cited or sources.loc[sources["kind"].eq("guide"), "state"].ne("missing").any()
    zones = not sources["zone_assumed"].eq(True).any()
    open_ = detections["verdict"].eq("unknown") & detections["severity"].isin(GRAVE)
    failing = {*detections.query("verdict == 'found' and detection == 'application-failing'")["subject"]}
    seen = {
        "values": not read.isdisjoint(_VALUES),
        "code": len(code_seen) > 0 and code_seen.all(),
        "guide": "guide" in read or not guided,
        "lists": silent.isdisjoint(KINDS.values()),
        "ages": audit.ages["status"].isin(("fresh", "due")).any(),
        "logs": "log" in read,
        "zones": zones and all(source.instances for source in audit.project.log_sources),
        "causes": EVERYONE not in failing or not failing.isdisjoint(("database", "start", "process")),
        "detections": len(detections) > 0 and not open_.any(),
        "search": shows_no_leak(audit.leak_coverage) and "env file" not in silent,
        "answers": "ledger" not in silent,
        "settings": audit.settings_changes["known"].all(),
    }
    return tuple(need for need in PASS_NEEDS if not seen[need.name])


# ---- The rules of the guide ----


class RuleResults(Contract):
    """One row for each rule of the guide: what decides it, on how much, and what came out."""

    rule: Series[str] = Field(unique=True)
    says: Series[str]
    guide_lines: Series[str]
    decided_by: Series[str]  # checks, a person, or what of the program holds it
    procedure: Series[str]
    population: Series[pd.Int64Dtype] = Field(nullable=True)  # null: nothing that could be counted
    tested: Series[pd.Int64Dtype] = Field(nullable=True)
    exceptions: Series[pd.Int64Dtype] = Field(nullable=True)
    not_known: Series[pd.Int64Dtype] = Field(nullable=True)
    verdict: Series[str] = Field(isin=RULE_VERDICTS)
    evidence: Series[Several]  # ids of findings and leaks, the first of them
    reason: Series[str]


def tabulate_rules(audit: "Audit") -> pd.DataFrame:
    """`RuleResults`: the guide's rules in their order, or for a policy without rules those that checks imply.
    A rule with an exception fails. One of which anything is not known, or that reaches beyond its checks, is
    unknown, never a pass. Raises `BadInput` for rules that cannot be read or that name what is not there."""
    rules = guide_rules(audit.policy) or tuple(
        GuideRule(check.id, f"This is not so: {check.what}", checks=(check.id,)) for check in CHECKS
    )
    faults = [
        Fault(f"rule {rule.number}", f"names {name}, which is neither a check nor a question")
        for rule in rules
        for name in filter(None, (*rule.checks, rule.question))
        if name not in {*BY_ID, *audit.attestations["rule"]}
    ]
    if faults:
        raise BadInput(faults)
    named = {name for rule in rules for name in rule.checks}
    truths = {check.id: _judge(check, audit.checked) for check in CHECKS if check.id in named}
    found = audit.findings[audit.findings["status"].isin(("open", "unknown"))]
    texts = (" ".join((row.subject, *(item[0] for item in row.covers))) for row in rows(found))
    words = ({*re.findall(r"\w+", text)} for text in texts)
    seen = _Seen(audit, truths, not_seen(audit), [*zip(found["check"], found["id"], words, strict=True)])
    return RuleResults.of(
        {"rule": rule.number, "says": rule.says, "guide_lines": rule.lines, "procedure": "", "evidence": ()}
        | _decided(rule, seen)
        for rule in rules
    )


class _Seen(NamedTuple):
    audit: "Audit"
    truths: Mapping[str, Truths]  # by check: which rows of its frame it is about, finds faulty, cannot decide
    needs: tuple[Need, ...]
    findings: list[tuple[str, str, set[str]]]  # check, id and words of the subjects of open and unknown ones


def _judge(check: Check, frames: Frames) -> Truths:
    """For each row of the check's frame whether it is about it, finds a fault, or is not known. A row is also
    not known if its columns say so: one finding stands for all that were not supplied."""
    judgeable = check.rows(frames)
    about, (fault, unknown) = check.condition.about(judgeable), judged(check, judgeable)
    silent = judgeable.filter(items=_STATES).isin(["not supplied", "unknown"]).any(axis=1)
    if "placeholder" in judgeable:
        silent |= judgeable["state"].eq("present") & judgeable["placeholder"].isna()
    truths = pd.DataFrame(np.transpose((about, fault, unknown | (about & silent))), judgeable.index)
    return truths.reindex(frames[check.table].index, fill_value=False).to_numpy()


def _decided(rule: GuideRule, seen: _Seen) -> dict[str, Any]:
    if rule.not_decidable:
        row = {"verdict": "not decidable", "decided_by": "nothing", "reason": rule.not_decidable}
    elif rule.held_by:
        row = {"verdict": "held", "decided_by": rule.held_by, "reason": ""}
    elif rule.question:
        answers = seen.audit.attestations
        answer = next(rows(answers[answers["rule"].eq(rule.question)]))
        verdict = {"attested": "attested", "answered no": FAIL}.get(answer.status, UNKNOWN)
        row = {
            "verdict": verdict,
            "decided_by": f"a person, question {rule.question}",
            "procedure": "Somebody answers by name, with a reason and an end.",
            "reason": f"the answer is {answer.status}"
            if verdict == UNKNOWN
            else f"{answer.by}: {answer.reason}",
        }
    else:
        row = _tested(rule, seen)
    beyond = f"not reached: {rule.beyond}" if rule.beyond else ""
    return row | {"reason": "; ".join(filter(None, (row["reason"], beyond)))}


def _tested(rule: GuideRule, seen: _Seen) -> dict[str, Any]:
    decided_by, sought = [*rule.checks], [BY_ID[name].what.removesuffix(".") for name in rule.checks]
    tables = list(dict.fromkeys(BY_ID[name].table for name in rule.checks))
    tallies = [_tally_rows(table, rule, seen) for table in tables]
    secrets, own = {*rule.secrets}, (one for one in seen.findings if one[0] in rule.checks)
    shown = [id_ for _, id_, words in own if not secrets or words & secrets]
    if rule.leaks_in:
        leaked, searched = _tally_leaks(rule, seen.audit)
        tallies, shown = [*tallies, searched], [*shown, *leaked]
        decided_by.append("a search for each value in every form")
        tables.append("leak_coverage")
        sought.append(f"A value, past or present, is in: {', '.join(rule.leaks_in)}")
    population, exceptions, not_known = map(sum, zip(*tallies, strict=True))
    reasons = [f"{not_known} of {population} could not be judged"] if not_known else []
    reasons += [f"not seen: {need.words}" for need in seen.needs if {*need.tables} & {*tables}]
    events, watch = seen.audit.checked["log_events"], seen.audit.watch
    reasons += filter(None, (unknown_wording(_SAID[it], events, watch) for it in rule.checks if it in _SAID))
    # Of a rule that reaches further nothing but a failure can be known.
    passed = PASS if population or (EVENTS & {*tables} and rule.checks != LIMIT) else "not applicable"
    return {
        "verdict": FAIL if exceptions else UNKNOWN if reasons or rule.beyond else passed,
        "decided_by": ", ".join(decided_by),
        "procedure": f"Looked for: {'; '.join(sought)}.",
        "population": population,
        "tested": population - not_known,
        "exceptions": exceptions,
        "not_known": not_known,
        "evidence": (*shown[:_SHOWN], *([f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else [])),
        "reason": "; ".join(reasons),
    }


def _tally_rows(table: str, rule: GuideRule, seen: _Seen) -> Tally:
    frame = seen.audit.checked[table]
    truths = np.any([seen.truths[name] for name in rule.checks if BY_ID[name].table == table], axis=0)
    names = [column for column in ("secret", "other_secret") if column in frame]
    if rule.secrets and names:
        truths = truths[frame[names].isin(rule.secrets).any(axis=1).to_numpy()]
    about, fault, unknown = truths.T
    return int(about.sum()), int(fault.sum()), int((unknown & ~fault).sum())


def _tally_leaks(rule: GuideRule, audit: "Audit") -> tuple[list[str], Tally]:
    places, leaks, values = audit.leak_places, audit.leaks, audit.leak_coverage
    values, real = values[values["part"].eq("values")], leaks.loc[leaks["kind"].isin(SECRETS), "leak_id"]
    there = places[places["place"].isin(rule.leaks_in) & places["leak_id"].isin(real)]
    names = [path.rpartition("/")[2] for path in there["path"]]
    fitting = [not rule.paths or any(fnmatchcase(name, glob) for glob in rule.paths) for name in names]
    leaked = list(dict.fromkeys(there.loc[fitting, "leak_id"]))
    unsearched = values.loc[values["state"].ne("searched"), "count"].fillna(1).sum()
    return leaked, (int(values["count"].fillna(0).sum()), len(leaked), int(unsearched))
