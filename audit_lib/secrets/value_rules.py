"""Asks the keeper about one value: placeholder, published, length, formats, strength, by its rule."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from audit_lib.base.bounded import SLOW, TooSlow, matches_glob, matches_whole, url_parts
from audit_lib.base.errors import BadInput
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import (
    GUESSABLE_BITS,
    component as cut_component,
    is_placeholder,
    strength_bits,
)
from audit_lib.settings import Policy, SecretRule

_CLASSES = {"lower": r"[a-z]", "upper": r"[A-Z]", "digit": r"[0-9]", "symbol": r"[^A-Za-z0-9]"}


@dataclass(frozen=True)
class ValueInForce:
    """A value in force, by fingerprint: the whole, and the component of it that is the secret."""

    keeper: Keeper
    whole: str
    part: str
    component: str  # whole | password

    def whole_is(self, question: Callable[[str], bool]) -> bool:
        """What a question about the whole value answers."""
        return self.keeper.ask(self.whole, question)

    def any_is(self, question: Callable[[str], bool]) -> bool:
        """Whether a question holds of the whole value or of its secret component."""
        return self.whole_is(question) or (self.part != "" and self.keeper.ask(self.part, question))


def hold(keeper: Keeper, fingerprint: str, component: str) -> ValueInForce:
    """The value with its component taken out. What is not a URL is judged as a whole: it may be the secret.

    Of a URL without a password the part is "": it leads somewhere and nothing guards it.
    """
    if component == "whole" or not keeper.ask(fingerprint, _is_url):
        return ValueInForce(keeper, fingerprint, fingerprint, "whole")
    part = keeper.part(fingerprint, cut_component(component)) or ""
    return ValueInForce(keeper, fingerprint, part, component)


def is_made_up(template: Any, strength_bits: Any) -> bool:
    """Whether a value is what an example made up: it holds it and anyone can guess it, so it is no secret."""
    return template is True and strength_bits < GUESSABLE_BITS


def judge(
    held: ValueInForce, rule: SecretRule, policy: Policy, environment: str, examples: frozenset[str] | None
) -> dict[str, Any]:
    """The columns of Inventory that a value decides. `examples` are the fingerprints that example files hold.

    Null where the policy demands nothing, or where no example was read.
    """
    expected = rule.expected.get(environment)
    markers = policy.placeholders + rule.placeholders
    forbidden = [_matches(held, name, policy) for name in rule.forbidden_formats if policy.formats.get(name)]
    password = rule.component == "password" and held.whole_is(_is_url)
    return {
        "placeholder": held.any_is(partial(is_placeholder, markers=markers)),
        "compromised": held.any_is(partial(is_listed, digests=policy.compromised)),
        "template": None if examples is None else not examples.isdisjoint({held.whole, held.part}),
        "default_ok": not held.any_is(partial(matches_glob, globs=rule.defaults)) if rule.defaults else None,
        "expected_ok": None if expected is None else held.whole_is(partial(equals_text, expected=expected)),
        "url_ok": held.whole_is(is_unambiguous_url) if password else None,
        "format_ok": _matches(held, format_of(rule, environment), policy),
        "usual_format_ok": _matches(held, rule.usual_format, policy),
        "forbidden_format_ok": not any(forbidden) if rule.forbidden_formats else None,
        **_strength(held, rule),
    }


def has_host(value: str) -> bool:
    """Whether a value is a connection URL that leads to a host, as one to a local file does not."""
    parts = url_parts(value)
    return parts is not None and parts.host != ""


def is_listed(value: str, digests: tuple[str, ...]) -> bool:
    """Whether the SHA-256 of a value is in a list of values known to be public."""
    return sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in digests


def equals_text(value: str, expected: str) -> bool:
    """Whether a setting is the text expected; a slash at its end does not matter (docs/rules.md#rule-9)."""
    return value.rstrip("/") == expected.rstrip("/")


def is_unambiguous_url(value: str) -> bool:
    """Whether every parser reads the same password out of a connection URL (docs/rules.md#rule-27)."""
    parts = url_parts(value)
    return parts is not None and parts.unambiguous


def has_classes(value: str, classes: tuple[str, ...], enough_bits: int) -> bool:
    """Whether a password holds these kinds of characters, or is strong without (docs/rules.md#rule-24)."""
    strong = enough_bits > 0 and strength_bits(value) >= enough_bits
    return strong or all(re.search(_CLASSES[name], value) for name in classes)


def _is_url(value: str) -> bool:
    return url_parts(value) is not None


def format_of(rule: SecretRule, environment: str) -> str:
    """The name of the format that a rule demands in an environment; "" if it demands none."""
    return rule.environment_formats.get(environment, rule.format)


def _matches(held: ValueInForce, name: str, policy: Policy) -> bool | None:
    pattern = policy.formats.get(name, "")
    try:
        return held.whole_is(partial(matches_whole, pattern)) if pattern else None
    except TooSlow:
        raise BadInput.at(f"policy {policy.name}: formats.{name}", SLOW) from None


def _strength(held: ValueInForce, rule: SecretRule) -> dict[str, Any]:
    """Length, kinds of characters and bits of the secret component; a missing password has none of them.

    A URL to a local file needs no password, so nothing is demanded of it.
    """
    if held.part == "" and not held.whole_is(has_host):
        return {"length": "", "classes_ok": None, "strength_bits": 0.0}
    length = held.keeper.ask(held.part, len) if held.part else 0
    judged = "short" if length < rule.min_length else "below good" if length < rule.good_length else "ok"
    classes = partial(has_classes, classes=rule.classes, enough_bits=rule.enough_bits)
    return {
        "length": judged if rule.min_length or rule.good_length else "",
        "classes_ok": (held.part != "" and held.keeper.ask(held.part, classes)) if rule.classes else None,
        "strength_bits": held.keeper.ask(held.part, strength_bits) if held.part else 0.0,
    }
