"""The verdict and the score of a review; what is not known is never counted as good."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from audit_lib.findings.check import Item
from audit_lib.findings.find import by_item
from audit_lib.leaks.tables import shows_no_leak
from audit_lib.rotation.triggers import KINDS

if TYPE_CHECKING:
    from audit_lib.audit import Audit

FAIL, UNKNOWN, PASS = "fail", "unknown", "pass"

_KEYS = list(Item._fields)
GRAVE = ("medium", "high", "critical")


@dataclass(frozen=True)
class Score:
    """The share of items without an open finding, in percent, rounded down.

    What is not known counts as bad in `low` and as good in `high`; without any item, 0 to 100.
    """

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low}–{self.high}"


def unread(audit: "Audit") -> pd.DataFrame:
    """The rows of Sources that were expected and not read: missing, unreadable or refused."""
    silent = audit.sources["state"].isin(("unreadable", "refused"))
    kinds = ("env file", "export", "given values", "log", "ledger", *KINDS.values())
    expected = audit.sources["kind"].isin(kinds)
    return audit.sources[silent | (expected & audit.sources["state"].eq("missing"))]


def judged(audit: "Audit") -> pd.DataFrame:
    """One row for each secret in each place, and each other subject of a finding: `good`, `bad` or `unknown`.

    Bad is an open finding above `info`. Unknown is an unknown finding, an age that is not known, a
    variable whose source was not supplied, or a source that should have been read and was not.
    """
    secrets = audit.inventory.loc[audit.inventory["kind"].isin(("secret", "identifier"))]
    secrets = secrets.rename(columns={"secret": "subject"})
    ages = audit.ages.rename(columns={"secret": "subject"})
    silent = unread(audit).rename(columns={"source": "subject"})
    found = by_item(audit.findings)
    parts = [
        _marked(secrets, secrets["state"].eq("not supplied").map({True: UNKNOWN, False: "good"})),
        _marked(ages, ages["status"].eq("unknown").map({True: UNKNOWN, False: "good"})),
        _marked(silent, pd.Series(UNKNOWN, index=silent.index)),
        _marked(
            found,
            found["status"]
            .map({"open": "bad", "unknown": UNKNOWN, "accepted": "good"})
            .mask(found["severity"].eq("info") & found["status"].eq("open"), "good"),
        ),
    ]
    marks = pd.concat(parts, ignore_index=True)
    rank = marks["mark"].map({"good": 0, UNKNOWN: 1, "bad": 2})
    worst = marks.assign(rank=rank).sort_values([*_KEYS, "rank"]).drop_duplicates(_KEYS, keep="last")
    return worst.drop(columns="rank").reset_index(drop=True)


def _marked(rows: pd.DataFrame, marks: "pd.Series[str]") -> pd.DataFrame:
    return rows[_KEYS].astype("str").assign(mark=marks.astype("str"))


def score(audit: "Audit") -> Score:
    """The score; see `Score`."""
    marks = judged(audit)["mark"]
    if marks.empty:
        return Score(0, 100)
    good, unknown = int(marks.eq("good").sum()), int(marks.eq(UNKNOWN).sum())
    return Score(100 * good // len(marks), 100 * (good + unknown) // len(marks))


def verdict(audit: "Audit") -> str:
    """`fail` with an open finding above info, else `unknown` if anything is not known, else `pass`.

    Nothing can have passed without what PASS_NEEDS name: a policy that calls everything a setting, or exempts
    it, leaves nothing that could pass.
    """
    marks = judged(audit)["mark"]
    if marks.eq("bad").any():
        return FAIL
    seen = all(need.holds(audit) for need in PASS_NEEDS)
    return PASS if seen and not marks.eq(UNKNOWN).any() else UNKNOWN


def _read(audit: "Audit", *kinds: str) -> bool:
    sources = audit.sources
    return bool((sources["kind"].isin(kinds) & sources["state"].eq("read")).any())


def undeclared_logs(audit: "Audit") -> tuple[str, ...]:
    """The logs of which audit.toml must say how many instances write them, or in which zone, and does not."""
    patterns = [one.pattern for one in audit.project.log_sources if not one.instances]
    sources = audit.sources
    return tuple(dict.fromkeys([*patterns, *sources.loc[sources["zone_assumed"].eq(True), "source"]]))


def _side(audit: "Audit", side: str) -> str:
    """How much was seen of a side of the population."""
    sides = audit.population_sides
    return ", ".join(sides.loc[sides["side"].eq(side), "seen"])


def _aged(audit: "Audit") -> bool:
    return bool(audit.ages["status"].isin(("fresh", "due")).any())


def _has_guide(audit: "Audit") -> bool:
    """Whether a guide is expected: a policy that cites one, or a project that has it."""
    sources = audit.sources
    there = sources["kind"].eq("guide") & sources["state"].ne("missing")
    return bool(audit.policy.guide_sha256 and audit.project.guide) or bool(there.any())


def _detected(audit: "Audit") -> bool:
    detections = audit.detections
    unknown = detections["verdict"].eq("unknown") & detections["severity"].isin(GRAVE)
    return len(detections) > 0 and not unknown.any()


@dataclass(frozen=True)
class Need:
    """What must have been seen before the checks on some tables can pass."""

    words: str
    tables: tuple[str, ...]
    holds: Callable[["Audit"], bool]


# docs/detections.md#what-pass-needs shows it.
PASS_NEEDS = (
    Need(
        "an env file, an export, or values that were given, and each of these that is expected",
        (
            "sources",
            "entries",
            "inventory",
            "drift",
            "rotation_pairs",
            "configuration",
            "population",
        ),
        lambda audit: _read(audit, "env file", "export", "given values"),
    ),
    Need("a code file, and each of them", ("population",), lambda audit: _side(audit, "code") == "whole"),
    Need(
        "the guide, if audit.toml or the policy has one",
        ("sources",),
        lambda audit: _read(audit, "guide") or not _has_guide(audit),
    ),
    Need(
        "each list of leavers and breaches, and each access log, that audit.toml names",
        ("triggers",),
        lambda audit: not unread(audit)["kind"].isin(KINDS.values()).any(),
    ),
    Need("the age of a secret, fresh or due", ("freshness",), _aged),
    Need(
        "a log, and in it a request or message of each kind that is judged",
        ("log_events", "log_coverage"),
        lambda audit: _read(audit, "log"),
    ),
    Need(
        "of each log how many instances write it, and the zone of its times (`instances`, `time_zone`)",
        ("log_events", "log_coverage", "detections"),
        lambda audit: not undeclared_logs(audit),
    ),
    Need("each detection of medium severity or worse at found or none", ("detections",), _detected),
    Need(
        "each object of git and each file, searched for values",
        ("leak_coverage", "leaked_secrets", "chosen_passwords"),
        lambda audit: shows_no_leak(audit.leak_coverage),
    ),
    Need(
        "every entry of the ledger; questions that no file answers are attested",
        ("ledger_faults", "attestations", "ownership"),
        lambda audit: not unread(audit)["kind"].eq("ledger").any(),
    ),
    Need(
        "the settings of the last signed review, from its sign-off",
        ("settings_changes",),
        lambda audit: bool(audit.settings_changes["known"].all()),
    ),
)
