"""The levers: which change of a rule lets a review find less, and how grave what it can hide is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf

from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.rules_in_force import IN_PROJECT
from audit_lib.settings.fields import REQUIREMENTS

Lowers = Callable[[str, str], bool]  # a field's text before, and now; "" if it is empty or gone
HIGH, MEDIUM, LOW = "high", "medium", "low"
WHOLE = "declared"  # the field of a subject that came or went as a whole: yes, or ""
# Thresholds of detections of which a smaller one finds more; of the others the direction is not known.
COUNTS = ("high", "clients", "routes", "sensitive", "errors", "restarts", "expected")


@dataclass(frozen=True)
class Lever:
    """A change of some fields of some subjects, by globs, and what it can hide."""

    subject: str
    field: str
    lowers: Lowers
    severity: str
    hides: str


def any_change(_was: str, _now: str) -> bool:
    """Whichever way it went: its effect is not to be seen from the field alone."""
    return True


def gone(_was: str, now: str) -> bool:
    """It is there no more."""
    return not now


def came(was: str, _now: str) -> bool:
    """It was not there before."""
    return not was


def fewer(was: str, now: str) -> bool:
    """Something of a list is gone."""
    return bool(_several(was) - _several(now))


def more(was: str, now: str) -> bool:
    """Something was added to a list."""
    return bool(_several(now) - _several(was))


def narrower(was: str, now: str) -> bool:
    """Something of a list is gone, if an empty list stands for everything."""
    return bool(now) and (not was or fewer(was, now))


def less(was: str, now: str) -> bool:
    """A number is smaller."""
    return _number(now, 0) < _number(was, 0)


def longer(was: str, now: str) -> bool:
    """A period is longer, or without an end."""
    return _number(now, inf) > _number(was, inf)


def greater(was: str, now: str) -> bool:
    """A number is greater."""
    return _number(now, 0) > _number(was, 0)


def milder(was: str, now: str) -> bool:
    """A severity is lower, or is not stated any more."""
    return _rank(now) < _rank(was)


def less_required(was: str, now: str) -> bool:
    """It is demanded less strictly."""
    return _place(REQUIREMENTS, now) > _place(REQUIREMENTS, was)


def left(was: str, _now: str) -> bool:
    """It was something, and is something else."""
    return bool(was)


def moved_in(_was: str, now: str) -> bool:
    """The policy is now the audited project's own."""
    return now == IN_PROJECT


def no_secret(was: str, now: str) -> bool:
    """What was a secret is called something else."""
    return was == "secret" != now


def _several(text: str) -> set[str]:
    return set(filter(None, text.split(", ")))


def _number(text: str, empty: float) -> float:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text) else empty


def _rank(text: str) -> int:
    return SEVERITIES.index(text) if text in SEVERITIES else -1


def _place(words: tuple[str, ...], text: str) -> int:
    return words.index(text) if text in words else len(words)


