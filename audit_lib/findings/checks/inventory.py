"""Checks of the catalog: what is missing, empty, not listed, without a period, or public by its name."""

from functools import partial

import pandas as pd

from audit_lib.findings.check import Check, Rows, Severity, Truths, by_environment, has, held

CATALOG_CONTROLS = ("NIST CM-8", "NIST IA-5", "ISO A.5.9")
BROWSER = ("NIST IA-5(6)", "ASVS 13.3.1", "CWE-522")
PLACE = "{source}:{line}"
MISSING = has("state", "missing")


def _required(rows: Rows) -> Truths:
    return rows["demanded"] & rows["required"].isin(("always", "production"))


def _only_listed(rows: Rows) -> Truths:
    """Rows of what may be unset: what is optional or not demanded of this service, and what is no secret
    unless the policy grades it."""
    ungraded = ~rows["kind"].isin(("secret", "unlisted")) & rows["missing_severity"].eq("")
    return rows["required"].isin(("optional", "")) | ungraded


def _own_severity(column: str, else_: Severity) -> Severity:
    """The policy's severity for the variable, or the check's if the policy has none."""

    def severity(rows: Rows) -> pd.Series:
        fallback = else_ if isinstance(else_, str) else else_(rows)
        return rows[column].where(rows[column].ne(""), fallback)

    return severity


def _browser_secret(rows: Rows) -> Truths:
    return rows["public"] & rows["kind"].isin(("secret", "unlisted"))


def _beside_another(rows: Rows) -> Truths:
    """Rows of a second value in one place, which stand under `SERVICE (FILE)`."""
    return rows["service"].str.endswith(")")


inventory_check = partial(Check, table="inventory", subject="{secret}")

