"""Compares values between places: pairs, environments, names and example files, by fingerprint alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import url_parts
from audit_lib.base.frames import Field, Series, rows
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import GUESSABLE_BITS, component
from audit_lib.secrets.inventory import OfSecret, rule_name, values_of_examples
from audit_lib.settings import Policy
from audit_lib.settings.variables import of_one_store

LARGE_GROUP = 12  # of one value under thousands of names the pairs of its first place say enough
SECRET_KINDS = ("secret", "unlisted")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  another one in each environment


class Drift(OfSecret):
    """One row for each pair of places that hold the same or, where they must be equal, another value."""

    other_secret: Series[str]
    other_environment: Series[str]  # "" of an example file
    other_service: Series[str]
    component: Series[str]  # whole | password | user | host
    relation: Series[str] = Field(isin=("same", "different", "unknown"))
    expected: Series[str] = Field(isin=("same", "different", "any"))
    why: Series[str]  # pairing | environments | names | coupled | must differ | example


def compare_places(
    inventory: pd.DataFrame, entries: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`Drift`: what must be equal, what must differ, and what is equal without need.

    A pair of which one value is not available is "unknown"; only what provably holds no value cannot hold
    the same one. Pairs of different names and of example files are rows only if the values are the same.
    """
    missing = inventory["fingerprint"].isna()
    made_up = inventory["template"].eq(True) & inventory["strength_bits"].lt(GUESSABLE_BITS)
    own = inventory["placeholder"].eq(False) & ~missing & ~made_up.fillna(False)
    absent = inventory["state"].isin(("missing", "empty")) | (inventory["whole"].notna() & missing)
    held = inventory.assign(own=own.fillna(False).astype(bool), absent=absent, number=range(len(inventory)))
    secrets = held[held["kind"].isin(SECRET_KINDS) & held["own"]]
    across, examples = _across_environments(held, policy), values_of_examples(entries, policy, keeper)
    pairs = [_demanded(held, policy), across, *_across_urls(across, keeper)]
    pairs += [_across_names(secrets, policy), _in_examples(secrets, examples)]
    return _compared(pd.concat(pairs, ignore_index=True))


