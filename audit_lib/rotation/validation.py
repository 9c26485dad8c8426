"""Validates a service's secrets when it starts, without pandas or a notebook, and makes values that pass."""

import re
import secrets
import string
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import log2
from typing import NamedTuple

from audit_lib.base.bounded import matches_glob, url_parts
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import counted
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.value_rules import format_of, hold, judge
from audit_lib.settings import Policy, SecretRule

FORBIDDEN = "has a format that is forbidden here, such as that of a live or an admin key"
_NO = re.compile(r"\s*(0|false|no|off|)\s*", re.IGNORECASE)
LEAST_BYTES = 16  # 128 bits
PASSWORD_CHARACTERS = 32  # of 65 signs: 192 bits
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-._")  # RFC 3986, 2.3, but ~
# A form that programs read: a prefix (Laravel's `base64:`), then signs of the first kind here, or base64.
_FORM = re.compile(r"\A([A-Za-z]\w{0,15}:)?(?:([A-Za-z0-9]+)|([\w+/-]+)(={0,2}))\Z", re.ASCII)
_LETTERS = (*_KINDS[:2], string.ascii_letters)
_PLAIN = (string.digits, "ABCDEF0123456789", string.hexdigits, *(f"{one}{string.digits}" for one in _LETTERS))


class InvalidSecret(NamedTuple):
    """A variable that must not be as it is; `fault` never holds a value."""

    name: str
    required: bool
    fault: str


class Validation(NamedTuple):
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
        if self.invalid:
            faults = (f"   {it.name}{' (REQUIRED)' * it.required}: {it.fault}" for it in self.invalid)
            return "SECRET VALIDATION FAILED!", f"Missing or invalid secrets detected in {place}:", *faults
        judged = f"{place}: {counted(self.checked, 'variable')} judged"
        none = f"No secret was validated ({place}: none is set, and the policy requires none)"
        return (f"All required secrets validated successfully ({judged})" if self.checked else none,)


def validate(
    values: Mapping[str, str],
    policy: Policy,
    environment: str,
    service: str,
    unknown: frozenset[str] = frozenset(),
) -> Validation:
    """The validation of one service's variables by all rules of a policy; it passes if nothing is invalid.

    `values` are what the application will use, its defaults included, by name; `unknown` are names that are
    set, to a value that is not known, which is never valid. Of a rule and its aliases the first counts that
    is not blank.
    """
    rules = [rule for rule in policy.secrets if rule.service == service]
    named = {rule.name: [values.get(name, "") for name in (rule.name, *rule.aliases)] for rule in rules}
    held = {name: next((value for value in several if value.strip()), "") for name, several in named.items()}
    invalid = []
    for rule in rules:
        always = rule.required == "always" and (not rule.required_in or environment in rule.required_in)
        required, value = always or rule.required == environment == "production", held[rule.name]
        if not unknown.isdisjoint({rule.name, *rule.aliases}):
            faults = ["is set, but its value is not known: the loaders of env files read it differently"]
        elif value:
            faults = [*value_faults(rule, value, policy, environment), *_pair_faults(rule, held)]
        else:
            faults = ["is missing or empty"] if required else []
        invalid += [InvalidSecret(rule.name, required, fault) for fault in faults]
    return Validation(service, environment, sum(map(bool, held.values())), tuple(invalid))


def value_faults(rule: SecretRule, value: str, policy: Policy, environment: str) -> Iterator[str]:
    """Why a value cannot be the service's own; else each way in which it is not as the rule demands.

    A placeholder, a published value, a default in production and a short value have that fault alone.
    """
    keeper = Keeper(Key.throw_away())
    judged = judge(hold(keeper, keeper.take(value), rule.component), rule, policy, environment, None)
    gravest = {
        "is a placeholder, not a real value": judged["placeholder"],
        "is a value that was published": judged["compromised"],
        "is a default that everyone knows": judged["default_ok"] is False and environment == "production",
        f"must be at least {rule.min_length} characters long": judged["length"] == "short",
    }
    grave = [text for text, holds in gravest.items() if holds]
    demanded = {
        "format_ok": f"must have the format {format_of(rule, environment)}",
        "expected_ok": f"is not the value that the policy states for {environment}",
        "forbidden_format_ok": FORBIDDEN,
        "classes_ok": "lacks a kind of character that the policy requires, and is not strong without it",
        "url_ok": "has a password with a reserved character that is not percent-encoded",
    }
    yield from grave[:1] or [text for column, text in demanded.items() if judged[column] is False]


