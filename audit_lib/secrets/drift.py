"""Compares values between places: pairs, environments, names and example files, by fingerprint alone."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from audit_lib.base.bounded import url_parts
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import GUESSABLE_BITS, component
from audit_lib.secrets.contracts import Drift
from audit_lib.secrets.inventory import rule_name, values_of_examples
from audit_lib.settings import Policy
from audit_lib.settings.kinds import of_one_store

LARGE_GROUP = 12  # of one value under thousands of names the pairs of its first place say enough
SECRET_KINDS = ("secret", "unlisted")
# Of a connection URL: where it leads must differ between environments, its database may be called alike.
URL_PARTS = {"user": "different", "host": "different", "database": "any"}
THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  another one in each environment


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
    pairs = [*_paired(held, policy), across, *_across_urls(across, keeper)]
    pairs += [_across_names(secrets, policy), _in_examples(secrets, examples)]
    return _compared(pd.concat(pairs, ignore_index=True))


def _pairs(ones: pd.DataFrame, others: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Each two rows that are equal in `by`, the second one's columns as `other_…`."""
    both = ones.merge(others.add_prefix("other_"), left_on=by, right_on=[f"other_{name}" for name in by])
    return both[both["number"] < both["other_number"]]


def _paired(held: pd.DataFrame, policy: Policy) -> Iterator[pd.DataFrame]:
    """What the policy demands to be equal or to differ, in each environment.

    Sources: docs/rules.md#rule-42, docs/rules.md#rule-44.
    """
    homes = {(name, rule.service) for rule in policy.secrets for name in (rule.name, *rule.aliases)}
    at_home = held.merge(pd.DataFrame(sorted(homes), columns=["secret", "service"]))
    both = _pairs(at_home, at_home, "environment")
    names = list(map(frozenset, zip(both["secret"], both["other_secret"], strict=True)))
    # Two names of one variable in one place: with two values nobody knows which counts.
    equal = {frozenset((r.name, other)) for r in policy.secrets for other in (*r.equals, *r.aliases)}
    differ = {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}
    for expected, why, wanted in (("same", "pairing", equal), ("different", "must differ", differ)):
        found = both[[two in wanted for two in names]]
        yield found.assign(component="whole", expected=expected, why=why)


def _across_environments(held: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """One variable in two environments: a secret must differ, a setting may be equal.

    Sources: docs/rules.md#rule-61, docs/rules.md#rule-62, docs/rules.md#rule-63.
    """
    both = _pairs(held, held, "secret", "service")
    shared = both["secret"].isin([rule.name for rule in policy.secrets if rule.shared])
    secret = both["kind"].isin(SECRET_KINDS) & both["other_kind"].isin(SECRET_KINDS)
    return both.assign(expected=np.where(secret & ~shared, "different", "any"), why="environments")


def _across_urls(across: pd.DataFrame, keeper: Keeper) -> Iterator[pd.DataFrame]:
    """Where two connection URLs lead, part by part (docs/rules.md#rule-66)."""
    with_password = across["component"].eq("password") | across["other_component"].eq("password")
    urls = across[with_password & across["whole"].notna() & across["other_whole"].notna()]
    marks = {*urls["whole"], *urls["other_whole"]}
    local = {
        mark
        for mark in marks
        if keeper.ask(mark, lambda value: getattr(url_parts(value), "host", None) in THIS_MACHINE)
    }
    strict = urls["expected"].ne("any") & ~(urls["whole"].isin(local) & urls["other_whole"].isin(local))
    for part, expected in URL_PARTS.items():
        found = urls.assign(component=part, expected=np.where(strict, expected, "any"))
        # A host or a name is not a secret, so it is not kept.
        cut = {mark: keeper.part(mark, component(part), keep=False) for mark in marks}
        for side in ("", "other_"):
            found[f"{side}fingerprint"] = urls[f"{side}whole"].map(cut)
            found[f"{side}absent"] |= found[f"{side}fingerprint"].isna()
        yield found


def _across_names(secrets: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """One value under two names, in one environment or in two (docs/rules.md#rule-64).

    What the policy compares itself, or is seen of one name between two environments, is told there.
    """
    alike = secrets.groupby("fingerprint")["number"]
    first = secrets[alike.cumcount().eq(0) | alike.transform("size").le(LARGE_GROUP)]
    both, declared = _pairs(first, secrets, "fingerprint"), _declared(policy)
    between = list(map(frozenset, zip(both["environment"], both["other_environment"], strict=True)))
    pairs = list(zip(both["secret"], both["other_secret"], between, strict=True))
    moved = {(one, where) for one, other, where in pairs if one == other}
    why = []
    for (one, other, where), elsewhere in zip(pairs, both["service"].ne(both["other_service"]), strict=True):
        names, within = frozenset((rule_name(one, policy), rule_name(other, policy))), len(where) == 1
        if len(names) == 1:
            why.append("environments" if elsewhere and not within else "")
        elif names in declared and (within or moved & {(name, where) for name in names}):
            why.append("")
        else:
            why.append("coupled" if within and of_one_store(*names) else "names")
    both = both.assign(component="whole", why=pd.Series(why, both.index, dtype="str"))
    return both.assign(expected=np.where(both["why"].eq("coupled"), "any", "different"))[both["why"].ne("")]


def _declared(policy: Policy) -> set[frozenset[str]]:
    """The pairs that the policy compares, and those that it makes equal through a third."""
    groups: list[set[str]] = []
    for rule in policy.secrets:
        group = {rule.name, *rule.equals}
        joined = [other for other in groups if other & group]
        groups = [other for other in groups if not other & group] + [group.union(*joined)]
    equal = {frozenset(pair) for group in groups for pair in combinations(group, 2)}
    return equal | {frozenset((rule.name, other)) for rule in policy.secrets for other in rule.differs}


def _in_examples(secrets: pd.DataFrame, examples: pd.DataFrame) -> pd.DataFrame:
    """A secret in force that an example file holds as well (docs/rules.md#rule-55).

    One that can be guessed was copied from the example, not into it: that is told as a template in use.
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
    return Drift.checked(found[list(Drift.columns())])