def _pairs(ones: pd.DataFrame, others: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Each two rows that are equal in `by`, the second one's columns as `other_…`."""
    both = ones.merge(others.add_prefix("other_"), left_on=by, right_on=[f"other_{name}" for name in by])
    return both[both["number"] < both["other_number"]]


def _demanded(held: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """What the policy demands to be equal or to differ, in each environment.

    Two names of one variable in one place must be equal: with two values nobody knows which counts.
    Sources: docs/rules.md#rule-42, docs/rules.md#rule-44.
    """
    demands = {
        (*pair, expected, why)
        for rule in policy.secrets
        for expected, why, others in (
            ("same", "pairing", (*rule.equals, *rule.aliases)),
            ("different", "must differ", rule.differs),
        )
        for other in others
        for pair in ((rule.name, other), (other, rule.name))
    }
    columns = ["secret", "other_secret", "expected", "why"]
    demanded = pd.DataFrame(sorted(demands), columns=columns, dtype="str")
    homes = {(name, rule.service) for rule in policy.secrets for name in (rule.name, *rule.aliases)}
    at_home = held.merge(pd.DataFrame(sorted(homes), columns=["secret", "service"], dtype="str"))
    return _pairs(at_home, at_home, "environment").merge(demanded).assign(component="whole")


def _across_environments(held: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """One variable in two environments: a secret must differ, a setting may be equal.

    Sources: docs/rules.md#rule-61, docs/rules.md#rule-62, docs/rules.md#rule-63.
    """
    both = _pairs(held, held, "secret", "service")
    shared = both["secret"].isin([rule.name for rule in policy.secrets if rule.shared])
    secret = both["kind"].isin(SECRET_KINDS) & both["other_kind"].isin(SECRET_KINDS)
    return both.assign(expected=np.where(secret & ~shared, "different", "any"), why="environments")


def _across_urls(across: pd.DataFrame, keeper: Keeper) -> Iterator[pd.DataFrame]:
    """Whether two connection URLs lead to one host, as one user (docs/rules.md#rule-66)."""
    with_password = across["component"].eq("password") | across["other_component"].eq("password")
    urls = across[with_password & across["whole"].notna() & across["other_whole"].notna()]
    marks = {*urls["whole"], *urls["other_whole"]}
    local = {mark for mark in marks if keeper.ask(mark, _is_of_this_machine)}
    both_local = urls["whole"].isin(local) & urls["other_whole"].isin(local)
    for part in ("user", "host"):
        # A host or a name is not a secret, so it is not kept.
        cut = {mark: keeper.part(mark, component(part), keep=False) for mark in marks}
        one, other = urls["whole"].map(cut), urls["other_whole"].map(cut)
        yield urls.assign(
            component=part,
            fingerprint=one,
            other_fingerprint=other,
            absent=urls["absent"] | one.isna(),
            other_absent=urls["other_absent"] | other.isna(),
            expected=urls["expected"].mask(both_local, "any"),
        )


def _is_of_this_machine(value: str) -> bool:
    return getattr(url_parts(value), "host", None) in THIS_MACHINE


def _across_names(secrets: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """One value under two names, in one environment or in two (docs/rules.md#rule-64).

    What the policy compares itself, or is seen of one name between two environments, is reported there.
    """
    alike = secrets.groupby("fingerprint")["number"]
    first = secrets[alike.cumcount().eq(0) | alike.transform("size").le(LARGE_GROUP)]
    both = _pairs(first, secrets, "fingerprint")
    moved = {(row.secret, _environments(row)) for row in rows(both) if row.secret == row.other_secret}
    groups = _equal_names(policy)
    differ = {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}

    def reason(row: Any) -> str:
        one, other = rule_name(row.secret, policy), rule_name(row.other_secret, policy)
        where, within = _environments(row), row.environment == row.other_environment
        if one == other:
            return "" if within or row.service == row.other_service else "environments"
        declared = groups.get(one, one) == groups.get(other, other) or {one, other} in differ
        if declared and (within or not moved.isdisjoint({(one, where), (other, where)})):
            return ""
        return "coupled" if within and of_one_store(one, other) else "names"

    both = both.assign(component="whole", why=pd.Series(map(reason, rows(both)), both.index, dtype="str"))
    both["expected"] = both["why"].eq("coupled").map({True: "any", False: "different"})
    return both[both["why"].ne("")]


def _environments(row: Any) -> frozenset[str]:
    return frozenset((row.environment, row.other_environment))


def _equal_names(policy: Policy) -> dict[str, str]:
    """For each name that the policy makes equal to others, also through a third, the one that they share."""
    groups = {name: name for rule in policy.secrets for name in (rule.name, *rule.equals)}
    for rule in policy.secrets:
        joined = {groups[name] for name in (rule.name, *rule.equals)}
        groups = {name: rule.name if group in joined else group for name, group in groups.items()}
    return groups


def _in_examples(secrets: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """A secret in force that an example file holds as well (docs/rules.md#rule-55).

    One that can be guessed was copied from the example, not into it: that is reported as a template in use.
    """
    facts = {"component": "whole", "expected": "different", "why": "example", "other_environment": ""}
    found = secrets.drop(columns="whole").groupby("fingerprint").head(LARGE_GROUP).merge(examples)
    return found.assign(other_fingerprint=found["fingerprint"], other_own=True, other_absent=False, **facts)


def _compared(pairs: pd.DataFrame) -> pd.DataFrame:
    """`Drift` of pairs with what is expected of them: whether they hold the same value."""
    one, other, expected = pairs["fingerprint"], pairs["other_fingerprint"], pairs["expected"]
    known = one.notna() & other.notna()
    same, absent = known & one.eq(other).fillna(False), pairs["absent"] | pairs["other_absent"]
    differ = (known & ~same) | (~known & expected.ne("same") & absent)
    # Two placeholders are a fault of each: they are no reuse of a secret.
    placeholders = same & expected.eq("different") & ~pairs["own"] & ~pairs["other_own"]
    relation = np.select([same, differ], ["same", "different"], "unknown")
    found = pairs.assign(relation=relation, expected=expected.mask(placeholders, "any"))
    return Drift.checked(found[list(Drift.columns)])