# The first that fits a change decides; what none fits lets a review find no less.
LEVERS = (
    Lever("secret *", WHOLE, gone, HIGH, "everything that is asked of the secret"),
    Lever("secret *", "kind", no_secret, HIGH, "its age, its strength and its reuse"),
    Lever("secret *", "max_age_days", longer, HIGH, "that it is overdue"),
    Lever("secret *", "strict_max_age_days", longer, MEDIUM, "that it is overdue by the period for all"),
    Lever("secret *", "shared", came, HIGH, "that environments share a value"),
    Lever("secret *", "public", came, HIGH, "that it is exposed to browsers"),
    Lever("secret *", "required", less_required, HIGH, "that it is missing"),
    Lever("secret *", "required_in", narrower, HIGH, "that it is missing in an environment"),
    Lever("secret *", "*_severity", milder, HIGH, "how severe its faults are"),
    Lever("secret *", "equals", fewer, HIGH, "that a pair does not match"),
    Lever("secret *", "differs", fewer, HIGH, "that two names share a value"),
    Lever("secret *", "defaults", fewer, HIGH, "a default that everyone knows"),
    Lever("secret *", "forbidden_formats", fewer, HIGH, "a key that must not be there"),
    Lever("secret *", "*_length", less, MEDIUM, "a short value"),
    Lever("secret *", "classes", fewer, MEDIUM, "a value of too few kinds of characters"),
    Lever("secret *", "enough_bits", any_change, MEDIUM, "a value of too few kinds of characters"),
    Lever("secret *", "placeholders", any_change, MEDIUM, "a placeholder, or a weak value taken for one"),
    Lever("secret *", "rotates_with", fewer, MEDIUM, "that halves of a key were rotated apart"),
    Lever("secret *", "format", any_change, MEDIUM, "a value of a wrong format"),
    Lever("secret *", "usual_format", any_change, MEDIUM, "a value of an unusual format"),
    Lever("secret *", "environment_formats.*", any_change, MEDIUM, "a value of a wrong format"),
    Lever("secret *", "expected.*", any_change, MEDIUM, "an unexpected setting"),
    Lever("secret *", "component", any_change, MEDIUM, "which part of a value is judged"),
    Lever("secret *", "service", any_change, MEDIUM, "that it is missing in its service"),
    Lever("secret *", "aliases", fewer, LOW, "its value under another name"),
    Lever("secret *", "consumers", fewer, LOW, "that a rotation was left half done"),
    Lever("secret *", "restart", gone, LOW, "that a rotation was left half done"),
    Lever("format *", "*", any_change, MEDIUM, "a value of a wrong format"),
    Lever("format *", WHOLE, gone, MEDIUM, "a value of a wrong format"),
    Lever("policy", "public_prefixes", fewer, HIGH, "secrets that every browser loads"),
    Lever("policy", "secret*_names", fewer, HIGH, "secrets that the policy does not list"),
    Lever("policy", "compromised", fewer, HIGH, "values that are known to be public"),
    Lever("policy", "placeholders", any_change, MEDIUM, "placeholders, or weak values taken for one"),
    Lever("policy", "default_max_age_days", longer, MEDIUM, "that secrets are overdue"),
    Lever("policy", "strict_max_age_days", longer, MEDIUM, "that secrets are overdue by the period for all"),
    Lever("policy", "warn_days", less, LOW, "that secrets are due soon"),
    Lever("policy", "guide_sha256", any_change, LOW, "that the guide is another text"),
    Lever("policy", "extends", any_change, MEDIUM, "everything that the policy took over"),
    Lever("policy", "rules", any_change, MEDIUM, "rules of the guide"),
    Lever("policy", "origin", moved_in, MEDIUM, "who may change the policy"),
    # What audit.toml adds takes nothing away; what a policy declares may call a refusal a success.
    Lever("added login *", WHOLE, gone, HIGH, "failed logins on its route"),
    Lever("added login *", "*", any_change, HIGH, "failed logins on its route"),
    Lever("login *", WHOLE, any_change, HIGH, "failed logins on its route"),
    Lever("login *", "*", any_change, HIGH, "failed logins on its route"),
    Lever("alert *", WHOLE, gone, MEDIUM, "that somebody is alerted"),
    Lever("alert *", "*", any_change, MEDIUM, "that somebody is alerted"),
    Lever("search *", WHOLE, gone, LOW, "a search of the guide that finds nothing"),
    Lever("table detections", WHOLE, gone, HIGH, "attacks on logins"),
    Lever("table detections", "known_clients", more, HIGH, "attacks from addresses that are called known"),
    Lever("table detections", "*.severity", milder, HIGH, "how severe an attack is"),
    *(Lever("table detections", f"*.{name}", greater, HIGH, "attacks on logins") for name in COUNTS),
    Lever("table detections", "*", any_change, HIGH, "attacks on logins"),
    Lever("table due_days", "*", longer, MEDIUM, "that findings are overdue"),
    Lever("table attestations", "*", gone, MEDIUM, "a question that nobody has answered"),
    Lever("table attestations", WHOLE, gone, MEDIUM, "questions that nobody has answered"),
    Lever("table controls", "*", any_change, LOW, "which controls a finding bears on"),
    Lever("table *", WHOLE, gone, MEDIUM, "what the policy says there"),
    Lever("table *", "*", any_change, MEDIUM, "what the policy says there"),
    Lever("audit.toml", "environments", fewer, HIGH, "everything in an environment"),
    Lever("audit.toml", "formats", any_change, HIGH, "log lines that are read otherwise"),
    Lever("audit.toml", "extends", any_change, MEDIUM, "what the former policy asked"),
    Lever("audit.toml", "exports", fewer, MEDIUM, "values in an export"),
    Lever("audit.toml", "time_zone", any_change, MEDIUM, "events that move out of the quarter"),
    Lever("audit.toml", "zone_declared", gone, MEDIUM, "in which zone the times of logs are"),
    Lever("audit.toml", "guide", any_change, LOW, "that the guide is another text"),
    Lever("audit.toml", "leavers", left, MEDIUM, "secrets that somebody who left still knows"),
    Lever("audit.toml", "breaches", left, MEDIUM, "secrets of a provider that was breached"),
    Lever("audit.toml", "access_log", left, MEDIUM, "who looked at values"),
    Lever("audit.toml", "may_look", more, MEDIUM, "who looked at values"),
    Lever("leaver list *", WHOLE, gone, MEDIUM, "secrets that somebody who left still knows"),
    Lever("leaver list *", "days", fewer, MEDIUM, "secrets that somebody who left still knows"),
    Lever("breach list *", WHOLE, gone, MEDIUM, "secrets of a provider that was breached"),
    Lever("breach list *", "days", fewer, MEDIUM, "secrets of a provider that was breached"),
    Lever("env file *", WHOLE, gone, HIGH, "everything about the values in the file"),
    Lever("env file *", "example", came, HIGH, "everything about the values in the file"),
    Lever("env file *", "backup", came, HIGH, "everything about the values in the file"),
    Lever("env file *", "environment", left, HIGH, "what is asked of values in that environment"),
    Lever("env file *", "service", left, MEDIUM, "what is asked of values in that service"),
    Lever("env file *", "export", gone, MEDIUM, "that an export was left on the disk"),
    Lever("env file *", "loader", any_change, MEDIUM, "that values are read differently"),
    Lever("log *", WHOLE, gone, HIGH, "failed logins and attacks in the log"),
    Lever("log *", "instances", any_change, MEDIUM, "that the log of an instance is missing"),
    Lever("log *", "zone_declared", gone, MEDIUM, "in which zone its times are"),
    Lever("log *", "*", any_change, MEDIUM, "failed logins, as they count for another place or time"),
    Lever("evidence *", WHOLE, came, MEDIUM, "an age, if the export is not the store's own"),
    Lever("evidence *", "*", any_change, MEDIUM, "an age, if the export is not of that place"),
    Lever("deploys *", WHOLE, came, LOW, "failed logins that a deploy explains"),
    Lever("deploys *", "*", any_change, LOW, "failed logins that a deploy explains"),
    Lever("formats file *", WHOLE, came, HIGH, "log lines that are read otherwise"),
    Lever("formats file *", "*", any_change, HIGH, "log lines that are read otherwise"),
    Lever("rules *", "*", any_change, MEDIUM, "rules of the guide"),
    Lever("scanner file *", WHOLE, came, LOW, "hits of another scanner"),
    Lever("scanner file *", "*", any_change, LOW, "hits of another scanner"),
)


def lever_of(subject: str, field: str) -> Lever | None:
    """The lever of a field, or of a subject that came or went; None if it is no lever."""
    fitting = (one for one in LEVERS if fnmatchcase(subject, one.subject) and _fits(field, one.field))
    return next(fitting, None)


def _fits(field: str, glob: str) -> bool:
    return field == glob if WHOLE in (field, glob) else fnmatchcase(field, glob)
