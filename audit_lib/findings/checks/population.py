"""Checks of the population: what is read, declared and supplied by one side and not by another.

Each lists names in two findings at most, one for secrets and one for all else: settings are many.
"""

from functools import partial

import pandas as pd

from audit_lib.findings.check import Check, Rows, SeverityOf, Truths

population_check = partial(
    Check, table="population", subject="{group}", covers="{name}@/{service}", listed=True
)
INVENTORY = ("NIST CM-8", "CIS 5.5", "ISO A.5.9")


def _of_secrets(severity: str) -> SeverityOf:
    """A severity for secrets; what else is listed is information."""

    def severities(rows: Rows) -> pd.Series:
        return rows["group"].map({"secrets": severity, "settings": "info"})

    return severities


def _named_by_another_check(rows: Rows) -> Truths:
    """Secrets in force that no policy lists: `unlisted-secret` names each of them."""
    return rows["group"].eq("secrets") & rows["supplied"].eq("yes")


POPULATION = (
    population_check(
        id="read-undeclared",
        what="The code reads variables that the policy does not declare.",
        why="Nobody has said what they are, so their age, format and owner are never judged.",
        severity=_of_secrets("medium"),
        about=lambda rows: rows["reads"].gt(0),
        when=lambda rows: ~rows["declared"],
        evidence="{group} are read, but the policy does not declare them",
        remedy="Add a [[secret]] block to the policy for each of these {group}; `init` proposes them.",
        controls=INVENTORY,
        where="{read_at}",
    ),
    population_check(
        id="supplied-undeclared",
        what="Env files, examples, the platform or the ledger know variables that no rule declares.",
        why="What no rule is about may be left over, or be a secret under a name that does not say so.",
        severity=_of_secrets("low"),
        about=lambda rows: rows[["env_files", "examples", "platform", "ledger"]].sum(axis=1).gt(0),
        when=lambda rows: ~rows["declared"] & ~_named_by_another_check(rows),
        evidence="{group} are supplied or shown in examples, but the policy does not declare them",
        remedy="Declare these {group} in the policy, or remove their lines.",
        controls=INVENTORY,
        where="{held_at}",
    ),
    population_check(
        id="declared-read-nowhere",
        what="Nothing in the project reads or names a variable that the policy declares.",
        why="It is a candidate for removal: a way in that nobody watches. A library or an image may read it.",
        severity="info",
        about=lambda rows: rows["declared_here"],
        when=lambda rows: rows["read"].eq("no"),
        unknown_when=lambda rows: rows["read"].eq("unknown"),
        evidence="{group} are declared, and nothing in the project reads or names them",
        unknown_evidence="reads not known, {read_reason}",
        remedy="Ask the owner if a library or an image reads these {group}. If not, revoke and remove them.",
        controls=INVENTORY,
        where="policy",
    ),
    population_check(
        id="read-supplied-nowhere",
        what="The code reads variables that no env file and no platform supplies, in any environment.",
        why="The code fails there, or runs on a default that nobody reviewed.",
        severity=_of_secrets("low"),
        about=lambda rows: rows["reads"].gt(0),
        when=lambda rows: rows["supplied"].eq("no"),
        unknown_when=lambda rows: rows["supplied"].eq("unknown") & rows["group"].eq("secrets"),
        evidence="{group} are read, but nothing supplies them",
        unknown_evidence="supply not known, {supply_reason}",
        remedy="Supply these {group}, or remove what reads them.",
        controls=("NIST CM-8", "NIST CM-6", "ISO A.8.9"),
        where="{read_at}",
    ),
)
