"""Validates the secrets of a service when it starts: what is missing, and what is no real value.

It loads neither pandas nor a notebook, so that it can run in front of a server or within it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from audit_lib.base.bounded_patterns import matches_glob
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.value_rules import format_of, hold, judge
from audit_lib.settings import Policy, SecretRule
from audit_lib.settings.models import StartUpSettings

VALIDATED = "All required secrets validated successfully"
NOTHING = "No secret was validated"
FAILED = "SECRET VALIDATION FAILED!"
_MALFORMED = {
    "forbidden_format_ok": "has a format that is forbidden here, such as that of a live or an admin key",
    "classes_ok": "lacks a kind of character that the policy requires, and is not strong without it",
    "url_ok": "has a password with a reserved character that is not percent-encoded",
}
_NO = re.compile(r"\s*(0|false|no|off|)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class InvalidSecret:
    """A variable that must not be as it is; `fault` never holds a value."""

    name: str
    required: bool
    fault: str

    def __str__(self) -> str:
        return f"{self.name}{' (REQUIRED)' if self.required else ''}: {self.fault}"


@dataclass(frozen=True)
class Validation:
    """What the start-up validation of a service found; it passed if nothing is invalid."""

    service: str
    environment: str
    checked: int  # variables that were there and were judged
    invalid: tuple[InvalidSecret, ...]

    def __bool__(self) -> bool:
        return not self.invalid

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print or to log, in the guide's words (docs/rotation.md#start-up-validation)."""
        place = f"{self.environment}/{self.service}"
        if not self.invalid and not self.checked:
            return (f"{NOTHING} ({place}: none is set, and the policy requires none)",)
        if not self.invalid:
            return (f"{VALIDATED} ({place}: {counted(self.checked, 'variable')} judged)",)
        listed = (f"   {one}" for one in self.invalid)
        return FAILED, f"Missing or invalid secrets detected in {place}:", *listed


def validate(
    values: Mapping[str, str],
    policy: Policy,
    environment: str,
    service: str,
    unknown: frozenset[str] = frozenset(),
) -> Validation:
    """The validation of one service's variables by the rules of a policy.

    Every rule is applied to every value that is there, wherever it came from: give it what the application
    will use, its defaults included. `unknown` are variables that are set, to a value that is not known.

    Source: the guide's "Validation Requirements" and "Strict Validation Mode", widened to all its rules.
    """
    rules = [rule for rule in policy.secrets if rule.service == service]
    held = {rule.name: _value(rule, values) for rule in rules}
    start = _Start(policy, environment, held, unknown)
    invalid = [
        InvalidSecret(rule.name, start.demands(rule), fault)
        for rule in rules
        for fault in _faults(rule, start)
    ]
    return Validation(service, environment, sum(map(bool, held.values())), tuple(invalid))


@dataclass(frozen=True)
class _Start:
    """What a service starts with: by the name of each rule the value that is set, "" if none is."""

    policy: Policy
    environment: str
    held: Mapping[str, str] = field(repr=False)
    unknown: frozenset[str]

    def demands(self, rule: SecretRule) -> bool:
        """Whether the service must not start without the variable."""
        if rule.required == "always":
            return not rule.required_in or self.environment in rule.required_in
        return rule.required == "production" and self.environment == "production"


def _value(rule: SecretRule, values: Mapping[str, str]) -> str:
    """What is set under the rule's name, or else under the first of its aliases; "" if nothing is."""
    return next((values[name] for name in (rule.name, *rule.aliases) if values.get(name, "").strip()), "")


def _faults(rule: SecretRule, start: _Start) -> Iterator[str]:
    value = start.held[rule.name]
    if start.unknown & {rule.name, *rule.aliases}:
        yield "is set, but its value is not known: the loaders of env files read it differently"
    elif value:
        yield from value_faults(rule, value, start.policy, start.environment)
        yield from _pair_faults(rule, start.held)
    elif start.demands(rule):
        yield "is missing or empty"


def value_faults(rule: SecretRule, value: str, policy: Policy, environment: str) -> Iterator[str]:
    """Why a value cannot be the service's own; else each way in which it is not as the rule demands."""
    keeper = Keeper(Key.throw_away())
    in_force = hold(keeper, keeper.take(value), rule.component)
    judged = judge(in_force, rule, policy, environment, None)
    if judged["placeholder"]:
        yield "is a placeholder, not a real value"
    elif judged["compromised"]:
        yield "is a value that was published"
    elif judged["default_ok"] is False and environment == "production":
        yield "is a default that everyone knows"
    elif judged["length"] == "short":
        yield f"must be at least {rule.min_length} characters long"
    else:
        told = _MALFORMED | {
            "format_ok": f"must have the format {format_of(rule, environment)}",
            "expected_ok": f"is not the value that the policy states for {environment}",
        }
        yield from (fault for column, fault in told.items() if judged[column] is False)


def _pair_faults(rule: SecretRule, held: Mapping[str, str]) -> Iterator[str]:
    """Variables of the same service that must hold the same value, or must not."""
    for other in rule.equals:
        if held.get(other) and held[other] != held[rule.name]:
            yield f"must be the same as {other}"
    for other in rule.differs:
        if held.get(other) and held[other] == held[rule.name]:
            yield f"must not be the same as {other}"


@dataclass(frozen=True)
class StartUp:
    """By what the policy knows production, and a start that must be strict."""

    settings: StartUpSettings

    def environment(self, environ: Mapping[str, str]) -> str:
        """Production if any of the signs that a platform documents is there; else development."""
        signs = self.settings.production_signs.items()
        shown = any(name in environ and matches_glob(environ[name], (glob,)) for name, glob in signs)
        return "production" if shown else "development"

    def is_strict(self, environ: Mapping[str, str], environment: str) -> bool:
        """Whether a failure must stop the start: in production always, elsewhere by the variable.

        What is not a plain no counts as a yes.
        """
        asked = environ.get(self.settings.strict_variable, "")
        return environment == "production" or not _NO.fullmatch(asked)


def start_up_of(policy: Policy) -> StartUp:
    """The policy's `[startup]`."""
    return StartUp(policy.startup)
