"""Makes a new value by the policy's rule for a variable: random, long enough, and safe in files and URLs."""

import re
import secrets
import string
from collections.abc import Iterator
from dataclasses import replace

from audit_lib.base.errors import BadInput
from audit_lib.rotation.validation import value_faults
from audit_lib.settings import Policy, SecretRule

LEAST_BYTES = 16  # 128 bits
PASSWORD_CHARACTERS = 32  # of 65 signs: 192 bits
# The unreserved signs of a URL (RFC 3986, 2.3) but for ~, which a shell expands at a word's beginning.
_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-._")
_COMMAND = re.compile(r"token_(urlsafe|hex)\((\d+)\)")
_TRIES = 100


def made_value(rule: SecretRule, policy: Policy, environment: str) -> str:
    """A value that passes the policy's rules for the variable, with 128 random bits or more.

    As the rule's `generate` says (token_urlsafe(N), token_hex(N)); for the password of a URL, or if the rule
    demands kinds of characters, 32 signs of all four kinds; else token_urlsafe(32).

    Raises:
        BadInput: a setting, a value that only its provider can issue, or rules that no such value meets.
    """
    place = f"secret {rule.name}"
    if rule.kind != "secret":
        raise BadInput.at(place, f"is a {rule.kind}: it is not made at random")
    if rule.obtain and not rule.generate and rule.component == "whole":
        raise BadInput.at(place, f"is issued by its provider ({rule.obtain}): enter it with --given")
    for _ in range(_TRIES):
        value = _random(rule)
        if not tuple(new_value_faults(rule, value, policy, environment)):
            return value
    raise BadInput.at(place, "has rules in the policy that no random value meets: make it by hand")


def new_value_faults(rule: SecretRule, value: str, policy: Policy, environment: str) -> Iterator[str]:
    """The faults of a new value; of a URL's password alone, those that do not concern the URL."""
    if rule.component == "password" and "://" not in value:
        rule = replace(rule, component="whole", format="", environment_formats={}, usual_format="")
    return value_faults(rule, value, policy, environment)


def _random(rule: SecretRule) -> str:
    if rule.component == "password" or rule.classes:
        return _password()
    found = _COMMAND.search(rule.generate)
    size = max(int(found[2]) if found else 32, LEAST_BYTES)
    return secrets.token_hex(size) if found and found[1] == "hex" else secrets.token_urlsafe(size)


def _password() -> str:
    """Signs of all kinds in a random order; a letter begins it, since a `-` could begin an option."""
    signs = [secrets.choice(kind) for kind in _KINDS]
    signs += [secrets.choice("".join(_KINDS)) for _ in range(PASSWORD_CHARACTERS - len(signs) - 1)]
    secrets.SystemRandom().shuffle(signs)
    return secrets.choice(string.ascii_letters) + "".join(signs)
