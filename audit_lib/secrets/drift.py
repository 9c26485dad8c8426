"""Compares values between places: pairs, environments, names and example files, by fingerprint alone."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.bounded import url_parts
from audit_lib.base.frames import rows
from audit_lib.base.in_words import letters
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import Drift
from audit_lib.secrets.value_rules import hold, is_made_up
from audit_lib.settings import Policy
from audit_lib.settings.kinds import of_one_store

_LARGE_GROUP = 12
SECRET_KINDS = ("secret", "unlisted")
# Of a connection URL: where it leads must differ between environments, its database may be called alike.
_URL_PARTS = {"user": "different", "host": "different", "database": "any"}


class HeldValue(NamedTuple):
    """One place that holds, or should hold, a value: a row of Inventory, or of an example file."""

    secret: str
    environment: str
    service: str
    kind: str
    component: str
    fingerprint: str | None  # None: not available
    whole: str | None
    own: bool  # a value of its own: neither placeholder, nor empty, nor what an example made up
    absent: bool = False  # provably: its place was supplied and holds none


class Pair(NamedTuple):
    """Two places to compare, and what is expected of them."""

    one: HeldValue
    other: HeldValue
    component: str
    expected: str
    why: str


def compare_places(
    inventory: pd.DataFrame, entries: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`Drift`: what must be equal, what must differ, and what is equal without need.

    A pair of which one value is not available is "unknown"; only what provably holds no value cannot hold
    the same one. Pairs of different names and of example files are rows only if the values are the
    same. Group letters are given by first appearance, so that they say nothing of a fingerprint.
    """
    wholes = {(row.source, row.line, row.name): row.fingerprint for row in rows(entries)}
    held = [_held(row, wholes) for row in rows(inventory)]
    pairs = [
        *_paired(held, policy),
        *_across_environments(held, policy, keeper),
        *_across_names(held, policy),
        *_examples(held, entries, policy, keeper),
    ]
    groups: dict[str, str] = {}
    for fingerprint in (value.fingerprint for pair in pairs for value in pair[:2]):
        if fingerprint:
            groups.setdefault(fingerprint, f"value {letters(len(groups))}")
    return Drift.of(_row(pair, groups) for pair in pairs)


def _held(row: Any, wholes: dict[tuple[Any, ...], str | None]) -> HeldValue:
    """A row of the inventory as a place; the whole value's fingerprint is that of its line."""
    whole = wholes[row.source, row.line, row.variable] if row.placeholder is not None else None
    made_up = is_made_up(row.template, row.strength_bits)
    own = row.fingerprint is not None and row.placeholder is False and not made_up
    absent = row.state in ("missing", "empty") or (whole is not None and row.fingerprint is None)
    place = (row.secret, row.environment, row.service, row.kind, row.component)
    return HeldValue(*place, row.fingerprint, whole, own, absent)


def _paired(held: list[HeldValue], policy: Policy) -> Iterator[Pair]:
    """What the policy demands to be equal or to differ, in each environment.

    Sources: docs/rules.md#rule-42, docs/rules.md#rule-44.
    """
    homes = {(name, rule.service) for rule in policy.secrets for name in (rule.name, *rule.aliases)}
    at_home = [value for value in held if (value.secret, value.service) in homes]
    # Two names of one variable in one place: with two values nobody knows which counts.
    equal = {frozenset((r.name, other)) for r in policy.secrets for other in (*r.equals, *r.aliases)}
    differ = {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}
    for expected, why, names in (("same", "pairing", equal), ("different", "must differ", differ)):
        for one, other in combinations(at_home, 2):
            if one.environment == other.environment and frozenset((one.secret, other.secret)) in names:
                yield Pair(one, other, "whole", expected, why)


def _across_environments(held: list[HeldValue], policy: Policy, keeper: Keeper) -> Iterator[Pair]:
    """One variable in two environments: a secret must differ, a setting may be equal.

    Sources: docs/rules.md#rule-61, docs/rules.md#rule-62, docs/rules.md#rule-63, docs/rules.md#rule-66.
    """
    for one, other in _pairs_of_a_group(held, lambda value: (value.secret, value.service)):
        rule = policy.rule(one.secret)
        may_share = not {one.kind, other.kind} <= set(SECRET_KINDS) or (rule is not None and rule.shared)
        yield Pair(one, other, one.component, "any" if may_share else "different", "environments")
        if "password" in (one.component, other.component) and one.whole and other.whole:
            # This very machine is another one in each environment.
            local = all(keeper.ask(mark, _leads_here) for mark in (one.whole, other.whole))
            for part, expected in _URL_PARTS.items():
                cut = (_part(one, part, keeper), _part(other, part, keeper))
                yield Pair(*cut, part, "any" if may_share or local else expected, "environments")


