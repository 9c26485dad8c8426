"""Sets what env sources hold beside what the policy expects, and the values of two places beside each other.
The keeper answers about each value; two values are compared by fingerprint alone."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product, takewhile
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.env import value_is_unknown
from audit_lib.secrets.sources import IN_FORCE, Row
from audit_lib.secrets.value_rules import Examples, format_of, hold, is_made_up, judge
from audit_lib.settings import ENVIRONMENTS, Policy, Project, SecretRule
from audit_lib.settings.variables import likely_kind, of_one_store, shape_by

LARGE_GROUP = 12  # of one value under thousands of names the pairs of its first place say enough
SECRET_KINDS = ("secret", "unlisted")
DEVELOPMENT = ("development", "local", "test")  # environments that hold nobody's data
_DRAWN = (strength.could_be_a_piece, partial(strength.is_of_no_language, least=5))  # no person's words
# Another one in each environment: this machine, and what compose or a cluster calls its services.
_is_own_host = re.compile(r"[^.:]+|127\.0\.0\.1|::1|0\.0\.0\.0|host\.(docker|containers)\.internal").fullmatch


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
    demanded: Series[bool]  # … and it holds in this environment (SecretRule.required, required_in)
    missing_severity: Series[str]  # of the rule; "" for what is not in the policy
    exposure_severity: Series[str]  # of the rule; "" leaves it to the check
    fallback: Series[str]  # what the application does without it; "" where the policy does not say
    renewal: Series[str]  # the command that makes a new value, or where one is got; "" where not said
    issued: Series[bool]  # a provider makes it, in a form of its own
    component: Series[str]  # whole | password
    state: Series[str] = Field(isin=("present", "empty", "missing", "not supplied"))
    source: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    refers: Series[str]  # to names of its source, by commas
    origin: Series[str]  # env file | export | given values
    loader: Series[str]  # whose reading the value is; "" if all that may read it agree, or there is none
    whole: Series[str] = Field(nullable=True)  # the fingerprint of all of the value, such as a URL …
    fingerprint: Series[str] = Field(nullable=True)  # … and of the component that is the secret
    placeholder: Series[pd.BooleanDtype] = Field(nullable=True)  # null: no value to judge
    compromised: Series[pd.BooleanDtype] = Field(nullable=True)  # equals a value known to be public
    template: Series[pd.BooleanDtype] = Field(nullable=True)  # equals the value of an example file
    shown_by_git: Series[pd.BooleanDtype] = Field(nullable=True)  # to all, in development, guessable
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
    A variable is "missing" only if its place was supplied: a file that is mostly not understood is made for
    another reader, and supplies nothing. A later file counts, given values first.
    Another value in another file has a row of its own, as of `SERVICE (FILE)`: which is read is not known."""
    read = sources[sources["kind"].isin(IN_FORCE) & sources["state"].isin(("read", "empty"))]
    foreign = {(it.environment, it.service) for it in rows(read.query("2 * not_understood > lines"))}
    supplied = {at: it.source for it in rows(read) if (at := (it.environment, it.service)) not in foreign}
    judge_entry = partial(_judged, policy=policy, keeper=keeper, examples=_examples(entries, policy, keeper))
    found: list[Row] = []
    for rule, held in _in_force(entries, policy):
        known = rule if rule.kind else _as_found(rule, held[-1], policy, keeper)
        *others, counts = [judge_entry(known, entry) for entry in held]
        beside = [row for row in others if _differ(counts, row)]
        found += [counts, *(row | {"service": f"{row['service']} ({row['source']})"} for row in beside)]
    there = {(row["secret"], row["environment"], row["service"]) for row in found}
    for environment, rule in product({one for one, _ in supplied} | {*project.environments}, policy.secrets):
        if rule.service and (rule.name, environment, rule.service) not in there:
            source = supplied.get((environment, rule.service))
            found.append(
                _demands(rule, rule.name, environment, rule.service)
                | {"state": "missing" if source else "not supplied", "origin": "", "loader": "", "refers": ""}
                | {"source": source or f"--env {environment}/{rule.service}"}
            )
    order = [*ENVIRONMENTS, *(rule.name for rule in policy.secrets)]  # the policy's, then names
    rank, by = {name: number for number, name in enumerate(order)}, ("secret", "service", "environment")
    found.sort(key=lambda row: [(rank.get(row[name], len(rank)), row[name]) for name in by])
    _mark_shown(found, sources, keeper)
    return Inventory.of(found)


