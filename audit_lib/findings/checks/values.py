"""Checks on what a variable holds: a placeholder, what others know or can guess, a form it must not have."""

from functools import partial

import pandas as pd

from audit_lib.findings import check
from audit_lib.findings.check import asked, by_environment, held, no
from audit_lib.secrecy.value_questions import GUESSABLE_BITS

STRENGTH = ("NIST IA-5(1)", "ASVS 11.2.3", "ISO A.5.17")
PLACE = "{source}:{line}"


def present(rows: check.Rows) -> check.Truths:
    """Variables that have a value."""
    return rows["state"].eq("present")


def own_value(rows: check.Rows) -> check.Truths:
    """Variables with a value that nobody else knows.

    A placeholder or a published value is short and malformed, too: one fault, one finding.
    """
    public = check.yes(rows["compromised"]) | check.no(rows["default_ok"])
    return present(rows) & check.no(rows["placeholder"]) & ~public


def _of_placeholders(rows: check.Rows) -> pd.Series:
    """In development the placeholder that the example itself shows is meant to be there."""
    usual = check.by_environment("critical", "high")(rows)
    return usual.mask(rows["environment"].isin(check.DEVELOPMENT) & check.yes(rows["template"]), "info")


def not_judged(rows: check.Rows, column: str) -> check.Truths:
    """Variables with a value of which the question in a column has no answer.

    Of a value that is not known one finding is enough: that it was not compared with the placeholders.
    """
    known = rows["placeholder"].notna() | (column == "placeholder")
    return present(rows) & rows[column].isna() & known


value_check = partial(check.Check, table="inventory", subject="{secret}", where=PLACE)

VALUES = (
    value_check(
        id="placeholder-value",
        what="A variable holds a placeholder instead of a value of its own.",
        why="Placeholders are printed in documentation and are the first values that attackers try.",
        severity=_of_placeholders,
        about=check.held,
        when=lambda rows: present(rows) & check.yes(rows["placeholder"]),
        unknown_when=lambda rows: rows["kind"].ne("setting") & not_judged(rows, "placeholder"),
        evidence="{variable} is a placeholder, not a real value",
        unknown_evidence="{variable} is present, but its value was not compared with the placeholders",
        remedy="Set a real value in {environment}/{service}: {renewal}",
        controls=("ASVS 13.2.3", "CWE-1392", "NIST IA-5(1)"),
        facts=("placeholder",),
    ),
    value_check(
        id="compromised-value",
        what="A variable equals a value that the policy lists as published.",
        why="A value that was published once is known for ever, whoever published it.",
        severity="critical",
        about=check.held,
        when=lambda rows: present(rows) & check.yes(rows["compromised"]),
        unknown_when=lambda rows: not_judged(rows, "compromised"),
        evidence="{variable} equals a value that the policy lists as published",
        unknown_evidence="{variable} is present, but was not compared with the values known to be published",
        remedy="Rotate {variable} in {environment}/{service} now; the value is public.",
        controls=("NIST IA-5", "ISO A.5.17", "CWE-798"),
        facts=("example",),
    ),
    value_check(
        id="template-in-use",
        what="A variable equals the value in an example file.",
        why="Example files are committed and shared; their values are no secrets.",
        severity=check.of_defaults("medium"),
        about=lambda rows: check.held(rows) & rows["kind"].eq("secret"),
        when=lambda rows: own_value(rows) & check.yes(rows["template"]),
        unknown_when=lambda rows: not_judged(rows, "template"),
        subject="secrets of {environment}",
        unknown_subject="secrets",
        evidence="values equal those that an example file shows to everyone",
        unknown_evidence="values are present, but no example file could be compared with them",
        remedy="Generate a value for each of them in {environment}. Leave it empty in the example.",
        covers="{secret}@{environment}/{service}",
        listed=True,
        controls=("ASVS 13.2.3", "CWE-1392"),
        facts=("entry",),
    ),
    value_check(
        id="short-value",
        what="A value is shorter than the minimum that the policy demands.",
        why="Short values can be guessed by trying.",
        severity=check.by_environment("high", "medium"),
        about=lambda rows: check.held(rows) & rows["min_length"].notna(),
        when=lambda rows: own_value(rows) & rows["length"].eq("short"),
        unknown_when=lambda rows: present(rows) & rows["length"].eq(""),
        evidence="{variable} is shorter than the required {min_length} characters",
        unknown_evidence="{variable} was not measured against the required {min_length} characters",
        remedy="Rotate {variable} to a value of {good_length} characters or more.",
        controls=("NIST IA-5(1)", "PCI 8.3.6", "CWE-521"),
        facts=("length",),
    ),
    value_check(
        id="below-good-length",
        what="A value meets the minimum but is shorter than the guide's own generator makes it.",
        why="It was not made by the generator, so nobody knows how random it is.",
        severity="low",
        about=lambda rows: check.held(rows) & rows["good_length"].notna(),
        when=lambda rows: own_value(rows) & rows["length"].eq("below good"),
        evidence="{variable} has at least {min_length} characters, but fewer than the {good_length} that the "
        "guide's own generator makes",
        remedy="At its next rotation, generate {variable} with {good_length} characters.",
        controls=("NIST IA-5(1)", "PCI 8.3.6"),
        facts=("format", "generate"),
    ),
    value_check(
        id="known-default",
        what="A variable works with a default that everyone knows.",
        why="Nobody needs to guess such a value.",
        severity=check.of_defaults("low"),
        about=check.asked("default_ok"),
        when=lambda rows: present(rows) & check.no(rows["default_ok"]),
        evidence="{variable} has a default value that everyone knows",
        remedy="Rotate {variable} in {environment}/{service}. A new value: {renewal}",
        controls=("ASVS 13.2.3", "CWE-1392"),
        facts=("example", "length"),
    ),
    value_check(
        id="too-few-classes",
        what="A password lacks a kind of character that the guide demands and is not strong without it.",
        why="It is easier to guess than the guide allows.",
        severity=check.by_environment("high", "low"),
        about=check.asked("classes_ok"),
        when=lambda rows: own_value(rows) & check.no(rows["classes_ok"]) & rows["length"].ne("short"),
        evidence="the {component} of {variable} lacks a class of characters that the guide requires, and is "
        "not strong enough without it: at most {strength_bits} bits",
        remedy="Rotate {variable} in {environment}/{service}. A new value: {renewal}",
        controls=("NIST IA-5(1)", "CWE-521"),
        facts=("length",),
    ),
    value_check(
        id="weak-value",
        what="A value is worth fewer than 80 bits, by an upper estimate.",
        why="It can be found by trying, without any leak.",
        severity=check.by_environment("critical", "medium"),
        about=lambda rows: check.held(rows) & rows["kind"].eq("secret"),
        when=lambda rows: (
            own_value(rows)
            & ~check.yes(rows["template"])
            & rows["length"].ne("short")
            & rows["strength_bits"].lt(GUESSABLE_BITS)
        ),
        unknown_when=lambda rows: not_judged(rows, "strength_bits"),
        evidence="{variable} has a strength of at most {strength_bits} bits; a value below "
        + f"{GUESSABLE_BITS} bits can be guessed",
        unknown_evidence="{variable} is present, but its strength could not be estimated",
        remedy="Rotate {variable} to a generated value; do not invent one.",
        controls=STRENGTH,
        facts=("generate",),
    ),
)


