"""Compares values between places: pairs, environments, names and example files, by fingerprint alone."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from audit_lib.base.in_words import letters
from audit_lib.secrecy import strength, value_questions as values
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import Drift
from audit_lib.secrets.value_rules import is_made_up
from audit_lib.settings import Policy, SecretRule
from audit_lib.settings.kinds import of_one_store

T = TypeVar("T")
_LARGE_GROUP = 12
SECRET_KINDS = ("secret", "unlisted")
# Of a connection URL: where it leads must differ between environments, its database may be called alike.
_URL_PARTS = {"user": "different", "host": "different", "database": "any"}


class HeldValue(NamedTuple):
    """One place that holds, or should hold, a value: a row of Inventory, or of an example file."""

    secret: str
    environment: str
    service: str
    fingerprint: str | None  # None: not at hand
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
    columns = ["source", "line", "name", "fingerprint"]
    wholes = {tuple(line): str(mark) for *line, mark in entries[columns].dropna().itertuples(index=False)}
    rows = [_value(row, wholes) for row in inventory.to_dict("records")]
    pairs = [
        *_paired(rows, policy),
        *_across_environments(inventory, rows, policy, keeper),
        *_across_names(inventory, rows, policy),
        *_examples(inventory, rows, entries, policy, keeper),
    ]
    groups: dict[str, str] = {}
    for fingerprint in (value.fingerprint for pair in pairs for value in pair[:2]):
        if fingerprint:
            groups.setdefault(fingerprint, f"value {letters(len(groups))}")
    return Drift.of([_row(pair, groups) for pair in pairs])


def _value(row: dict[Any, Any], wholes: dict[tuple[Any, ...], str]) -> HeldValue:
    """A row of the inventory as a place; the whole value's fingerprint is that of its line."""
    fingerprint = None if pd.isna(row["fingerprint"]) else str(row["fingerprint"])
    whole = None
    if row["state"] == "present" and not pd.isna(row["placeholder"]):
        whole = wholes[row["source"], row["line"], row["variable"]]
    made_up = is_made_up(row["template"], row["strength_bits"])
    own = fingerprint is not None and row["placeholder"] is False and not made_up
    absent = row["state"] in ("missing", "empty") or (whole is not None and fingerprint is None)
    return HeldValue(row["secret"], row["environment"], row["service"], fingerprint, whole, own, absent)


def _paired(rows: list[HeldValue], policy: Policy) -> Iterator[Pair]:
    """What the policy demands to be equal or to differ, in each environment.

    Sources: docs/rules.md#rule-42, docs/rules.md#rule-44.
    """
    at_home = _at_home(rows, policy)
    for expected, why, others in (("same", "pairing", "equals"), ("different", "must differ", "differs")):
        names = {frozenset((rule.name, other)) for rule in policy.secrets for other in getattr(rule, others)}
        if expected == "same":
            # Two names of one variable in one place: with two values nobody knows which counts.
            names |= {frozenset((rule.name, alias)) for rule in policy.secrets for alias in rule.aliases}
        for one, other in combinations(at_home, 2):
            if one.environment == other.environment and frozenset((one.secret, other.secret)) in names:
                yield Pair(one, other, "whole", expected, why)


def _at_home(rows: list[HeldValue], policy: Policy) -> list[HeldValue]:
    """The rows of the policy's variables in their own services."""
    homes = {(name, rule.service) for rule in policy.secrets for name in (rule.name, *rule.aliases)}
    return [value for value in rows if (value.secret, value.service) in homes]


def _across_environments(
    inventory: pd.DataFrame, rows: list[HeldValue], policy: Policy, keeper: Keeper
) -> Iterator[Pair]:
    """One variable in two environments: a secret must differ, a setting may be equal.

    Sources: docs/rules.md#rule-61, docs/rules.md#rule-62, docs/rules.md#rule-63, docs/rules.md#rule-66.
    """
    described = zip(rows, inventory["component"], inventory["kind"], strict=True)
    for pair in _pairs_of_a_group(described, lambda one: (one[0].secret, one[0].service)):
        (one, component, kind), (other, other_component, other_kind) = pair
        rule = policy.rule(one.secret)
        may_share = not {kind, other_kind} <= set(SECRET_KINDS) or (rule is not None and rule.shared)
        yield Pair(one, other, component, "any" if may_share else "different", "environments")
        if "password" in (component, other_component) and one.whole and other.whole:
            for part, expected in _URL_PARTS.items():
                # This very machine is another one in each environment.
                here = may_share or (_is_local(one, keeper) and _is_local(other, keeper))
                cut = (_part(one, part, keeper), _part(other, part, keeper))
                yield Pair(cut[0], cut[1], part, "any" if here else expected, "environments")


