"""Checks on what a variable holds: missing, placeholder, short, malformed, weak, public, unlisted."""

from audit_lib.checks.check import Check, Rows, Truths, by_environment, no, yes

# An upper estimate below this leaves a space that can be searched; lengths are judged by the policy.
GUESSABLE_BITS = 80

STRENGTH = ("NIST IA-5(1)", "ASVS 11.2.3", "ISO A.5.17")
CATALOG = ("NIST CM-8", "NIST IA-5", "ISO A.5.9")
BROWSER = ("NIST IA-5(6)", "ASVS 13.3.1", "CWE-522")
PLACE = "{source}:{line}"


def _demanded(rows: Rows) -> Truths:
    in_production = rows["required"].eq("production") & rows["environment"].eq("production")
    return rows["required"].eq("always") | in_production


def _advised(rows: Rows) -> Truths:
    elsewhere = rows["required"].eq("production") & rows["environment"].ne("production")
    return rows["required"].eq("recommended") | elsewhere


def _browser_secret(rows: Rows) -> Truths:
    return rows["public"] & rows["kind"].isin(("secret", "unlisted"))


def _present(rows: Rows) -> Truths:
    return rows["state"].eq("present")


def _own_value(rows: Rows) -> Truths:
    # A placeholder or a published value is short and malformed, too: one fault, one finding.
    return _present(rows) & no(rows["placeholder"]) & ~yes(rows["compromised"])


def _not_judged(rows: Rows, column: str) -> Truths:
    return _present(rows) & rows[column].isna()