FORMATS = (
    value_check(
        id="wrong-format",
        what="A value does not have the format that the policy demands.",
        why="It was cut, mistyped or meant for another variable, and will fail when it is needed.",
        severity=by_environment("high", "medium"),
        about=lambda rows: held(rows) & rows["format"].ne(""),
        when=lambda rows: own_value(rows) & no(rows["format_ok"]) & rows["length"].ne("short"),
        unknown_when=lambda rows: not_judged(rows, "format_ok"),
        evidence="{variable} does not have the required format: {format}",
        unknown_evidence="{variable} was not compared with the required format: {format}",
        remedy="Check {variable} in {environment}/{service}: wrong value, wrong variable, or cut short.",
        controls=("NIST CM-6", "NIST IA-5(1)"),
        facts=("format",),
    ),
    value_check(
        id="forbidden-format",
        what="A value has a format that must never be here, such as a live or an admin key.",
        why="It grants far more than the application needs; a leak would do far more harm.",
        severity="critical",
        about=asked("forbidden_format_ok"),
        when=lambda rows: present(rows) & no(rows["forbidden_format_ok"]),
        evidence="{variable} has a format that is forbidden here, such as that of a live or an admin key; "
        "required: {format} {usual_format}",
        remedy="Replace {variable} in {environment}/{service} and revoke the old key. {renewal}",
        controls=("NIST AC-6", "ASVS 13.2.2", "CWE-522"),
        facts=("exposure",),
    ),
    value_check(
        id="unusual-format",
        what="A value does not look like what its provider issues.",
        why="It may be cut or belong to another provider; formats change, so this is only a hint.",
        severity="low",
        about=lambda rows: held(rows) & rows["usual_format"].ne(""),
        when=lambda rows: (
            own_value(rows)
            & no(rows["usual_format_ok"])
            & ~no(rows["format_ok"])
            & rows["length"].ne("short")
            & ~no(rows["forbidden_format_ok"])
        ),
        unknown_when=lambda rows: not_judged(rows, "usual_format_ok"),
        evidence="{variable} does not look like what its provider issues: {usual_format}",
        unknown_evidence="{variable} was not compared with what its provider issues: {usual_format}",
        remedy="Check that {variable} was copied in full and from the right account. {renewal}",
        controls=("NIST CM-6",),
        facts=("format",),
    ),
    value_check(
        id="ambiguous-url",
        what="The password in a connection URL holds a reserved character that is not percent-encoded.",
        why="Two parsers read two passwords from it: one program connects and another does not.",
        severity="high",
        about=asked("url_ok"),
        when=lambda rows: own_value(rows) & no(rows["url_ok"]),
        evidence="the password in {variable} has a reserved character that is not percent-encoded, so two "
        "parsers may read two different passwords",
        remedy="Percent-encode the password in {variable}, or rotate it to letters, digits and - . _ ~",
        controls=("NIST CM-6", "ISO A.8.9"),
        facts=("format",),
    ),
    value_check(
        id="unexpected-setting",
        what="A setting does not have the value that the guide states for the environment.",
        why="A wrong address or mode can send production's secrets to another place.",
        severity=by_environment("high", "medium"),
        about=asked("expected_ok"),
        when=lambda rows: present(rows) & no(rows["expected_ok"]),
        evidence="{variable} is not the value that the guide states for {environment}",
        remedy="Set {variable} to what the guide states for {environment}, or fix the guide.",
        controls=("NIST CM-6", "ISO A.8.9"),
        facts=("expected",),
    ),
)