def _mark_shown(found: list[Row], sources: pd.DataFrame, keeper: Keeper) -> None:
    """Says of each secret whether git shows it, of development alone, and anybody would guess it."""
    secrets = [row for row in found if row.get("fingerprint") and row["kind"] in SECRET_KINDS]
    elsewhere = {row["fingerprint"] for row in secrets if row["environment"] not in DEVELOPMENT}
    tracked = {*sources.loc[sources["tracked"].fillna(False).astype(bool), "source"]}
    for row in secrets:
        mark, guessable = row["fingerprint"], row["strength_bits"] < strength.GUESSABLE_BITS
        drawn = any(keeper.ask(mark, question) for question in _DRAWN)
        row["shown_by_git"] = guessable and not drawn and row["source"] in tracked and mark not in elsewhere


def knows_production(inventory: pd.DataFrame) -> bool:
    """Whether a value of a secret of production is known: settings and empty variables show none."""
    held = inventory[inventory["environment"].eq("production") & inventory["kind"].isin(SECRET_KINDS)]
    return bool(held["fingerprint"].notna().any())


def rule_name(name: str, policy: Policy) -> str:
    """The name of the rule for a variable; its own if there is none."""
    return rule.name if (rule := policy.rule(name)) else name


def _examples(entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> Examples:
    shown = entries[entries["kind"].eq("example")]
    held = (
        hold(keeper, row.fingerprint, rule.component if rule else "whole")
        for row in rows(shown.dropna(subset="fingerprint"))
        if not (rule := policy.rule(row.name)) or "secret" in {rule.kind, *likely_kind(rule.name, (), policy)}
    )
    return None if shown.empty else frozenset(mark for it in held for mark in (it.whole, it.part or it.whole))


def _in_force(entries: pd.DataFrame, policy: Policy) -> Iterator[tuple[SecretRule, list[Any]]]:
    """Each variable of each place: its rule, and its entries, one of each source, of which the last counts.
    Of several names of one rule in a place the first takes it; others get a rule that demands nothing. The
    order of the sources decides (so the sort is stable); given values come last and so count."""
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    held: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for entry in rows(ordered.drop_duplicates(["environment", "service", "name", "source"], keep="last")):
        held[entry.environment, entry.service, entry.name].append(entry)
    for (*place, name), found in held.items():
        rule = policy.rule(name)
        before = takewhile(name.__ne__, (rule.name, *rule.aliases)) if rule else ()
        if rule is None or any((*place, other) in held for other in before):
            kind, component = ("unlisted", rule.component) if rule else ("", "whole")
            rule = SecretRule(name, "", kind, "", missing_severity="", component=component)
        yield rule, [it for it in found if it.refers != name] or found  # compose hands on what another sets


def _judged(rule: SecretRule, entry: Any, policy: Policy, keeper: Keeper, examples: Examples) -> Row:
    """The row of an entry by its rule. What a value decides is null if the value is not known."""
    rule = _as_found(rule, entry, policy, keeper)
    unknown, of_secret = value_is_unknown(entry.faults.split(",")), rule.kind in SECRET_KINDS
    mark, readings = entry.fingerprint, filter(None, (*entry.readings.split(","), entry.fingerprint))
    none = [  # no value, or each reading says so: null, none or a comment, and of a secret false
        keeper.ask(one, strength.is_no_value) and (of_secret or not keeper.ask(one, strength.is_plain))
        for one in readings
    ]
    empty = all(none) and (not unknown or none != [])
    row = _demands(rule, entry.name, entry.environment, entry.service) | {
        **{name: getattr(entry, name) for name in ("source", "line", "refers", "loader")},
        "state": "empty" if empty else "present",
        "origin": entry.kind,
        "public": rule.public or entry.name.startswith(policy.public_prefixes),
    }
    if empty or unknown:
        return row
    held = hold(keeper, mark, rule.component)
    row |= judge(held, rule, policy, entry.environment, examples)
    row |= {"component": held.component, "whole": held.whole, "fingerprint": held.part or None}
    if held.needs_none:
        row["kind"] = "setting"  # a URL to a local file holds no secret
    elif held.part and rule.kind != "setting":
        row["strength_bits"] = min(row["strength_bits"], keeper.ask(held.part, strength.chosen_bits))
    return row


def _as_found(rule: SecretRule, entry: Any, policy: Policy, keeper: Keeper) -> SecretRule:
    """The rule; of what name or value show to be a secret that of a secret nobody listed.
    Of a setting of the policy only its value can show that: whoever writes the policy could call any so."""
    kind, component, mark = rule.kind, rule.component, entry.fingerprint
    if kind in ("", "setting"):
        forms = [] if mark is None else [shape_by(partial(keeper.ask, mark))]
        likely, cut = likely_kind(entry.name, forms, policy)
        shows = not kind or not {"URL with password", "generated"}.isdisjoint(forms)
        kind, component = ("unlisted", cut) if likely == "secret" and shows else ("setting", component)
    days = policy.default_max_age_days if kind == "unlisted" else rule.max_age_days
    return replace(rule, kind=kind, component=component, max_age_days=days)


def _differ(one: Row, other: Row) -> bool:
    """Whether two env files hold two values of a secret; of a setting the later file simply counts."""
    return (
        {one["origin"], other["origin"]} == {"env file"}
        and "setting" not in (one["kind"], other["kind"])
        and len({one.get("fingerprint"), other.get("fingerprint")} - {None}) == 2
    )


def _demands(rule: SecretRule, variable: str, environment: str, service: str) -> Row:
    """The policy's columns. `demanded` is false if the rule is for another service or environment."""
    required = rule.required if rule.service == service else ""
    return {name: stated for name, stated in vars(rule).items() if name in Inventory.columns} | {
        **{"secret": rule.name, "variable": variable, "environment": environment, "service": service},
        "required": required,
        "demanded": required != ""
        and environment in (rule.required_in or ["production" if required == "production" else environment]),
        "renewal": rule.generate or rule.obtain,
        "issued": bool(rule.obtain and not rule.generate),
        "length": "",
        **{name: getattr(rule, name) or None for name in ("min_length", "good_length")},
        "format": format_of(rule, environment),
    }


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
    """`Drift`: what must be equal, what must differ, and what is equal without need. A pair of which one
    value is not available is "unknown"; only what provably holds none cannot hold the same one. Pairs of
    different names are rows only if the values are the same. One secret in two environments must differ
    (docs/rules.md#rule-61, 62, 63). Two placeholders are a fault of each: they are no reuse of a secret."""
    no_value, items = inventory["fingerprint"].isna(), rows(inventory)
    own = [it.placeholder is False and not is_made_up(it) for it in items]
    absent = inventory["state"].isin(("missing", "empty")) | (inventory["whole"].notna() & no_value)
    held = inventory.assign(own=np.array(own, dtype=bool), absent=absent, number=range(len(inventory)))
    secrets = held[held["kind"].isin(SECRET_KINDS)]
    apart = secrets[~secrets["secret"].isin([rule.name for rule in policy.secrets if rule.shared])]
    across = _pairs(apart, apart, "secret", "service").assign(expected="different", why="environments")
    found = [_demanded(held, policy), across, *_across_urls(across, keeper)]
    pairs = pd.concat([*found, _across_names(secrets, policy, keeper)], ignore_index=True)
    one, other, expected = pairs["fingerprint"], pairs["other_fingerprint"], pairs["expected"]
    known, absent = one.notna() & other.notna(), pairs["absent"] | pairs["other_absent"]
    same = known & one.eq(other).fillna(False)
    differ = (known & ~same) | (~known & expected.ne("same") & absent)
    pairs["relation"] = np.select([same, differ], ["same", "different"], "unknown")
    placeholders = same & expected.eq("different") & ~pairs["own"] & ~pairs["other_own"]
    return Drift.checked(pairs.loc[~placeholders, list(Drift.columns)])


def _pairs(ones: pd.DataFrame, others: pd.DataFrame, *by: str) -> pd.DataFrame:
    both = ones.merge(others.add_prefix("other_"), left_on=by, right_on=[f"other_{name}" for name in by])
    return both[both["number"] < both["other_number"]]


def _demanded(held: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    """What must be equal or differ in each environment (docs/rules.md#rule-42, docs/rules.md#rule-44). Two
    names of one variable in one place must be equal: with two values nobody knows which counts."""
    both = {(it.name, name, "same", "pairing") for it in policy.secrets for name in (*it.equals, *it.aliases)}
    both |= {(it.name, name, "different", "must differ") for it in policy.secrets for name in it.differs}
    both |= {(other, name, expected, why) for name, other, expected, why in both}
    demanded = pd.DataFrame(sorted(both), columns=["secret", "other_secret", "expected", "why"], dtype="str")
    homes = {(name, rule.service) for rule in policy.secrets for name in (rule.name, *rule.aliases)}
    at_home = held.merge(pd.DataFrame(sorted(homes), columns=["secret", "service"], dtype="str"))
    return _pairs(at_home, at_home, "environment").merge(demanded).assign(component="whole")


def _across_urls(across: pd.DataFrame, keeper: Keeper) -> Iterator[pd.DataFrame]:
    """Whether two connection URLs lead to one host, as one user (docs/rules.md#rule-66)."""
    with_password = across["component"].eq("password") | across["other_component"].eq("password")
    urls = across[with_password & across["whole"].notna() & across["other_whole"].notna()]
    marks, host = {*urls["whole"], *urls["other_whole"]}, strength.component("host")
    local = {mark for mark in marks if keeper.ask(mark, lambda url: bool(_is_own_host(host(url) or "")))}
    urls = urls[~(urls["whole"].isin(local) & urls["other_whole"].isin(local))]
    for part in ("user", "host"):
        # A host or a name is not a secret, so it is not kept. A URL without one has another than any.
        cut = {mark: keeper.part(mark, strength.component(part), keep=False) for mark in marks}
        one, other = urls["whole"].map(cut).fillna("none"), urls["other_whole"].map(cut).fillna("absent")
        yield urls.assign(component=part, fingerprint=one, other_fingerprint=other)


def _across_names(secrets: pd.DataFrame, policy: Policy, keeper: Keeper) -> pd.DataFrame:
    """One value under two names, in one environment or in two (docs/rules.md#rule-64). What the policy
    compares, or one name has in two environments, is told there. ${NAME} repeats a line."""
    secrets = secrets[secrets["own"].astype(bool)].dropna(subset="fingerprint")
    named = secrets.assign(variable=secrets["refers"].str.split(",")).explode("variable")
    again = named.merge(secrets, on=["source", "variable", "fingerprint"], suffixes=("", "_first"))
    secrets = secrets[~secrets["number"].isin(again.loc[again["line_first"].lt(again["line"]), "number"])]
    alike = secrets.groupby("fingerprint")["number"]
    first = secrets[alike.cumcount().eq(0) | alike.transform("size").le(LARGE_GROUP)]
    both = _pairs(first, secrets, "fingerprint").assign(component="whole")
    environments = zip(both["environment"], both["other_environment"], strict=True)
    both["where"] = pd.Series(map(frozenset, environments), both.index, dtype=object)
    moved = {(row.secret, row.where) for row in rows(both) if row.secret == row.other_secret}
    groups = _compared_names(policy)
    server = partial(keeper.part, cut=partial(re.sub, r"(?s)^[\w+.-]+://|(?<!/)[/?#].*", ""), keep=False)

    def reason(row: Any) -> str:
        names = {rule_name(row.secret, policy), rule_name(row.other_secret, policy)}
        within = row.environment == row.other_environment
        if len(names) == 1:
            return "" if within or row.service == row.other_service else "environments"
        told = any(map(names.__le__, groups)) and (within or any((it, row.where) in moved for it in names))
        # An account has one password; a URL that has the other as its password is one credential with it.
        urls = [server(it) for it in (row.whole, row.other_whole) if it != row.fingerprint]
        same, coupled = within and urls[:1] == urls[1:] != [], within and of_one_store(*names)
        return "" if told or same or (coupled and len(urls) == 1) else "coupled" if coupled else "names"

    why = pd.Series(map(reason, rows(both)), both.index, dtype="str")
    both = both.assign(why=why, expected=why.eq("coupled").map({True: "any", False: "different"}))
    return both[why.ne("")]


def _compared_names(policy: Policy) -> list[set[str]]:
    """Names that the policy makes equal or rotates together, also by a third; each two that must differ."""
    equal: list[set[str]] = []
    for rule in policy.secrets:
        joined = {rule.name, *rule.equals, *rule.rotates_with}
        equal = [it for it in equal if not it & joined] + [joined.union(*(it for it in equal if it & joined))]
    return equal + [{rule.name, other} for rule in policy.secrets for other in rule.differs]
