"""Asks the keeper about a value, by its rule. It loads no pandas: the start-up of a service asks it, too."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from audit_lib.base.bounded import SLOW, matches_glob, matches_whole, url_parts
from audit_lib.base.errors import BadInput
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, SecretRule

Examples = frozenset[str] | None  # fingerprints; None: no example was read
_CLASSES = {"lower": r"[a-z]", "upper": r"[A-Z]", "digit": r"[0-9]", "symbol": r"[^A-Za-z0-9]"}


@dataclass(frozen=True)
class ValueInForce:
    """A value in force, by fingerprint: the whole, and the component of it that is the secret."""

    keeper: Keeper
    whole: str
    part: str  # "" of a URL without a password: it leads somewhere and nothing guards it
    component: str  # whole | password

    def whole_is(self, question: Callable[[str], bool]) -> bool:
        """What a question about the whole value answers."""
        return self.keeper.ask(self.whole, question)

    @property
    def needs_none(self) -> bool:
        """Whether it is a URL to no host, as to a local file, or one that names no user and holds no key."""
        return not self.part and self.whole_is(
            lambda url: (
                (it := url_parts(url)) is None
                or not it.host
                or not (it.user or any(map(strength.looks_generated, re.split("[/?&=]", url))))
            )
        )

    def any_is(self, question: Callable[[str], bool]) -> bool:
        """Whether a question holds of the whole value or of its secret component."""
        return any(self.keeper.ask(mark, question) for mark in (self.whole, self.part) if mark)


def hold(keeper: Keeper, fingerprint: str, component: str) -> ValueInForce:
    """The value with its component taken out. What is no URL is judged as a whole: it may be the secret."""
    if component == "whole" or not keeper.ask(fingerprint, _is_url):
        return ValueInForce(keeper, fingerprint, fingerprint, "whole")
    part = keeper.part(fingerprint, strength.component(component)) or ""
    return ValueInForce(keeper, fingerprint, part, component)


def is_made_up(item: Any) -> bool:
    """Whether a value of the inventory is no secret: anyone can guess it, and an example or git shows it."""
    return bool(item.shown_by_git or (item.template and item.strength_bits < strength.GUESSABLE_BITS))


def _is_url(value: str) -> bool:
    return url_parts(value) is not None


def format_of(rule: SecretRule, environment: str) -> str:
    """The name of the format that a rule demands in an environment; "" if it demands none."""
    return rule.environment_formats.get(environment, rule.format)


def judge(
    held: ValueInForce, rule: SecretRule, policy: Policy, environment: str, examples: Examples
) -> dict[str, Any]:
    """The columns of Inventory that a value decides. `examples` are the fingerprints that example files hold.
    Null where the policy demands nothing, or no example was read. A slash at a setting's end does not count
    (docs/rules.md#rule-9). Parsers must read one password out of a URL (rule 27); of a URL to a local file,
    which needs none, nothing is demanded. A strong password may lack a kind of character (rule 24).
    """
    named = {"admin"} if rule.kind in ("identifier", "setting") else set()  # a user may be called so
    markers = *(it for it in policy.placeholders if it not in named), *rule.placeholders
    stated, expected = environment in rule.expected, rule.expected.get(environment, "").rstrip("/")
    forbidden = [_matches(held, name, policy) for name in rule.forbidden_formats if policy.formats.get(name)]
    ask: Callable[[Any], Any] = partial(held.keeper.ask, held.part) if held.part else (lambda of: of(""))
    length, bits = ask(len), ask(strength.strength_bits)
    mixed = ask(lambda value: all(re.search(_CLASSES[name], value) for name in rule.classes))
    judged = "short" if length < rule.min_length else "below good" if length < rule.good_length else "ok"
    return {
        "placeholder": held.any_is(lambda value: strength.is_placeholder(value, markers)),
        "compromised": held.any_is(
            lambda value: sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in policy.compromised
        ),
        "template": None if examples is None else not examples.isdisjoint({held.whole, held.part}),
        "default_ok": not held.any_is(partial(matches_glob, globs=rule.defaults)) if rule.defaults else None,
        "expected_ok": held.whole_is(lambda value: value.rstrip("/") == expected) if stated else None,
        "url_ok": held.whole_is(lambda url: getattr(url_parts(url), "unambiguous", False))
        if rule.component == "password" and held.whole_is(_is_url)
        else None,
        "format_ok": _matches(held, format_of(rule, environment), policy),
        "usual_format_ok": _matches(held, rule.usual_format, policy),
        "forbidden_format_ok": not any(forbidden) if rule.forbidden_formats else None,
        "length": judged if not held.needs_none and (rule.min_length or rule.good_length) else "",
        "classes_ok": mixed or bits >= rule.enough_bits > 0 if rule.classes and not held.needs_none else None,
        "strength_bits": 0.0 if held.needs_none else bits,
    }


def _matches(held: ValueInForce, name: str, policy: Policy) -> bool | None:
    pattern = policy.formats.get(name, "")
    try:
        return held.whole_is(partial(matches_whole, pattern)) if pattern else None
    except TimeoutError:
        raise BadInput.at(f"policy {policy.name}: formats.{name}", SLOW) from None
