"""Checks on leaks: values found outside their places, and what could not be searched."""

from functools import partial

from audit_lib.findings.check import Check, by_environment

IN_SOURCE = ("NIST IA-5(7)", "CWE-798", "ASVS 13.3.1")

leak_check = partial(
    Check, table="leaked_secrets", subject="{secret}", covers="{covers}", controls=IN_SOURCE, where="{places}"
)

LEAKS = (
    leak_check(
        id="leaked-in-force",
        what="A value that is in force was found where it must not be.",
        why="Whoever can read that place can use the secret now.",
        severity=by_environment("critical", "high"),
        when=lambda rows: rows["status"].eq("emergency"),
        evidence="what is in force in {held_by} is where it must not be ({leak_ids}), first seen there "
        "{first_at}; exposed while in use: {exposed}{also}",
        remedy="Rotate {secret} in {held_by} now, then follow the steps of the clean-up.",
    ),
    leak_check(
        id="leak-undecided",
        what="A value was found where it must not be, and whether it is in force is not known.",
        why="Until that is decided, treat it as in force.",
        severity="high",
        when=lambda rows: rows["status"].eq("unknown"),
        evidence="a value of {secret} is where it must not be ({leak_ids}), first seen there {first_at}; "
        "whether it is in force is not known: {reason}{also}",
        remedy="Rotate {secret}, or supply the values in force to show that it was replaced.",
    ),
    leak_check(
        id="leaked-before",
        what="A value that was replaced was found where it must not be.",
        why="It shows how values leak, and what was possible while it was in force.",
        severity="low",
        when=lambda rows: rows["status"].eq("historic"),
        evidence="an earlier value of {secret} is where it must not be ({leak_ids}), first seen there "
        "{first_at}; in {held_by}: {reason}",
        remedy="Make sure that the old value was revoked at its provider. Purge it with the others.",
    ),
    Check(
        id="password-in-file",
        what="A password that somebody chose, or a default, may be in a file.",
        why="Whoever reads the file can log in if it is in use, and a default is tried first by everyone.",
        table="chosen_passwords",
        severity=lambda rows: rows["deploys"].map({True: "medium", False: "low"}),
        when=lambda rows: rows["values"].gt(0),
        subject="{variable}",
        evidence="{values} that somebody may have chosen under a password's name: {variable} ({leak_ids})",
        remedy="Take it out of the file and let each environment set its own. If it only serves a test, "
        "accept the finding with that reason.",
        controls=IN_SOURCE,
        where="{places}",
    ),
    Check(
        id="leak-search-incomplete",
        what="Part of the places could not be searched for leaks.",
        why="A leak there would not have been found.",
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
