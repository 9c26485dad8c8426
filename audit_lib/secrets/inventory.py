"""Sets what the env sources hold beside what the policy expects: one row for each variable and place."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from audit_lib.secrecy import strength, value_questions as values
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import chosen_bits
from audit_lib.secrets.contracts import Inventory
from audit_lib.secrets.env import value_is_unknown
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.secrets.value_rules import ValueInForce, format_of, hold, judge
from audit_lib.settings import ENVIRONMENTS, Policy, Project, SecretRule
from audit_lib.settings.kinds import likely_kind, shape_by

Entry = dict[str, Any]  # one row of EnvEntries
Place = tuple[str, str]  # environment, service


def tabulate_inventory(
    entries: pd.DataFrame,
    policy: Policy,
    project: Project,
    keeper: Keeper,
    sources: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """`Inventory`: each rule in each environment, then what no rule expects, in a total order.

    A variable is "missing" only if its place was supplied, else "not supplied". Given values take the
    place of a file's, a later file's that of an earlier one's. `Sources` is needed to tell an empty file,
    which has no entries, from one that was not supplied. Another value of a secret in another env file of
    the same place has a row of its own, as of the service `SERVICE (FILE)`: which is read is not known.
    """
    held = _in_force(entries)
    in_files = _in_each_file(entries)
    supplied = _supplied(entries, sources)
    examples = _example_fingerprints(entries, policy, keeper)
    named = {environment for environment, _ in supplied} | set(project.environments)
    rows: list[dict[str, Any]] = []
    for environment in sorted(named, key=_environment_order):
        services = {service for there, service in supplied if there == environment}
        for service in sorted(services | {rule.service for rule in policy.secrets} - {""}):
            place = (environment, service)
            here = dict(held.get(place, {}))
            found = [*_expected(here, place, policy), *_unexpected(here, place, policy, keeper)]
            for rule, entry in found:
                if entry is None:
                    rows.append(_absent(rule, place, supplied.get(place)))
                else:
                    in_place = _present(rule, entry, policy, keeper, examples)
                    beside = [
                        _present(rule, other, policy, keeper, examples) for other in _others(entry, in_files)
                    ]
                    rows += [in_place, *(_beside(other) for other in beside if _differ(in_place, other))]
    order = {rule.name: number for number, rule in enumerate(policy.secrets)}
    rows.sort(key=lambda row: _order(row, order))
    return Inventory.of(rows)


def _in_force(entries: pd.DataFrame) -> dict[Place, dict[str, Entry]]:
    """For each place its variables, each with the entry that counts."""
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    # A stable sort: the order of the sources decides, given values come last and so count.
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    held: dict[Place, dict[str, Entry]] = defaultdict(dict)
    for entry in ordered.to_dict("records"):
        held[entry["environment"], entry["service"]][entry["name"]] = {str(key): entry[key] for key in entry}
    return held


def _in_each_file(entries: pd.DataFrame) -> dict[tuple[str, str, str], list[Entry]]:
    """For each environment, service and name what env files hold under it, each file's last."""
    named = entries[entries["kind"].eq("env file") & entries["name"].notna()]
    place = ["environment", "service", "name"]
    found: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in named.drop_duplicates([*place, "source"], keep="last").to_dict("records"):
        found[entry["environment"], entry["service"], entry["name"]].append(
            {str(key): entry[key] for key in entry}
        )
    return found


def _others(entry: Entry, in_files: dict[tuple[str, str, str], list[Entry]]) -> list[Entry]:
    """What other env files of a place hold under the name of the entry that counts."""
    same = in_files.get((entry["environment"], entry["service"], entry["name"]), [])
    return [one for one in same if one["source"] != entry["source"]] if entry["kind"] == "env file" else []


def _environment_order(environment: str) -> tuple[int, str]:
    return (
        ENVIRONMENTS.index(environment) if environment in ENVIRONMENTS else len(ENVIRONMENTS),
        environment,
    )


def _order(row: dict[str, Any], rules: dict[str, int]) -> tuple[Any, ...]:
    """The policy's order, then names; the environments from development to production."""
    rule = rules.get(row["secret"], len(rules))
    return (rule, row["secret"], row["service"], _environment_order(row["environment"]), row["variable"])


def _differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows hold two values of a secret; of a setting the later file simply counts."""
    values = {one.get("fingerprint"), other.get("fingerprint")} - {None}
    return len(values) == 2 and "setting" not in (one["kind"], other["kind"])


def _beside(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"service": f"{row['service']} ({row['source']})"}


def _supplied(entries: pd.DataFrame, sources: pd.DataFrame | None) -> dict[Place, str]:
    """The places of which a source was read, with its name; also if it was empty."""
    rows = entries[entries["kind"].isin(IN_FORCE)]
    frames = [rows[["environment", "service", "source"]]]
    if sources is not None:
        read = sources["kind"].isin(IN_FORCE) & sources["state"].isin(("read", "empty"))
        frames.insert(0, sources.loc[read, ["environment", "service", "source"]])
    return {
        (str(row.environment), str(row.service)): str(row.source)
        for frame in frames
        for row in frame.drop_duplicates().itertuples(index=False)
    }


def _example_fingerprints(entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> frozenset[str] | None:
    """What example files hold, URL passwords among it; None if no example was read."""
    rows = entries[entries["kind"] == "example"]
    if rows.empty:
        return None
    found: set[str] = set()
    for name, fingerprint in rows.loc[rows["fingerprint"].notna(), ["name", "fingerprint"]].to_numpy():
        rule = policy.rule(name)
        held = hold(keeper, fingerprint, rule.component if rule else "whole")
        found |= {held.whole, held.part} - {""}
    return frozenset(found)


def _expected(
    here: dict[str, Entry], place: Place, policy: Policy
) -> Iterator[tuple[SecretRule, Entry | None]]:
    """Each rule of a place with the entry that satisfies it, which is taken out of `here`."""
    for rule in policy.secrets:
        if rule.service == place[1]:
            variable = next((name for name in (rule.name, *rule.aliases) if name in here), rule.name)
            yield rule, here.pop(variable, None)


def _unexpected(
    here: dict[str, Entry], place: Place, policy: Policy, keeper: Keeper
) -> Iterator[tuple[SecretRule, Entry | None]]:
    """What is left: a rule's variable in another service, a second name for one, or what no rule names."""
    taken: set[str] = set()
    for name in sorted(here):
        rule = policy.rule(name)
        if rule and rule.service != place[1] and rule.name not in taken:
            taken.add(rule.name)
            yield rule, here[name]
        else:
            yield _stand_in(rule, here[name], policy, keeper), here[name]


