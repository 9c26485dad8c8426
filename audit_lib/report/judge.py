"""The verdict and the score of a review; what is not known is never counted as good."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from audit_lib.findings.check import Item
from audit_lib.findings.find import by_item
from audit_lib.leaks.tables import shows_no_leak
from audit_lib.rotation.triggers import KINDS

if TYPE_CHECKING:
    from audit_lib.audit import Audit

FAIL, UNKNOWN, PASS = "fail", "unknown", "pass"
GRAVE = ("medium", "high", "critical")
_ITEM = list(Item._fields)
_MARKS = ("good", UNKNOWN, "bad")  # of two the later counts
_VALUES = ("env file", "export", "given values")
_EXPECTED = (*_VALUES, "log", "ledger", *KINDS.values())


def unread(audit: "Audit") -> pd.DataFrame:
    """The rows of Sources that were expected and not read: missing, unreadable or refused."""
    sources = audit.sources
    missing = sources["state"].eq("missing") & sources["kind"].isin(_EXPECTED)
    return sources[sources["state"].isin(("unreadable", "refused")) | missing]


def judged(audit: "Audit") -> "pd.Series[str]":
    """`good`, `bad` or `unknown` by item: each secret in each place, and each other subject of a finding.

    Bad is an open finding above `info`. Unknown is an unknown finding, an age that is not known, a
    variable whose source was not supplied, or a source that should have been read and was not.
    """
    secrets = audit.inventory[audit.inventory["kind"].isin(("secret", "identifier"))]
    findings, silent = by_item(audit.findings), unread(audit)
    bad = findings["status"].eq("open") & findings["severity"].ne("info")
    parts = (
        _marked(secrets, "secret", secrets["state"].eq("not supplied")),
        _marked(audit.ages, "secret", audit.ages["status"].eq("unknown")),
        _marked(silent, "source", pd.Series(True, silent.index)),
        _marked(findings, "subject", findings["status"].eq("unknown"), bad),
    )
    worst = pd.concat(parts).groupby(_ITEM)["rank"].max()
    return worst.map(dict(enumerate(_MARKS))).astype("str")


def _marked(
    frame: pd.DataFrame, subject: str, unknown: "pd.Series[bool]", bad: "pd.Series[bool] | bool" = False
) -> pd.DataFrame:
    items = frame.rename(columns={subject: "subject"})[_ITEM].astype("str")
    return items.assign(rank=np.where(bad, 2, unknown.astype("int64")))


def score(audit: "Audit") -> tuple[int, int]:
    """The least and the greatest share of items without an open finding, in percent, rounded down.

    What is not known counts as bad in the first and as good in the second; without any item, 0 to 100.
    """
    counts = Counter(audit.marks)
    good, total = counts["good"], counts.total()
    return (100 * good // total, 100 * (good + counts[UNKNOWN]) // total) if total else (0, 100)


def verdict(audit: "Audit") -> str:
    """`fail` with an open finding above info, else `unknown` if anything is not known, else `pass`.

    Nothing can have passed without what PASS_NEEDS name: a policy that calls everything a setting, or exempts
    it, leaves nothing that could pass.
    """
    marks = set(audit.marks)
    if "bad" in marks:
        return FAIL
    return UNKNOWN if UNKNOWN in marks or not_seen(audit) else PASS


@dataclass(frozen=True)
class Need:
    """What must have been seen before the checks on some tables can pass."""

    words: str
    tables: tuple[str, ...]
    holds: Callable[["Audit"], bool]


def not_seen(audit: "Audit") -> tuple["Need", ...]:
    """What must have been seen before anything can pass, and was not."""
    return tuple(need for need in PASS_NEEDS if not need.holds(audit))


def _read(audit: "Audit", *kinds: str) -> bool:
    sources = audit.sources
    return bool((sources["kind"].isin(kinds) & sources["state"].eq("read")).any())


def _code_seen(audit: "Audit") -> bool:
    sides = audit.population_sides
    return list(sides.loc[sides["side"].eq("code"), "seen"]) == ["whole"]


def _guide_seen(audit: "Audit") -> bool:
    """Whether the guide was read, or none is expected: no policy cites one, and the project has none."""
    guides = audit.sources[audit.sources["kind"].eq("guide")]
    expected = bool(audit.policy.guide_sha256 and audit.project.guide) or guides["state"].ne("missing").any()
    return not expected or bool(guides["state"].eq("read").any())


def _logs_declared(audit: "Audit") -> bool:
    """Whether audit.toml says how many instances write each log, and in which zone."""
    counted = all(source.instances for source in audit.project.log_sources)
    return counted and not audit.sources["zone_assumed"].eq(True).any()


def _searched(audit: "Audit") -> bool:
    return shows_no_leak(audit.leak_coverage)


def _detected(audit: "Audit") -> bool:
    detections = audit.detections
    unknown = detections["verdict"].eq("unknown") & detections["severity"].isin(GRAVE)
    return len(detections) > 0 and not unknown.any()


# docs/detections.md#what-pass-needs shows it.
PASS_NEEDS = (
    Need(
        "an env file, an export, or values that were given, and each of these that is expected",
        ("sources", "entries", "inventory", "drift", "rotation_pairs", "configuration", "population"),
        lambda audit: _read(audit, *_VALUES),
    ),
    Need("a code file, and each of them", ("population",), _code_seen),
    Need("the guide, if audit.toml or the policy has one", ("sources",), _guide_seen),
    Need(
        "each list of leavers and breaches, and each access log, that audit.toml names",
        ("triggers",),
        lambda audit: not unread(audit)["kind"].isin(KINDS.values()).any(),
    ),
    Need(
        "the age of a secret, fresh or due",
        ("freshness",),
        lambda audit: bool(audit.ages["status"].isin(("fresh", "due")).any()),
    ),
    Need(
        "a log, and in it a request or message of each kind that is judged",
        ("log_events", "log_coverage"),
        lambda audit: _read(audit, "log"),
    ),
    Need(
        "of each log how many instances write it, and the zone of its times (`instances`, `time_zone`)",
        ("log_events", "log_coverage", "detections"),
        _logs_declared,
    ),
    Need("each detection of medium severity or worse at found or none", ("detections",), _detected),
    Need(
        "each object of git and each file, searched for values",
        ("leak_coverage", "leaked_secrets", "chosen_passwords"),
        _searched,
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
