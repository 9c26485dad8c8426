"""Asks the keeper about one value: placeholder, published, length, formats, strength, by its rule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from audit_lib.base.bounded import SLOW, TooSlow, matches_glob
from audit_lib.base.errors import BadInput
from audit_lib.secrecy import value_questions as values
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits
from audit_lib.settings import Policy, SecretRule


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
    if component == "whole" or not keeper.ask(fingerprint, values.is_url):
        return ValueInForce(keeper, fingerprint, fingerprint, "whole")
    return ValueInForce(
        keeper, fingerprint, keeper.part(fingerprint, values.component(component)) or "", component
    )


def is_made_up(template: Any, strength_bits: Any) -> bool:
    """Whether a value is what an example made up: it holds it and anyone can guess it, so it is no secret."""
    return template is True and strength_bits < values.GUESSABLE_BITS


def judge(
    held: ValueInForce, rule: SecretRule, policy: Policy, environment: str, examples: frozenset[str] | None
) -> dict[str, Any]:
    """The columns of Inventory that a value decides. `examples` are the fingerprints that example files hold.

    Null where the policy demands nothing, or where no example was read.
    """
    markers = policy.placeholders + rule.placeholders
    placeholder = partial(values.is_placeholder, markers=markers)
    listed = partial(values.is_listed, digests=policy.compromised)
    default = partial(matches_glob, globs=rule.defaults)
    expected = rule.expected.get(environment)
    password = rule.component == "password" and held.whole_is(values.is_url)
    return {
        "placeholder": held.any_is(placeholder),
        "compromised": held.any_is(listed),
        "template": None if examples is None else not examples.isdisjoint({held.whole, held.part}),
        "default_ok": not held.any_is(default) if rule.defaults else None,
        "expected_ok": None
        if expected is None
        else held.whole_is(partial(values.equals_text, expected=expected)),
        "url_ok": held.whole_is(values.is_unambiguous_url) if password else None,
        **_formats(held, rule, policy, environment),
        **_strength(held, rule),
    }


def _formats(
    held: ValueInForce, rule: SecretRule, policy: Policy, environment: str
) -> dict[str, bool | None]:
    def matches(name: str) -> bool | None:
        pattern = policy.formats.get(name, "")
        try:
            return held.whole_is(partial(values.has_format, pattern=pattern)) if pattern else None
        except TooSlow:
            raise BadInput.at(f"policy {policy.name}: formats.{name}", SLOW) from None

    forbidden = [matches(name) for name in rule.forbidden_formats]
    return {
        "format_ok": matches(format_of(rule, environment)),
        "usual_format_ok": matches(rule.usual_format),
        "forbidden_format_ok": not any(forbidden) if forbidden else None,
    }


def _strength(held: ValueInForce, rule: SecretRule) -> dict[str, Any]:
    """Length, kinds of characters and bits of the secret component; a missing password has none of them.

    A URL to a local file needs no password, so nothing is demanded of it.
    """
    if held.part == "" and not held.whole_is(values.has_host):
        return {"length": "", "classes_ok": None, "strength_bits": 0.0}
    length = held.keeper.ask(held.part, len) if held.part else 0
    bits = held.keeper.ask(held.part, strength_bits) if held.part else 0.0
    classes = partial(values.has_classes, classes=rule.classes, enough_bits=rule.enough_bits)
    judged = rule.min_length or rule.good_length
    return {
        "length": _length(length, rule) if judged else "",
        "classes_ok": (held.part != "" and held.keeper.ask(held.part, classes)) if rule.classes else None,
        "strength_bits": bits,
    }


def _length(length: int, rule: SecretRule) -> str:
    if length < rule.min_length:
        return "short"
    return "below good" if length < rule.good_length else "ok"


def format_of(rule: SecretRule, environment: str) -> str:
    """The name of the format that a rule demands in an environment; "" if it demands none."""
    return rule.environment_formats.get(environment, rule.format)
