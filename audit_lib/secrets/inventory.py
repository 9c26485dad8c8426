"""Sets what env sources hold beside what the policy expects, and the values of two places beside each other.

The keeper answers about each value: placeholder, published, length, formats, strength. Values are compared by
fingerprint alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.bounded import url_parts
from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.env import value_is_unknown
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.secrets.value_rules import format_of, has_host, hold, judge
from audit_lib.settings import ENVIRONMENTS, Policy, Project, SecretRule
from audit_lib.settings.variables import likely_kind, of_one_store, shape_by

Row = dict[str, Any]  # of Inventory
LARGE_GROUP = 12  # of one value under thousands of names the pairs of its first place say enough
SECRET_KINDS = ("secret", "unlisted")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  another one in each environment


class OfSecret(Contract):
    """What begins each row about a secret in one place."""

    secret: Series[str]  # the policy's name for it, or the variable's own
    environment: Series[str]
    service: Series[str]


class Inventory(OfSecret):
    """One row for each variable, environment and service that a policy expects or a source holds."""

    variable: Series[str]  # as it stands in the source
    kind: Series[str]  # secret | identifier | setting | unlisted
    required: Series[str]  # the policy's requirement; "" for what is not in it
    demanded: Series[bool]  # … and it holds in this environment (SecretRule.required_in)
    missing_severity: Series[str]  # of the rule; "" for what is not in the policy
    exposure_severity: Series[str]  # of the rule; "" leaves it to the check
    fallback: Series[str]  # what the application does without it; "" where the policy does not say
    renewal: Series[str]  # the command that makes a new value, or where one is got; "" where not said
    component: Series[str]  # whole | password
    state: Series[str] = Field(isin=("present", "empty", "missing", "not supplied"))
    source: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    origin: Series[str]  # env file | export | given values
    loader: Series[str]  # whose reading the value is; "" if all that may read it agree, or there is none
    whole: Series[str] = Field(nullable=True)  # the fingerprint of all of the value, such as a URL …
    fingerprint: Series[str] = Field(nullable=True)  # … and of the component that is the secret
    placeholder: Series[pd.BooleanDtype] = Field(nullable=True)  # null: no value to judge
    compromised: Series[pd.BooleanDtype] = Field(nullable=True)  # equals a value known to be public
    template: Series[pd.BooleanDtype] = Field(nullable=True)  # equals the value of an example file
    length: Series[str]  # ok | short | below good | "" where not judged
    min_length: Series[pd.Int64Dtype] = Field(nullable=True)
    good_length: Series[pd.Int64Dtype] = Field(nullable=True)
    format: Series[str]  # the format's name, "" where the policy states none
    format_ok: Series[pd.BooleanDtype] = Field(nullable=True)
    usual_format: Series[str]  # what the provider is known to issue, "" where the policy states none
    usual_format_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # as the provider issues it
    forbidden_format_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: a live or admin key
    classes_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # kinds of characters, or enough bits
    default_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: works, and everyone knows it
    expected_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # a setting's exact value
    url_ok: Series[pd.BooleanDtype] = Field(nullable=True)  # false: two parsers read two passwords
    strength_bits: Series[float] = Field(nullable=True)  # an upper estimate, rounded down
    public: Series[bool]  # by prefix or by policy
    max_age_days: Series[pd.Int64Dtype] = Field(nullable=True)
    period_stated: Series[bool]  # the guide gives this period; else it is the policy's default


def tabulate_inventory(
    entries: pd.DataFrame, policy: Policy, project: Project, keeper: Keeper, sources: pd.DataFrame
) -> pd.DataFrame:
    """`Inventory`: each rule in each environment, then what no rule expects, in a total order.

    A variable is "missing" only if its place was supplied, else "not supplied". Given values take the
    place of a file's, a later file's that of an earlier one's. Another value of a secret in another env file
    of the same place has a row of its own, as of the service `SERVICE (FILE)`: which is read is not known.
    """
    # The places of which a source was read, with its name; also if it was empty.
    read = sources[sources["kind"].isin(IN_FORCE) & sources["state"].isin(("read", "empty"))]
    supplied = {(row.environment, row.service): row.source for row in rows(read)}
    environments = {environment for environment, _ in supplied} | set(project.environments)
    examples = _examples(entries, policy, keeper)
    found: list[Row] = []
    for rule, held in _in_force(entries, policy):
        known = rule if rule.kind else _as_found(rule, held[-1], policy, keeper)
        *others, counts = [_judged(known, entry, policy, keeper, examples) for entry in held]
        beside = [row for row in others if _differ(counts, row)]
        found += [counts, *(row | {"service": f"{row['service']} ({row['source']})"} for row in beside)]

    there = {(row["secret"], row["environment"], row["service"]) for row in found}
    for environment, rule in product(environments, policy.secrets):
        if rule.service and (rule.name, environment, rule.service) not in there:
            source = supplied.get((environment, rule.service))
            found.append(
                _demands(rule, rule.name, environment, rule.service)
                | {"state": "missing" if source else "not supplied", "origin": "", "loader": ""}
                | {"source": source or f"--env {environment}/{rule.service}"}
            )
    order = {rule.name: number for number, rule in enumerate(policy.secrets)}
    return Inventory.of(sorted(found, key=lambda row: _order(row, order)))


def rule_name(name: str, policy: Policy) -> str:
    """The name of the rule for a variable; its own if there is none."""
    rule = policy.rule(name)
    return rule.name if rule else name


def _examples(entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> frozenset[str] | None:
    """The fingerprints of what example files show, and of the secrets in it; None without such a file."""
    shown = entries[entries["kind"].eq("example")]
    found = set()
    for row in rows(shown[shown["fingerprint"].notna()]):
        rule = policy.rule(row.name)
        held = hold(keeper, row.fingerprint, rule.component if rule else "whole")
        found |= {held.whole, held.part or held.whole}
    return None if shown.empty else frozenset(found)


def _in_force(entries: pd.DataFrame, policy: Policy) -> Iterator[tuple[SecretRule, list[Any]]]:
    """Each variable of each place: its rule, and its entries, one of each source, of which the last counts.

    Of several names of one rule in a place the first takes it, in the policy's order. The others and what no
    rule names get a rule of their own that demands nothing.
    """
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    # A stable sort: the order of the sources decides, given values come last and so count.
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    held: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for entry in rows(ordered.drop_duplicates(["environment", "service", "name", "source"], keep="last")):
        held[entry.environment, entry.service, entry.name].append(entry)

    names = (name for rule in policy.secrets for name in (rule.name, *rule.aliases))
    order = {name: number for number, name in enumerate(names)}
    taken: set[tuple[str, str, str]] = set()
    for environment, service, name in sorted(held, key=lambda place: order.get(place[2], len(order))):
        rule = policy.rule(name)
        if rule is None or (environment, service, rule.name) in taken:
            kind, component = ("unlisted", rule.component) if rule else ("", "whole")
            rule = SecretRule(name, "", kind, "", missing_severity="", component=component)
        taken.add((environment, service, rule.name))
        yield rule, held[environment, service, name]


def _judged(
    rule: SecretRule, entry: Any, policy: Policy, keeper: Keeper, examples: frozenset[str] | None
) -> Row:
    """The row of an entry by its rule. What a value decides is null if the value is not known."""
    rule = _as_found(rule, entry, policy, keeper)
    unknown = value_is_unknown(entry.faults.split(","))
    empty = not unknown and _holds_nothing(rule, entry.fingerprint, keeper)
    row = _demands(rule, entry.name, entry.environment, entry.service) | {
        **{name: getattr(entry, name) for name in ("source", "line", "loader")},
        "state": "empty" if empty else "present",
        "origin": entry.kind,
        "public": rule.public or entry.name.startswith(policy.public_prefixes),
    }
    if empty or unknown:
        return row
    held = hold(keeper, entry.fingerprint, rule.component)
    row |= judge(held, rule, policy, entry.environment, examples)
    row |= {"component": held.component, "whole": held.whole, "fingerprint": held.part or None}
    if held.component == "password" and not held.part and not held.whole_is(has_host):
        row["kind"] = "setting"  # a URL to a local file holds no secret
    elif held.part and rule.kind != "setting":
        row["strength_bits"] = min(row["strength_bits"], keeper.ask(held.part, strength.chosen_bits))
    return row


def _as_found(rule: SecretRule, entry: Any, policy: Policy, keeper: Keeper) -> SecretRule:
    """The rule; of what name or value show to be a secret that of a secret nobody listed.

    Of a setting of the policy only its value can show that: else whoever may write the policy could
    call every secret a setting.
    """
    kind, component = rule.kind, rule.component
    if kind in ("", "setting"):
        mark = entry.fingerprint
        forms = [] if mark is None else [shape_by(partial(keeper.ask, mark))]
        likely, cut = likely_kind(entry.name, forms, policy)
        shows = not kind or not {"URL with password", "generated"}.isdisjoint(forms)
        kind, component = ("unlisted", cut) if likely == "secret" and shows else ("setting", component)
    days = policy.default_max_age_days if kind == "unlisted" else rule.max_age_days
    return replace(rule, kind=kind, component=component, max_age_days=days)


def _holds_nothing(rule: SecretRule, fingerprint: str | None, keeper: Keeper) -> bool:
    """Whether there is no value, or one that says so: null or none, and of a secret false."""
    return fingerprint is None or (
        keeper.ask(fingerprint, strength.is_no_value)
        and (rule.kind in ("secret", "unlisted") or not keeper.ask(fingerprint, strength.is_plain))
    )


def _differ(one: Row, other: Row) -> bool:
    """Whether two env files hold two values of a secret; of a setting the later file simply counts."""
    both = {one["origin"], other["origin"]} == {"env file"} and "setting" not in (one["kind"], other["kind"])
    return both and len({one.get("fingerprint"), other.get("fingerprint")} - {None}) == 2


def _demands(rule: SecretRule, variable: str, environment: str, service: str) -> Row:
    """The policy's columns. `demanded` is false if the rule is for another service or environment."""
    holds = rule.service == service and (not rule.required_in or environment in rule.required_in)
    place = {"secret": rule.name, "variable": variable, "environment": environment, "service": service}
    return {name: stated for name, stated in vars(rule).items() if name in Inventory.columns} | {
        **place,
        "required": rule.required if rule.service == service else "",
        "demanded": holds and rule.required != "",
        "renewal": rule.generate or rule.obtain,
        "length": "",
        "min_length": rule.min_length or None,
        "good_length": rule.good_length or None,
        "format": format_of(rule, environment),
    }


