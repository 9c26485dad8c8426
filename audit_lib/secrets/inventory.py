"""Sets what the env sources hold beside what the policy expects: one row for each variable and place."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import Inventory
from audit_lib.secrets.env import value_is_unknown
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.secrets.value_rules import format_of, has_host, hold, judge
from audit_lib.settings import ENVIRONMENTS, Policy, Project, SecretRule
from audit_lib.settings.kinds import likely_kind, shape_by

Place = tuple[str, str]  # environment, service
_OF_RULE = (
    "kind", "missing_severity", "exposure_severity", "fallback", "usual_format", "max_age_days",
    "period_stated",
)  # fmt: skip


def tabulate_inventory(
    entries: pd.DataFrame, policy: Policy, project: Project, keeper: Keeper, sources: pd.DataFrame
) -> pd.DataFrame:
    """`Inventory`: each rule in each environment, then what no rule expects, in a total order.

    A variable is "missing" only if its place was supplied, else "not supplied". Given values take the
    place of a file's, a later file's that of an earlier one's. Another value of a secret in another env file
    of the same place has a row of its own, as of the service `SERVICE (FILE)`: which is read is not known.
    """
    held = _held(entries)
    # The places of which a source was read, with its name; also if it was empty.
    read = sources[sources["kind"].isin(IN_FORCE) & sources["state"].isin(("read", "empty"))]
    supplied = {(row.environment, row.service): row.source for row in rows(read)}
    judged = _Judge(policy, keeper, _example_fingerprints(entries, policy, keeper))
    environments = {environment for environment, _ in supplied} | set(project.environments)
    services = {rule.service for rule in policy.secrets} - {""}
    places = {(environment, service) for environment in environments for service in services}
    found: list[dict[str, Any]] = []
    for place in places | supplied.keys():
        here = dict(held.get(place, {}))
        for rule, several in (*_expected(here, place, policy), *_unexpected(here, place, judged)):
            if several:
                in_place, *others = (judged.row(rule, entry) for entry in reversed(several))
                beside = {row["source"]: row for row in reversed(others) if _differ(in_place, row)}
                found += [
                    in_place,
                    *(row | {"service": f"{place[1]} ({row['source']})"} for row in beside.values()),
                ]
            else:
                found.append(_absent(rule, place, supplied.get(place)))
    order = {rule.name: number for number, rule in enumerate(policy.secrets)}
    return Inventory.of(sorted(found, key=lambda row: _order(row, order)))


def _held(entries: pd.DataFrame) -> dict[Place, dict[str, list[Any]]]:
    """For each place its variables, each with its entries, one a source; the last one counts."""
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    # A stable sort: the order of the sources decides, given values come last and so count.
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    ordered = ordered.drop_duplicates(["environment", "service", "name", "source"], keep="last")
    held: dict[Place, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for entry in rows(ordered):
        held[entry.environment, entry.service][entry.name].append(entry)
    return held


def _order(row: Mapping[str, Any], rules: dict[str, int]) -> tuple[Any, ...]:
    """The policy's order, then names; the environments from development to production."""
    where = row["environment"]
    stage = ENVIRONMENTS.index(where) if where in ENVIRONMENTS else len(ENVIRONMENTS)
    rule = rules.get(row["secret"], len(rules))
    return (rule, row["secret"], row["service"], stage, where, row["variable"])


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two env files hold two values of a secret; of a setting the later file simply counts."""
    both = {one["origin"], other["origin"]} == {"env file"} and "setting" not in (one["kind"], other["kind"])
    return both and len({one.get("fingerprint"), other.get("fingerprint")} - {None}) == 2


def _example_fingerprints(entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> frozenset[str] | None:
    """What example files hold, URL passwords among it; None if no example was read."""
    shown = entries[entries["kind"] == "example"]
    found: set[str] = set()
    for row in rows(shown[shown["fingerprint"].notna()]):
        rule = policy.rule(row.name)
        held = hold(keeper, row.fingerprint, rule.component if rule else "whole")
        found |= {held.whole, held.part} - {""}
    return None if shown.empty else frozenset(found)


def _expected(
    here: dict[str, list[Any]], place: Place, policy: Policy
) -> Iterator[tuple[SecretRule, list[Any]]]:
    """Each rule of a place with the entries that satisfy it, which are taken out of `here`."""
    for rule in policy.secrets:
        if rule.service == place[1]:
            variable = next((name for name in (rule.name, *rule.aliases) if name in here), rule.name)
            yield rule, here.pop(variable, [])


def _unexpected(
    here: dict[str, list[Any]], place: Place, judged: "_Judge"
) -> Iterator[tuple[SecretRule, list[Any]]]:
    """What is left: a rule's variable in another service, a second name for one, or what no rule names."""
    taken: set[str] = set()
    for name in sorted(here):
        rule = judged.policy.rule(name)
        if rule and rule.service != place[1] and rule.name not in taken:
            taken.add(rule.name)
            yield rule, here[name]
        else:
            yield judged.stand_in(rule, here[name][-1]), here[name]


