"""Checks on leaks: values found outside their places, and what could not be searched."""

from audit_lib.findings.check import Check, by_environment

IN_SOURCE = ("NIST IA-5(7)", "CWE-798", "ASVS 13.3.1")

LEAKS = (
    Check(
        id="leaked-in-force",
        table="exposure",
        severity=by_environment("critical", "high"),
        when=lambda rows: rows["status"].eq("emergency"),
        subject="{secret}",
        evidence="the current value is where it must not be ({leak_id}), first seen there {first_at}; "
        "exposed while in use, there or elsewhere: {exposed}",
        remedy="Rotate {secret} in {environment}/{service} now, then follow the steps of the clean-up.",
        controls=IN_SOURCE,
        where="{leak_id}",
    ),
    Check(
        id="leaked-before",
        table="exposure",
        severity="low",
        when=lambda rows: rows["status"].eq("historic"),
        subject="{secret}",
        evidence="an earlier value of {secret}, or one of another environment, is where it must not be "
        "({leak_id}); here {reason}",
        remedy="Make sure that the old value was revoked at its provider. Purge it with the others.",
        controls=IN_SOURCE,
        where="{leak_id}",
    ),
    Check(
        id="leak-undecided",
        table="exposure",
        severity="high",
        unknown_when=lambda rows: ~rows["status"].isin(("emergency", "historic")),
        subject="{secret}",
        evidence="a value of {secret} is where it must not be ({leak_id}); "
        "whether it is in force is not known: {reason}",
        remedy="Supply the environment's values, or rotate the leaked secret.",
        controls=IN_SOURCE,
        where="{leak_id}",
    ),
    Check(
        id="leak-search-incomplete",
        table="leak_coverage",
        severity="medium",
        unknown_when=lambda rows: (
            rows["state"].eq("incomplete")
            | (rows["state"].eq("not searched") & rows["part"].isin(("git objects", "files")))
        ),
        subject="{part}",
        evidence="the search of {part} is incomplete: {place} {reason}",
        remedy="Fix what the reason names and search again: leaks --project DIR.",
        controls=IN_SOURCE,
        where="{place}",
    ),
)
