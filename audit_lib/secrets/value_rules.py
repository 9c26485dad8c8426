"""Asks the keeper about one value: placeholder, published, length, formats, strength, by its rule."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from audit_lib.base.bounded import SLOW, TooSlow, matches_glob
from audit_lib.base.errors import BadInput
from audit_lib.secrecy import strength, value_questions as values
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
    part = keeper.part(fingerprint, strength.component(component)) or ""
    return ValueInForce(keeper, fingerprint, part, component)


def is_made_up(template: Any, strength_bits: Any) -> bool:
    """Whether a value is what an example made up: it holds it and anyone can guess it, so it is no secret."""
    return template is True and strength_bits < strength.GUESSABLE_BITS


def judge(
    held: ValueInForce, rule: SecretRule, policy: Policy, environment: str, examples: frozenset[str] | None
) -> dict[str, Any]:
    """The columns of Inventory that a value decides. `examples` are the fingerprints that example files hold.

    Null where the policy demands nothing, or where no example was read.
    """
    default = partial(matches_glob, globs=rule.defaults)
    expected = rule.expected.get(environment)
    same = partial(values.equals_text, expected=expected or "")
    password = rule.component == "password" and held.whole_is(values.is_url)
    formats = policy.formats
    forbidden = [_matches(held, name, policy) for name in rule.forbidden_formats if formats.get(name)]
    return {
        "placeholder": held.any_is(
            partial(strength.is_placeholder, markers=policy.placeholders + rule.placeholders)
        ),
        "compromised": held.any_is(partial(values.is_listed, digests=policy.compromised)),
        "template": None if examples is None else not examples.isdisjoint({held.whole, held.part}),
        "default_ok": not held.any_is(default) if rule.defaults else None,
        "expected_ok": None if expected is None else held.whole_is(same),
        "url_ok": held.whole_is(values.is_unambiguous_url) if password else None,
        "format_ok": _matches(held, format_of(rule, environment), policy),
        "usual_format_ok": _matches(held, rule.usual_format, policy),
        "forbidden_format_ok": not any(forbidden) if rule.forbidden_formats else None,
        **_strength(held, rule),
    }


def format_of(rule: SecretRule, environment: str) -> str:
    """The name of the format that a rule demands in an environment; "" if it demands none."""
    return rule.environment_formats.get(environment, rule.format)


def _matches(held: ValueInForce, name: str, policy: Policy) -> bool | None:
    pattern = policy.formats.get(name, "")
    try:
        return held.whole_is(partial(values.has_format, pattern=pattern)) if pattern else None
    except TooSlow:
        raise BadInput.at(f"policy {policy.name}: formats.{name}", SLOW) from None


def _strength(held: ValueInForce, rule: SecretRule) -> dict[str, Any]:
    """Length, kinds of characters and bits of the secret component; a missing password has none of them.

    A URL to a local file needs no password, so nothing is demanded of it.
    """
    if held.part == "" and not held.whole_is(values.has_host):
        return {"length": "", "classes_ok": None, "strength_bits": 0.0}
    length = held.keeper.ask(held.part, len) if held.part else 0
    judged = "short" if length < rule.min_length else "below good" if length < rule.good_length else "ok"
    classes = partial(values.has_classes, classes=rule.classes, enough_bits=rule.enough_bits)
    return {
        "length": judged if rule.min_length or rule.good_length else "",
        "classes_ok": (held.part != "" and held.keeper.ask(held.part, classes)) if rule.classes else None,
        "strength_bits": held.keeper.ask(held.part, strength_bits) if held.part else 0.0,
    }