def _part(value: HeldValue, part: str, keeper: Keeper) -> HeldValue:
    """The same place with a component's fingerprint; a host or a name is not a secret, so it is not kept."""
    cut = keeper.part(value.whole, strength.component(part), keep=False) if value.whole else None
    return value._replace(fingerprint=cut, absent=value.absent or (value.whole is not None and cut is None))


def _is_local(value: HeldValue, keeper: Keeper) -> bool:
    return value.whole is not None and keeper.ask(value.whole, values.has_local_host)


def _across_names(inventory: pd.DataFrame, rows: list[HeldValue], policy: Policy) -> Iterator[Pair]:
    """One value under two names, in one environment or in two (docs/rules.md#rule-64)."""
    paired = _declared(policy)
    secrets = _secrets(inventory, rows)
    alike = list(_pairs_of_a_group(secrets, lambda value: value.fingerprint))
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
        if rule.equals:
            group = {rule.name, *rule.equals}
            joined = [other for other in groups if other & group]
            groups = [other for other in groups if not other & group] + [group.union(*joined)]
    equal = {frozenset(pair) for group in groups for pair in combinations(sorted(group), 2)}
    return equal | {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}


def _pairs_of_a_group(members: Iterable[T], group: Callable[[T], Hashable]) -> Iterator[tuple[T, T]]:
    """The pairs of each group, groups by first appearance; of a large one, each with its first member."""
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for member in members:
        groups[group(member)].append(member)
    for found in groups.values():
        # All pairs of a file of one value thousands of times would say no more than this.
        many = len(found) > _LARGE_GROUP
        yield from ((found[0], other) for other in found[1:]) if many else combinations(found, 2)


def _secrets(inventory: pd.DataFrame, rows: list[HeldValue]) -> list[HeldValue]:
    """The rows that hold a secret of their own."""
    kinds = zip(rows, inventory["kind"], strict=True)
    return [value for value, kind in kinds if kind in SECRET_KINDS and value.own]


def _rule_name(name: str, policy: Policy) -> str:
    rule = policy.rule(name)
    return rule.name if rule else name


def _examples(
    inventory: pd.DataFrame, rows: list[HeldValue], entries: pd.DataFrame, policy: Policy, keeper: Keeper
) -> Iterator[Pair]:
    """A secret in force that an example file holds as well (docs/rules.md#rule-55).

    One that can be guessed was copied from the example, not into it: that is told as a template in use.
    """
    shown = entries[(entries["kind"] == "example") & entries["fingerprint"].notna()]
    holders: dict[str | None, list[HeldValue]] = defaultdict(list)
    for value in _secrets(inventory, rows):
        holders[value.fingerprint].append(value)
    for entry in shown.to_dict("records"):
        rule = policy.rule(entry["name"])
        part = _example_part(entry["fingerprint"], rule, keeper)
        name = rule.name if rule else entry["name"]
        example = HeldValue(name, "", entry["service"], part, entry["fingerprint"], own=True)
        for value in holders.get(part, ())[:_LARGE_GROUP]:
            yield Pair(value, example, "whole", "different", "example")


def _example_part(fingerprint: str, rule: SecretRule | None, keeper: Keeper) -> str:
    """The fingerprint of an example's secret component."""
    if rule is None or rule.component == "whole":
        return fingerprint
    return keeper.part(fingerprint, strength.component(rule.component)) or fingerprint


def _row(pair: Pair, named: dict[str, str]) -> dict[str, Any]:
    one, other = pair.one, pair.other
    relation = "unknown"
    if one.fingerprint and other.fingerprint:
        relation = "same" if one.fingerprint == other.fingerprint else "different"
    elif pair.expected != "same" and (one.absent or other.absent):
        relation = "different"
    # Two placeholders are a fault of each, told elsewhere: they are no reuse of a secret.
    placeholders = relation == "same" and not one.own and not other.own
    expected = "any" if placeholders and pair.expected == "different" else pair.expected
    groups: dict[str, None] = {}
    if one.fingerprint and other.fingerprint:
        groups = dict.fromkeys((named[one.fingerprint], named[other.fingerprint]))
    return {
        "secret": one.secret,
        "environment": one.environment,
        "service": one.service,
        "other_secret": other.secret,
        "other_environment": other.environment,
        "other_service": other.service,
        "component": pair.component,
        "relation": relation,
        "expected": expected,
        "why": pair.why,
        "group": ", ".join(groups),
    }