def _absent(rule: SecretRule, place: Place, source: str | None) -> dict[str, Any]:
    return {
        **_demands(rule, rule.name, place),
        "state": "not supplied" if source is None else "missing",
        "source": source or f"--env {place[0]}/{place[1]}",
        "origin": "",
        "loader": "",
        "component": rule.component,
        "length": "",
        "public": rule.public,
    }


class _Judge:
    """Makes the row of a variable that is there."""

    def __init__(self, policy: Policy, keeper: Keeper, examples: frozenset[str] | None) -> None:
        self.policy, self.keeper, self.examples = policy, keeper, examples

    def row(self, rule: SecretRule, entry: Any) -> dict[str, Any]:
        """The columns of Inventory for an entry by a rule."""
        rule = self._as_found(rule, entry)
        not_known = value_is_unknown(entry.faults.split(","))
        row = {
            **_demands(rule, entry.name, (entry.environment, entry.service)),
            "state": "empty" if not not_known and self._holds_nothing(rule, entry) else "present",
            "source": entry.source,
            "line": entry.line,
            "origin": entry.kind,
            "loader": entry.loader,
            "component": rule.component,
            "length": "",
            "public": rule.public or entry.name.startswith(self.policy.public_prefixes),
        }
        if row["state"] == "empty" or not_known:
            return row
        held = hold(self.keeper, entry.fingerprint, rule.component)
        row |= {"component": held.component, "fingerprint": held.part or None}
        if held.component == "password" and not held.part and not held.whole_is(has_host):
            row["kind"] = "setting"  # a URL to a local file holds no secret
        row |= judge(held, rule, self.policy, entry.environment, self.examples)
        if held.part and row["kind"] != "setting":
            row["strength_bits"] = min(row["strength_bits"], self.keeper.ask(held.part, strength.chosen_bits))
        return row

    def stand_in(self, rule: SecretRule | None, entry: Any) -> SecretRule:
        """A rule for what no rule is left for: another name for a secret, or what name and value say."""
        likely = likely_kind(entry.name, self._value_kinds(entry), self.policy)
        kind, component = ("secret", rule.component) if rule else likely
        own = SecretRule(entry.name, "", "setting", "", missing_severity="", component=component)
        return self._unlisted(own, component) if kind == "secret" else own

    def _as_found(self, rule: SecretRule, entry: Any) -> SecretRule:
        """The rule; of a setting whose value shows a secret that of a secret nobody listed.

        Else whoever may write the project's policy could call every secret a setting.
        """
        kinds = self._value_kinds(entry) if rule.kind == "setting" else []
        kind, component = likely_kind(entry.name, kinds, self.policy)
        shows = kind == "secret" and not {"URL with password", "generated"}.isdisjoint(kinds)
        return self._unlisted(rule, component) if shows else rule

    def _value_kinds(self, entry: Any) -> list[str]:
        mark = entry.fingerprint
        return [] if mark is None else [shape_by(lambda question: self.keeper.ask(mark, question))]

    def _unlisted(self, rule: SecretRule, component: str) -> SecretRule:
        days = self.policy.default_max_age_days
        return replace(rule, kind="unlisted", component=component, max_age_days=days)

    def _holds_nothing(self, rule: SecretRule, entry: Any) -> bool:
        """Whether there is no value, or one that says so: null or none, and of a secret false."""
        mark = entry.fingerprint
        if mark is None or not self.keeper.ask(mark, strength.is_no_value):
            return mark is None
        return rule.kind in ("secret", "unlisted") or not self.keeper.ask(mark, strength.is_plain)


def _demands(rule: SecretRule, variable: str, place: Place) -> dict[str, Any]:
    """The policy's columns. `demanded` is false if the rule is for another service or environment."""
    environment, service = place
    here = rule.service == service and (not rule.required_in or environment in rule.required_in)
    same = (
        "kind",
        "missing_severity",
        "exposure_severity",
        "fallback",
        "usual_format",
        "max_age_days",
        "period_stated",
    )
    return {
        **{name: getattr(rule, name) for name in same},
        "secret": rule.name,
        "variable": variable,
        "environment": environment,
        "service": service,
        "required": rule.required if rule.service == service else "",
        "demanded": here and rule.required != "",
        "renewal": rule.generate or rule.obtain,
        "min_length": rule.min_length or None,
        "good_length": rule.good_length or None,
        "format": format_of(rule, environment),
        "guide_lines": ", ".join(str(line) for line in rule.guide_lines),
    }
