"""Checks on values compared between places: pairs that must match, reuse, example files."""

from functools import partial

from audit_lib.findings.check import (
    LINE_OF,
    OTHER_LINE_OF,
    Check,
    Rows,
    Truths,
    by_environment,
    has,
    of_defaults,
)

OTHER = "{other_environment}/{other_service} {other_secret}"
HERE = "{secret} ({environment}/{service})"
PLACES = f"{LINE_OF}, {OTHER_LINE_OF}"
REUSE = ("NIST SC-12", "PCI 6.5.3", "ISO A.8.31")


def _asked(rows: Rows, why: str, expected: str) -> Truths:
    return rows["why"].eq(why) & rows["expected"].eq(expected)


def _whole_secret(rows: Rows) -> Truths:
    return rows["component"].isin(("whole", "password"))


drift_check = partial(Check, table="drift", where=PLACES)

DRIFT = (
    drift_check(
        id="pairing-mismatch",
        what="Two variables that must hold the same value do not.",
        why="One side refuses the other: logins fail until both hold one value.",
        severity="high",
        about=lambda rows: _asked(rows, "pairing", "same"),
        when=has("relation", "different"),
        unknown_when=has("relation", "unknown"),
        subject="{secret}={other_secret}",
        evidence=HERE + " is {relation} from " + OTHER + ", but must have the {expected} value",
        unknown_evidence="whether " + HERE + " has the same value as " + OTHER + " is not known",
        remedy="Set both to one value, the consumer last. Rebuild whatever has the value built in.",
        controls=("NIST CM-6", "ISO A.8.9", "ASVS 13.2.1"),
        facts=("pairing",),
    ),
    drift_check(
        id="equal-but-must-differ",
        what="Two variables that must differ hold the same value.",
        why="Whoever may see the less protected one holds the other as well.",
        severity="critical",
        about=lambda rows: _asked(rows, "must differ", "different"),
        when=has("relation", "same"),
        unknown_when=has("relation", "unknown"),
        subject="{secret}={other_secret}",
        unknown_subject="secrets",
        evidence=HERE + " has the {relation} value as " + OTHER + ", but must have a {expected} one",
        unknown_evidence="whether " + HERE + " differs from " + OTHER + " is not known",
        remedy="Rotate {secret} and {other_secret} to two different values.",
        controls=("NIST IA-5(6)", "ASVS 13.3.1", "CWE-522"),
        facts=("exposure",),
    ),
    drift_check(
        id="reused-across-environments",
        what="One secret has the same value in two environments.",
        why="A leak from a laptop or from staging is then a leak of production.",
        severity=by_environment("critical", "high"),
        about=lambda rows: _asked(rows, "environments", "different") & _whole_secret(rows),
        when=has("relation", "same"),
        unknown_when=has("relation", "unknown"),
        subject="{secret} as in {other_environment}",
        unknown_subject="secrets as in {other_environment}",
        evidence="{secret} has the {relation} value in {environment} and in {other_environment}, but must "
        "have {expected} ones",
        unknown_evidence="whether {secret} differs between {environment} and {other_environment} is not "
        "known: a value was not supplied",
        remedy="Generate a separate value of {secret} for {other_environment} and for {environment}.",
        controls=REUSE,
    ),
    drift_check(
        id="shared-server",
        what="Two environments use the same host or user in a connection URL.",
        why="A mistake in one environment reaches the data of the other.",
        severity=by_environment("medium", "low"),
        about=lambda rows: _asked(rows, "environments", "different") & ~_whole_secret(rows),
        when=has("relation", "same"),
        subject="{component} of {secret} as in {other_environment}",
        evidence="{environment} and {other_environment} use the {relation} {component} in {secret}, but "
        "must use {expected} ones",
        remedy="Give {other_environment} and {environment} a server and a user of their own.",
        controls=("NIST CM-4(1)", "ISO A.8.31"),
    ),
    drift_check(
        id="reused-across-names",
        what="Two secrets with different names hold the same value.",
        why="One leak opens both, and rotating one breaks or forgets the other.",
        severity=by_environment("high", "medium"),
        about=lambda rows: _asked(rows, "names", "different"),
        when=has("relation", "same"),
        subject="{secret}={other_secret}",
        evidence=HERE + " has the {relation} value as " + OTHER + ", but must have a {expected} one",
        remedy="Rotate {secret} and {other_secret} to two different values: whoever learns one has both.",
        controls=("NIST IA-5", "ASVS 13.3.2"),
    ),
    drift_check(
        id="coupling-not-stated",
        what="Two variables of one kind of store hold one value, and the policy does not say that they must.",
        why="If one sets the other, rotating one alone breaks the application; if not, one leak opens both.",
        severity="low",
        about=lambda rows: rows["why"].eq("coupled"),
        when=has("relation", "same"),
        subject="{secret}={other_secret}",
        evidence=HERE + " has the {relation} value as " + OTHER + "; whether they are one credential is not "
        "stated",
        remedy='If they are one credential, add equals = ["{other_secret}"] to {secret} in the policy and '
        "rotate both together. If not, rotate them to two different values.",
        controls=("NIST IA-5", "ASVS 13.3.2"),
    ),
    drift_check(
        id="live-value-in-example",
        what="An example file holds a value that is in force.",
        why="Example files are committed, so everyone with a clone has the secret.",
        severity=of_defaults("critical"),
        about=lambda rows: _asked(rows, "example", "different"),
        when=has("relation", "same"),
        subject="{secret}",
        evidence="an example file, which everyone can read, has the {relation} value as {secret} in "
        "{environment}/{service}, but must have a {expected} one",
        remedy="Remove the value from the example file and rotate {secret} in {environment}/{service}.",
        controls=("NIST IA-5(7)", "ASVS 13.3.1", "CWE-798"),
    ),
)
