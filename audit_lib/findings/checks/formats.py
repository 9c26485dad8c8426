"""Checks on the form of a value: what the policy demands, what its provider issues, what must not be here."""

from audit_lib.findings.check import asked, by_environment, held, no
from audit_lib.findings.checks.values import not_judged, own_value, present, value_check

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
