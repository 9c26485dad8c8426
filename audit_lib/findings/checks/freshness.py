"""Checks on a secret's age: overdue, due, not known, and evidence that contradicts itself."""

from functools import partial

from audit_lib.findings.check import LINE_OF, Check, by_environment, yes

ROTATION = ("NIST IA-5", "NIST SC-12", "PCI 8.6.3")
LEDGER = ("NIST AU-10", "ASVS 16.4.2", "NIST CM-3")
AGE = "age: {age}; limit: {limit}"

age_check = partial(Check, table="freshness", subject="{secret}", where=LINE_OF)

AGES = (
    age_check(
        id="overdue-secret",
        what="A value is older than its period, even by the youngest age that the evidence allows.",
        why="The longer a value is in force, the more people, copies and logs have seen it.",
        severity=by_environment("high", "medium"),
        when=lambda rows: rows["status"].eq("overdue"),
        evidence=AGE + "; overdue since {overdue_from_at} at the latest ({hi_evidence})",
        remedy="Rotate {secret} in {environment}/{service} now and record it: audit_lib record {secret}.",
        controls=ROTATION,
        facts=("period",),
    ),
    age_check(
        id="due-secret",
        what="A value reaches its period within the warning time.",
        why="A planned rotation breaks less than an urgent one.",
        severity=by_environment("medium", "low"),
        when=lambda rows: rows["status"].eq("due"),
        evidence=AGE + "; may be overdue from {possibly_overdue_from_at}",
        remedy="Plan the rotation of {secret} in {environment}/{service} before {possibly_overdue_from_at}.",
        controls=ROTATION,
        facts=("period",),
    ),
    age_check(
        id="overdue-by-the-period-for-all",
        what="A value keeps its own period but exceeds the one that the guide sets for all secrets.",
        why="The guide states both periods, so a reviewer must see both verdicts.",
        severity=by_environment("medium", "low"),
        # The guide has one period for all and a longer one here: both are shown (docs/rules.md#rule-d3).
        when=lambda rows: rows["strict_status"].eq("overdue") & rows["status"].ne("overdue"),
        evidence=AGE + "; the policy's limit for all secrets: {strict_max_age_days} days",
        remedy="Rotate {secret} in {environment}/{service}, or state in the guide which limit applies.",
        controls=ROTATION,
        facts=("period",),
    ),
    age_check(
        id="unknown-age",
        what="The evidence does not decide whether a value is overdue.",
        why="An age that nobody can show is not a pass; the remedy names the cheapest evidence.",
        severity=by_environment("high", "medium"),
        # Of a place that was not supplied the missing source is the finding.
        unknown_when=lambda rows: rows["status"].eq("unknown") & rows["reason"].ne("not supplied"),
        subject="{reason}",
        covers="{secret}@{environment}/{service}",
        listed=True,
        evidence="whether these are overdue is not known ({reason_words})",
        remedy="{next_step}",
        controls=ROTATION,
        facts=("period",),
    ),
    age_check(
        id="evidence-conflict",
        what="Two pieces of evidence about a value's age exclude each other.",
        why="A clock or a record is wrong, so every age drawn from it is in doubt.",
        severity="high",
        when=lambda rows: yes(rows["conflict"]),
        evidence="its file is dated before another value was seen in it; used: in place by {hi_at} "
        "({hi_evidence})",
        remedy="Find out which record of {secret} is wrong, and record what is right. Check the clocks.",
        controls=LEDGER,
    ),
    age_check(
        id="rotation-not-done",
        what="A rotation was recorded, but the value in force was there before it.",
        why="People believe that an old or leaked value is gone, and it is not.",
        severity="critical",
        when=lambda rows: yes(rows["claimed_not_done"]),
        evidence="a rotation was recorded, but the current value was seen in place before it",
        remedy="Rotate {secret} in {environment}/{service}, and find out why the record was made.",
        controls=LEDGER,
        facts=("period", "rotate"),
    ),
    age_check(
        id="rotated-back",
        what="The value in force was in force before, with another one in between.",
        why="Those who knew the old value can use it again; its true age is the older one.",
        severity="high",
        when=lambda rows: yes(rows["rotated_back"]),
        evidence="the current value was in use earlier, with another one between; it is at least "
        "{value_age_days_min} days old",
        remedy="Rotate {secret} in {environment}/{service} to a value that was never in use.",
        controls=("NIST IA-5(1)", "PCI 8.3.7"),
        facts=("period",),
    ),
    age_check(
        id="unrecorded-rotation",
        what="A value changed, and no rotation was recorded.",
        why="Nobody can say who changed it and why; it may have been somebody who should not.",
        severity=by_environment("medium", "low"),
        when=lambda rows: yes(rows["unrecorded_rotation"]),
        evidence="another value was in place before the current one, and no record reports the change",
        remedy="Record who rotated {secret} and why: audit_lib record {secret} --environment {environment}.",
        controls=LEDGER,
        facts=("period",),
    ),
    age_check(
        id="rotated-apart",
        what="Two secrets that must be rotated together came into force at different times.",
        why="A pair of which one half is old still opens the door, or does not work at all.",
        table="rotation_pairs",
        severity=by_environment("high", "medium"),
        when=lambda rows: rows["relation"].eq("apart"),
        unknown_when=lambda rows: rows["relation"].eq("unknown"),
        subject="{secret} {other_secret}",
        evidence="both must be rotated together, but {secret} came into force after {lo_at} and by {hi_at}, "
        "{other_secret} after {other_lo_at} and by {other_hi_at}",
        unknown_evidence="whether {secret} and {other_secret} came into force together is not known",
        remedy="Rotate both in {environment} together, and take a snapshot just before and just after.",
        controls=ROTATION,
        facts=("pairing", "rotate"),
    ),
    age_check(
        id="half-done-rotation",
        what="The latest rotation of a secret stopped halfway.",
        why="One half with the old value lets others in or locks your own services out.",
        table="half_rotations",
        severity=by_environment("high", "medium"),
        # An unequal pair is drift, and a record of what did not change is rotation-not-done.
        when=lambda rows: ~rows["half"].isin(("unequal", "claim")),
        evidence="{text}",
        remedy="Finish it: audit_lib runbook {secret} --check names what is missing.",
        controls=ROTATION,
        facts=("rotate",),
    ),
)