def _order(row: Mapping[str, Any], rules: Mapping[str, int]) -> tuple[Any, ...]:
    """The policy's order, then names; the environments from development to production."""
    where, rule = row["environment"], rules.get(row["secret"], len(rules))
    stage = ENVIRONMENTS.index(where) if where in ENVIRONMENTS else len(ENVIRONMENTS)
    return (rule, row["secret"], row["service"], stage, where, row["variable"])


class Drift(OfSecret):
    """One row for each pair of places that hold the same or, where they must be equal, another value."""

    other_secret: Series[str]
    other_environment: Series[str]
    other_service: Series[str]
    component: Series[str]  # whole | password | user | host
    relation: Series[str] = Field(isin=("same", "different", "unknown"))
    expected: Series[str] = Field(isin=("same", "different", "any"))  # any: what is coupled
    why: Series[str]  # pairing | environments | names | coupled | must differ


def compare_places(inventory: pd.DataFrame, policy: Policy, keeper: Keeper) -> pd.DataFrame:
    """`Drift`: what must be equal, what must differ, and what is equal without need.

    A pair of which one value is not available is "unknown"; only what provably holds no value cannot hold
    the same one. Pairs of different names are rows only if the values are the same.
    """
    missing = inventory["fingerprint"].isna()
    made_up = inventory["template"].eq(True) & inventory["strength_bits"].lt(strength.GUESSABLE_BITS)
    own = inventory["placeholder"].eq(False) & ~missing & ~made_up.fillna(False)
    absent = inventory["state"].isin(("missing", "empty")) | (inventory["whole"].notna() & missing)
    held = inventory.assign(own=own.fillna(False).astype(bool), absent=absent, number=range(len(inventory)))
    secrets = held[held["kind"].isin(SECRET_KINDS) & held["own"]]
    across, names = _across_environments(held, policy), _across_names(secrets, policy)
    pairs = [_demanded(held, policy), across, *_across_urls(across, keeper), names]
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
    """One secret in two environments, unless the policy shares it: the values must differ.

    Sources: docs/rules.md#rule-61, docs/rules.md#rule-62, docs/rules.md#rule-63.
    """
    shared = [rule.name for rule in policy.secrets if rule.shared]
    own = held[held["kind"].isin(SECRET_KINDS) & ~held["secret"].isin(shared)]
    return _pairs(own, own, "secret", "service").assign(expected="different", why="environments")