CATALOG = (
    inventory_check(
        id="two-values-in-one-place",
        what="Two env files of one service set one secret to different values.",
        why="Which of the two is in force depends on what is read last, and a rotation may miss it.",
        severity=by_environment("medium", "low"),
        about=held,
        when=_beside_another,
        evidence="{variable} has another value in {source} than in the env file that counts; both are judged",
        remedy="Keep one of the two, or declare the files as two services in audit.toml.",
        controls=CATALOG_CONTROLS,
        where=PLACE,
    ),
    inventory_check(
        id="missing-secret",
        what="A variable that the policy requires is not in the source that was read.",
        why="The application fails, or falls back to something that nobody reviewed.",
        severity=_own_severity("missing_severity", "high"),
        about=lambda rows: _required(rows) & ~_browser_secret(rows) & ~_only_listed(rows),
        when=MISSING,
        evidence="{variable} is not in {source}, but the policy requires it ({required}). {fallback}",
        remedy="Set {variable} for {environment}/{service}. A new value: {renewal}",
        controls=CATALOG_CONTROLS,
        facts=("required",),
    ),
    inventory_check(
        id="missing-recommended",
        what="A variable that the policy recommends is not in the source that was read.",
        why="The application runs, but without the protection or feature that the variable gives.",
        severity=_own_severity("missing_severity", "low"),
        about=lambda rows: rows["demanded"] & rows["required"].eq("recommended") & ~_only_listed(rows),
        when=MISSING,
        evidence="{variable} is not in {source}; the policy recommends it. {fallback}",
        remedy="Set {variable} for {environment}/{service}, or accept the finding if it is not used.",
        controls=CATALOG_CONTROLS,
        facts=("required",),
    ),
    inventory_check(
        id="feature-secret-undecided",
        what="A variable that only one feature needs is missing, and nothing shows if the feature is used.",
        why="An unused feature needs no secret; a used one without its secret may be open to anyone.",
        severity=_own_severity("missing_severity", "low"),
        about=lambda rows: rows["required"].eq("feature"),
        unknown_when=MISSING,
        evidence="{variable} is not in {source}; it is required only if its feature is used, which is not "
        "known. {fallback}",
        remedy="Set {variable}, or attest that its feature is not used.",
        controls=CATALOG_CONTROLS,
        facts=("required",),
    ),
    inventory_check(
        id="empty-secret",
        what="A variable is there, but its value is empty.",
        why="An empty secret can switch a protection off, and it hides that the secret is missing.",
        severity=by_environment("critical", "high"),
        about=lambda rows: rows["state"].ne("missing") & ~_only_listed(rows),
        when=lambda rows: rows["state"].eq("empty"),
        evidence="{variable} is in {source}, but its value is empty (required: {required})",
        remedy="Set {variable} for {environment}/{service}, or remove the line.",
        controls=CATALOG_CONTROLS,
        where=PLACE,
        facts=("required",),
    ),
    inventory_check(
        id="not-set",
        what="Settings and optional variables are not set.",
        why="The application has its own defaults for them; the list shows which it relies on.",
        severity="info",
        about=_only_listed,
        when=lambda rows: rows["state"].eq("empty") | (MISSING(rows) & rows["demanded"]),
        subject="settings",
        evidence="settings and optional variables are not set, so the application's defaults apply",
        remedy="Set those of which the application's default is not what you want; accept the others.",
        controls=CATALOG_CONTROLS,
        covers="{variable}@{environment}/{service}",
        listed=True,
    ),
    inventory_check(
        id="unlisted-secret",
        what="A variable looks like a secret, but the policy does not list it as one.",
        why="Without a rule its age, format and reuse cannot be judged, so it is never rotated.",
        severity="medium",
        about=lambda rows: rows["state"].isin(("present", "empty")),
        when=lambda rows: rows["kind"].eq("unlisted"),
        evidence="{variable} looks like a secret by name or value, but the policy lists none such",
        remedy="Give {variable} a [[secret]] block of kind secret, or remove it from {source}.",
        controls=CATALOG_CONTROLS,
        where=PLACE,
    ),
    inventory_check(
        id="no-rotation-period",
        what="The guide states no rotation period for a secret that is in use.",
        why="What has no period is never overdue; until one is stated, the policy's default counts.",
        severity="low",
        # What is public by the policy has no age.
        about=lambda rows: (
            held(rows) & rows["kind"].eq("secret") & ~(rows["public"] & rows["exposure_severity"].eq("info"))
        ),
        when=lambda rows: rows["state"].eq("present") & ~rows["period_stated"],
        subject="secrets",
        covers="{secret}@{environment}/{service}",
        listed=True,
        evidence="secrets are in use for which the guide states no limit, so the policy's default applies "
        "({max_age_days} days)",
        remedy="State the limit of each in the guide, and as max_age_days in the policy.",
        controls=("NIST IA-5", "ASVS 13.3.4", "PCI 8.6.3"),
        where=PLACE,
        facts=("entry",),
    ),
    inventory_check(
        id="public-exposure",
        what="A secret is built into what every browser loads.",
        why="Anyone who opens the page can read it, so it protects nothing.",
        severity=_own_severity("exposure_severity", by_environment("critical", "high")),
        # If the guide itself calls a value harmless in public, nothing is left to decide.
        about=lambda rows: rows["state"].ne("missing") & rows["kind"].isin(("secret", "unlisted")),
        when=lambda rows: (
            _browser_secret(rows) & rows["state"].eq("present") & rows["exposure_severity"].ne("info")
        ),
        evidence="{variable} is public: it is built into what every browser loads (the policy says "
        "required: {required})",
        remedy="Move the call behind the backend and rotate {secret}. Until then accept it by name and date.",
        controls=BROWSER,
        where=PLACE,
        facts=("required", "exposure"),
    ),
    inventory_check(
        id="public-secret-demanded",
        what="The policy requires a secret in a place that every browser loads, and it is missing.",
        why="Either choice breaks one of two demands; the conflict must be settled, not hidden.",
        severity=_own_severity("missing_severity", "high"),
        about=lambda rows: _browser_secret(rows) & _required(rows),
        when=MISSING,
        evidence="{variable} is missing, but the policy requires it ({required}); setting it would make a "
        "secret public. The two requirements conflict",
        remedy="Fix the guide: serve what needs {secret} from the backend. Do not set it.",
        controls=BROWSER,
        facts=("required", "exposure"),
    ),
)