def _leads_here(value: str) -> bool:
    parts = url_parts(value)
    return parts is not None and parts.host in ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104


def _part(value: HeldValue, part: str, keeper: Keeper) -> HeldValue:
    """The same place with a component's fingerprint; a host or a name is not a secret, so it is not kept."""
    cut = keeper.part(str(value.whole), strength.component(part), keep=False)
    return value._replace(fingerprint=cut, absent=value.absent or cut is None)


def _across_names(held: list[HeldValue], policy: Policy) -> Iterator[Pair]:
    """One value under two names, in one environment or in two (docs/rules.md#rule-64)."""
    paired = _declared(policy)
    alike = list(_pairs_of_a_group(_secrets(held), lambda value: value.fingerprint))
    moved = {
        (one.secret, frozenset((one.environment, other.environment)))
        for one, other in alike
        if one.secret == other.secret
    }
    for one, other in alike:
        between = frozenset((one.environment, other.environment))
        names = (_rule_name(one.secret, policy), _rule_name(other.secret, policy))
        if names[0] == names[1]:
            # The same place or service was compared above.
            if one.environment != other.environment and one.service != other.service:
                yield Pair(one, other, "whole", "different", "environments")
        # Of a pair, what either name shows across environments is told there, not four times over.
        elif frozenset(names) not in paired or not (
            len(between) == 1 or moved & {(name, between) for name in names}
        ):
            coupled = len(between) == 1 and of_one_store(*names)
            yield Pair(one, other, "whole", *(("any", "coupled") if coupled else ("different", "names")))


def _declared(policy: Policy) -> set[frozenset[str]]:
    """The pairs that the policy compares, and those that it makes equal through a third."""
    groups: list[set[str]] = []
    for rule in policy.secrets:
        group = {rule.name, *rule.equals}
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group] + [group.union(*joined)]
    equal = {frozenset(pair) for group in groups for pair in combinations(sorted(group), 2)}
    return equal | {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}


def _pairs_of_a_group(
    members: Iterable[HeldValue], group: Callable[[HeldValue], Hashable]
) -> Iterator[tuple[HeldValue, HeldValue]]:
    """The pairs of each group, groups by first appearance; of a large one, each with its first member."""
    groups: dict[Hashable, list[HeldValue]] = defaultdict(list)
    for member in members:
        groups[group(member)].append(member)
    for found in groups.values():
        # All pairs of a file of one value thousands of times would say no more than this.
        many = len(found) > _LARGE_GROUP
        yield from ((found[0], other) for other in found[1:]) if many else combinations(found, 2)


def _secrets(held: list[HeldValue]) -> list[HeldValue]:
    """The places that hold a secret of their own."""
    return [value for value in held if value.kind in SECRET_KINDS and value.own]


def _rule_name(name: str, policy: Policy) -> str:
    rule = policy.rule(name)
    return rule.name if rule else name


def _examples(held: list[HeldValue], entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> Iterator[Pair]:
    """A secret in force that an example file holds as well (docs/rules.md#rule-55).

    One that can be guessed was copied from the example, not into it: that is told as a template in use.
    """
    holders: dict[str | None, list[HeldValue]] = defaultdict(list)
    for value in _secrets(held):
        holders[value.fingerprint].append(value)
    for entry in rows(entries[(entries["kind"] == "example") & entries["fingerprint"].notna()]):
        rule = policy.rule(entry.name)
        part = hold(keeper, entry.fingerprint, rule.component).part if rule else entry.fingerprint
        facts = (_rule_name(entry.name, policy), "", entry.service, "", "", part or entry.fingerprint)
        for value in holders.get(part or entry.fingerprint, ())[:_LARGE_GROUP]:
            yield Pair(value, HeldValue(*facts, entry.fingerprint, own=True), "whole", "different", "example")


def _row(pair: Pair, named: dict[str, str]) -> dict[str, Any]:
    one, other, expected = pair.one, pair.other, pair.expected
    relation, group = "unknown", ""
    if one.fingerprint and other.fingerprint:
        relation = "same" if one.fingerprint == other.fingerprint else "different"
        group = ", ".join(dict.fromkeys((named[one.fingerprint], named[other.fingerprint])))
    elif expected != "same" and (one.absent or other.absent):
        relation = "different"
    if relation == "same" and expected == "different" and not one.own and not other.own:
        expected = "any"  # two placeholders are a fault of each: they are no reuse of a secret
    names = ("secret", "environment", "service")
    places = {
        **dict(zip(names, one, strict=False)),
        **dict(zip((f"other_{n}" for n in names), other, strict=False)),
    }
    facts = {"component": pair.component, "relation": relation, "expected": expected, "why": pair.why}
    return {**places, **facts, "group": group}