def _stand_in(rule: SecretRule | None, entry: Entry, policy: Policy, keeper: Keeper) -> SecretRule:
    """A rule for what no rule is left for: another name for a secret, or what name and value say it is."""
    shapes = _shapes(entry, keeper)
    kind, component = ("secret", rule.component) if rule else likely_kind(entry["name"], shapes, policy)
    own = SecretRule(entry["name"], "", "setting", "", missing_severity="", component=component)
    return _unlisted(own, component, policy) if kind == "secret" else own


def _as_found(rule: SecretRule, entry: Entry, policy: Policy, keeper: Keeper) -> SecretRule:
    """The rule; of a setting whose value shows a secret that of a secret nobody listed.

    Else whoever may write the project's policy could call every secret a setting.
    """
    shapes = _shapes(entry, keeper) if rule.kind == "setting" else []
    if not {"URL with password", "generated"} & set(shapes):
        return rule
    kind, component = likely_kind(entry["name"], shapes, policy)
    return _unlisted(rule, component, policy) if kind == "secret" else rule


def _shapes(entry: Entry, keeper: Keeper) -> list[str]:
    """The shape of an entry's value, if it is known."""
    mark = entry["fingerprint"]
    return [] if pd.isna(mark) else [shape_by(lambda question: keeper.ask(mark, question))]


def _unlisted(rule: SecretRule, component: str, policy: Policy) -> SecretRule:
    return replace(rule, kind="unlisted", component=component, max_age_days=policy.default_max_age_days)


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


def _present(
    rule: SecretRule, entry: Entry, policy: Policy, keeper: Keeper, examples: frozenset[str] | None
) -> dict[str, Any]:
    place, variable = (entry["environment"], entry["service"]), entry["name"]
    rule = _as_found(rule, entry, policy, keeper)
    not_known = value_is_unknown(entry["faults"].split(","))
    row = {
        **_demands(rule, variable, place),
        "state": "empty" if not not_known and _holds_nothing(rule, entry, keeper) else "present",
        "source": entry["source"],
        "line": entry["line"],
        "origin": entry["kind"],
        "loader": entry["loader"],
        "component": rule.component,
        "length": "",
        "public": rule.public or variable.startswith(policy.public_prefixes),
    }
    if row["state"] == "empty" or not_known:
        return row
    held = hold(keeper, entry["fingerprint"], rule.component)
    row |= {"component": held.component, "fingerprint": held.part or None, "kind": _kind(rule, held)}
    row |= judge(held, rule, policy, place[0], examples)
    if held.part and row["kind"] != "setting":
        row["strength_bits"] = min(row["strength_bits"], keeper.ask(held.part, chosen_bits))
    return row


def _holds_nothing(rule: SecretRule, entry: Entry, keeper: Keeper) -> bool:
    """Whether there is no value, or one that says so: null or none, and of a secret false."""
    mark = entry["fingerprint"]
    if pd.isna(mark) or not keeper.ask(mark, strength.is_no_value):
        return bool(pd.isna(mark))
    return rule.kind in ("secret", "unlisted") or not keeper.ask(mark, strength.is_plain)


def _kind(rule: SecretRule, held: ValueInForce) -> str:
    """A URL to a local file, without host and password, holds no secret."""
    local = held.component == "password" and not held.part and not held.whole_is(values.has_host)
    return "setting" if local else rule.kind


def _demands(rule: SecretRule, variable: str, place: Place) -> dict[str, Any]:
    """The policy's columns. `demanded` is false if the rule is for another service or environment."""
    environment, service = place
    here = rule.service == service and (not rule.required_in or environment in rule.required_in)
    return {
        "secret": rule.name,
        "variable": variable,
        "environment": environment,
        "service": service,
        "kind": rule.kind,
        "required": rule.required if rule.service == service else "",
        "demanded": here and rule.required != "",
        "missing_severity": rule.missing_severity,
        "exposure_severity": rule.exposure_severity,
        "fallback": rule.fallback,
        "renewal": rule.generate or rule.obtain,
        "min_length": rule.min_length or None,
        "good_length": rule.good_length or None,
        "format": format_of(rule, environment),
        "usual_format": rule.usual_format,
        "max_age_days": rule.max_age_days,
        "period_stated": rule.period_stated,
        "guide_lines": ", ".join(str(line) for line in rule.guide_lines),
    }