VALUES = (
    Check(
        id="missing-secret",
        table="inventory",
        severity=by_environment("critical", "high"),
        when=lambda rows: rows["state"].eq("missing") & _demanded(rows) & ~_browser_secret(rows),
        subject="{secret}",
        evidence="{variable} is not in {source}; the policy requires it: {required}",
        remedy="Set {variable} for {environment}/{service}, by the generator or provider the guide names.",
        controls=CATALOG,
        where="{source}",
    ),
    Check(
        id="missing-recommended",
        table="inventory",
        severity="low",
        when=lambda rows: rows["state"].eq("missing") & _advised(rows) & ~_browser_secret(rows),
        subject="{secret}",
        evidence="{variable} is not in {source}; the policy asks for it: {required}",
        remedy="Set {variable} for {environment}/{service}, or accept that it is not used.",
        controls=CATALOG,
        where="{source}",
    ),
    Check(
        id="feature-secret-undecided",
        table="inventory",
        severity="low",
        unknown_when=lambda rows: rows["state"].eq("missing") & rows["required"].eq("feature"),
        subject="{secret}",
        evidence="{variable} is not in {source}; it is required only with its feature, and no evidence "
        "says whether that is used",
        remedy="Set {variable}, or attest that its feature is not used.",
        controls=CATALOG,
        where="{source}",
    ),
    Check(
        id="empty-secret",
        table="inventory",
        severity=by_environment("critical", "high"),
        when=lambda rows: rows["state"].eq("empty"),
        subject="{secret}",
        evidence="{variable} is in {source} with an empty value; required: {required}",
        remedy="Set {variable} for {environment}/{service}, or remove the line.",
        controls=CATALOG,
        where=PLACE,
    ),
    Check(
        id="placeholder-value",
        table="inventory",
        severity=by_environment("critical", "high"),
        when=lambda rows: _present(rows) & yes(rows["placeholder"]),
        unknown_when=lambda rows: _not_judged(rows, "placeholder"),
        subject="{secret}",
        evidence="{variable} holds a placeholder of the policy, not a value of its own",
        unknown_evidence="{variable} is present, but its value was not compared with the placeholders",
        remedy="Generate a value for {variable} and set it in {environment}/{service}.",
        controls=("ASVS 13.2.3", "CWE-1392", "NIST IA-5(1)"),
        where=PLACE,
    ),
    Check(
        id="compromised-value",
        table="inventory",
        severity="critical",
        when=lambda rows: _present(rows) & yes(rows["compromised"]),
        unknown_when=lambda rows: _not_judged(rows, "compromised"),
        subject="{secret}",
        evidence="{variable} equals a value that the policy lists as published",
        unknown_evidence="{variable} is present, but was not compared with the values known to be published",
        remedy="Rotate {variable} in {environment}/{service} at once; the value is public.",
        controls=("NIST IA-5", "ISO A.5.17", "CWE-798"),
        where=PLACE,
    ),
    Check(
        id="template-in-use",
        table="inventory",
        severity=by_environment("critical", "medium"),
        when=lambda rows: _own_value(rows) & rows["kind"].eq("secret") & yes(rows["template"]),
        unknown_when=lambda rows: rows["kind"].eq("secret") & _not_judged(rows, "template"),
        subject="{secret}",
        evidence="{variable} equals the value that an example file shows to everyone",
        unknown_evidence="{variable} is present, but no example file could be compared with it",
        remedy="Generate a value for {variable} in {environment}/{service}; leave the example's empty.",
        controls=("ASVS 13.2.3", "CWE-1392"),
        where=PLACE,
    ),
    Check(
        id="short-value",
        table="inventory",
        severity=by_environment("high", "medium"),
        when=lambda rows: _own_value(rows) & rows["length"].eq("short"),
        unknown_when=lambda rows: _present(rows) & rows["length"].eq("") & rows["min_length"].notna(),
        subject="{secret}",
        evidence="{variable} is shorter than the {min_length} characters demanded",
        unknown_evidence="{variable} was not measured against the {min_length} characters demanded",
        remedy="Rotate {variable} to a value of {good_length} characters or more.",
        controls=("NIST IA-5(1)", "PCI 8.3.6", "CWE-521"),
        where=PLACE,
    ),
    Check(
        id="below-good-length",
        table="inventory",
        severity="low",
        when=lambda rows: _own_value(rows) & rows["length"].eq("below good"),
        subject="{secret}",
        evidence="{variable} has at least {min_length} characters, fewer than the {good_length} that the "
        "guide's own generator gives",
        remedy="At its next rotation, generate {variable} with {good_length} characters.",
        controls=("NIST IA-5(1)", "PCI 8.3.6"),
        where=PLACE,
    ),
    Check(
        id="wrong-format",
        table="inventory",
        severity=by_environment("high", "medium"),
        when=lambda rows: _own_value(rows) & no(rows["format_ok"]) & rows["length"].ne("short"),
        unknown_when=lambda rows: rows["format"].ne("") & _not_judged(rows, "format_ok"),
        subject="{secret}",
        evidence="{variable} does not have the format demanded: {format}",
        unknown_evidence="{variable} was not compared with the format demanded: {format}",
        remedy="Check {variable} in {environment}/{service}: wrong value, wrong variable, or a cut copy.",
        controls=("NIST CM-6", "NIST IA-5(1)"),
        where=PLACE,
    ),
    Check(
        id="weak-value",
        table="inventory",
        severity=by_environment("critical", "medium"),
        when=lambda rows: (
            _own_value(rows)
            & rows["kind"].eq("secret")
            & rows["length"].ne("short")
            & rows["strength_bits"].lt(GUESSABLE_BITS)
        ),
        unknown_when=lambda rows: rows["kind"].eq("secret") & _not_judged(rows, "strength_bits"),
        subject="{secret}",
        evidence="{variable} is worth at most {strength_bits} bits; below "
        + f"{GUESSABLE_BITS} bits a value can be guessed",
        unknown_evidence="{variable} is present, but its strength could not be estimated",
        remedy="Rotate {variable} to a generated value; do not invent one.",
        controls=STRENGTH,
        where=PLACE,
    ),
    Check(
        id="public-exposure",
        table="inventory",
        severity=by_environment("critical", "high"),
        when=lambda rows: _browser_secret(rows) & _present(rows),
        subject="{secret}",
        evidence="{variable} is public: it is built into what every browser loads; the policy's own demand "
        "for it there: {required}",
        remedy="Move the call behind the backend and rotate {secret}; until then accept it by name and date.",
        controls=BROWSER,
        where=PLACE,
    ),
    Check(
        id="public-secret-demanded",
        table="inventory",
        severity="high",
        when=lambda rows: _browser_secret(rows) & rows["state"].eq("missing") & _demanded(rows),
        subject="{secret}",
        evidence="{variable} is missing though the policy requires it: {required}; supplying it would make a "
        "secret public. The two demands conflict",
        remedy="Mend the guide: serve what needs {secret} from the backend. Do not set it.",
        controls=BROWSER,
        where="{source}",
    ),
    Check(
        id="unlisted-secret",
        table="inventory",
        severity="medium",
        when=lambda rows: rows["kind"].eq("unlisted") & rows["state"].isin(("present", "empty")),
        subject="{secret}",
        evidence="{variable} is named like a secret and is not in the policy",
        remedy="Add a [[secret]] block for {variable} to the policy, or remove it from {source}.",
        controls=CATALOG,
        where=PLACE,
    ),
    Check(
        id="no-rotation-period",
        table="inventory",
        severity="low",
        when=lambda rows: rows["kind"].eq("secret") & _present(rows) & rows["max_age_days"].isna(),
        subject="{secret}",
        evidence="{variable} is a secret and is in use; the policy states no rotation period",
        remedy="State max_age_days for {secret} in the policy (90 where the guide says nothing else).",
        controls=("NIST IA-5", "ASVS 13.3.4", "PCI 8.6.3"),
        where=PLACE,
    ),
)