def _pair_faults(rule: SecretRule, held: Mapping[str, str]) -> Iterator[str]:
    for other in (*rule.equals, *rule.differs):
        if held.get(other) and (held[other] == held[rule.name]) is (other in rule.differs):
            yield f"must {'not ' if other in rule.differs else ''}be the same as {other}"


def environment_shown(policy: Policy, environ: Mapping[str, str]) -> str:
    """Production if any of the policy's signs, which a platform documents, is there; else development."""
    known = policy.startup.production_signs.items()
    signs = any(matches_glob(environ[name], (glob,)) for name, glob in known if name in environ)
    return "production" if signs else "development"


def is_strict(policy: Policy, environ: Mapping[str, str], environment: str) -> bool:
    """Whether a failure stops a start: in production, or if the variable is not blank, 0, false, no, off."""
    return environment == "production" or not _NO.fullmatch(environ.get(policy.startup.strict_variable, ""))


def made_value(rule: SecretRule, policy: Policy, environment: str, old: str = "") -> str:
    """A value that passes the policy's rules, of 128 random bits or more, in the old form if they state none.

    `BadInput` for a setting, a value that only its provider can issue, or rules that no random value meets.
    """
    place = f"secret {rule.name}"
    BadInput.unless(rule.kind == "secret", place, f"is a {rule.kind}: it is not made at random")
    if rule.obtain and not rule.generate and rule.component == "whole":
        raise BadInput.at(place, f"is issued by its provider ({rule.obtain}): enter it with --given")
    tries = (_random(rule, form) for form in (old, "") for _ in range(100))
    good = next((one for one in tries if not any(new_value_faults(rule, one, policy, environment))), "")
    BadInput.unless(good, place, "has rules that no random value of its form meets: make it by hand")
    return good


def new_value_faults(rule: SecretRule, value: str, policy: Policy, environment: str) -> Iterator[str]:
    """The faults of a new value; of a URL's password alone, those that do not concern the URL."""
    if rule.component == "password" and url_parts(value) is None:
        rule = replace(rule, component="whole", format="", environment_formats={})
    return value_faults(rule, value, policy, environment)


def _random(rule: SecretRule, old: str) -> str:
    """By token_hex(N) or token_urlsafe(N) as the rule says, else in the old value's form.

    A password, or what needs kinds of characters, has all four, and begins with a letter: `-` begins options.
    """
    if rule.component == "password" or rule.classes:
        signs = [*_KINDS, *["".join(_KINDS)] * (PASSWORD_CHARACTERS - len(_KINDS) - 1)]
        secrets.SystemRandom().shuffle(signs)
        return "".join(map(secrets.choice, (string.ascii_letters, *signs)))
    found = re.search(r"token_(urlsafe|hex)\((\d+)\)", rule.generate)
    make = secrets.token_hex if found and found[1] == "hex" else secrets.token_urlsafe
    return _alike("" if found else old) or make(max(int(found[2]) if found else 32, LEAST_BYTES))


def _alike(old: str) -> str:
    """Random signs of an old value's kind, as many, behind its prefix; "" for no form, or below 128 bits."""
    prefix, plain, coded, padding = next(iter(_FORM.findall(old)), ("",) * 4)
    signs = next(signs for signs in _PLAIN if {*plain} <= {*signs}).removesuffix("ABCDEF")
    made = b64encode(secrets.token_bytes(len(coded) * 3 // 4), b"-_" if re.search("[-_]", coded) else b"+/")
    text = made.decode("ascii").rstrip("=").ljust(len(coded), secrets.choice(string.ascii_letters))
    text += padding + "".join(map(secrets.choice, [signs] * len(plain)))
    return prefix + text if len(plain) * log2(len(signs)) + len(coded) * 6 >= LEAST_BYTES * 8 else ""