def _across_urls(across: pd.DataFrame, keeper: Keeper) -> Iterator[pd.DataFrame]:
    """Whether two connection URLs lead to one host, as one user (docs/rules.md#rule-66)."""
    with_password = across["component"].eq("password") | across["other_component"].eq("password")
    urls = across[with_password & across["whole"].notna() & across["other_whole"].notna()]
    marks = {*urls["whole"], *urls["other_whole"]}
    local = {mark for mark in marks if keeper.ask(mark, _is_of_this_machine)}
    urls = urls[~(urls["whole"].isin(local) & urls["other_whole"].isin(local))]
    for part in ("user", "host"):
        # A host or a name is not a secret, so it is not kept.
        cut = {mark: keeper.part(mark, strength.component(part), keep=False) for mark in marks}
        one, other = urls["whole"].map(cut), urls["other_whole"].map(cut)
        absent = {"absent": urls["absent"] | one.isna(), "other_absent": urls["other_absent"] | other.isna()}
        yield urls.assign(component=part, fingerprint=one, other_fingerprint=other, **absent)


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


def _compared(pairs: pd.DataFrame) -> pd.DataFrame:
    """`Drift` of pairs with what is expected of them: whether they hold the same value."""
    one, other, expected = pairs["fingerprint"], pairs["other_fingerprint"], pairs["expected"]
    known = one.notna() & other.notna()
    same, absent = known & one.eq(other).fillna(False), pairs["absent"] | pairs["other_absent"]
    differ = (known & ~same) | (~known & expected.ne("same") & absent)
    found = pairs.assign(relation=np.select([same, differ], ["same", "different"], "unknown"))
    # Two placeholders are a fault of each: they are no reuse of a secret.
    placeholders = same & expected.eq("different") & ~pairs["own"] & ~pairs["other_own"]
    return Drift.checked(found.loc[~placeholders, list(Drift.columns)])
