"""Sets what the env sources hold beside what the policy expects: one row for each variable and place.

The keeper answers about each value: placeholder, published, length, formats, strength.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
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
Row = dict[str, Any]  # of Inventory
OF_RULE = (
    "kind", "component", "public", "missing_severity", "exposure_severity", "fallback", "usual_format",
    "max_age_days", "period_stated",
)  # fmt: skip


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
    services = {rule.service for rule in policy.secrets} - {""}
    places = {(environment, service) for environment in environments for service in services}
    shown = values_of_examples(entries, policy, keeper)
    examples = frozenset({*shown["whole"], *shown["fingerprint"]})
    judged = _Judge(policy, keeper, examples if entries["kind"].eq("example").any() else None)
    held = _held(entries)
    found: list[Row] = []
    for place in places | supplied.keys():
        nothing = {"state": "missing" if place in supplied else "not supplied", "origin": "", "loader": ""}
        nothing |= {"source": supplied.get(place, f"--env {'/'.join(place)}"), "length": ""}
        for rule, several in _assigned(held[place], place, policy):
            found += judged.rows(rule, several) or [_demands(rule, rule.name, place) | nothing]
    order = {rule.name: number for number, rule in enumerate(policy.secrets)}
    return Inventory.of(sorted(found, key=lambda row: _order(row, order)))


def rule_name(name: str, policy: Policy) -> str:
    """The name of the rule for a variable; its own if there is none."""
    rule = policy.rule(name)
    return rule.name if rule else name


def values_of_examples(entries: pd.DataFrame, policy: Policy, keeper: Keeper) -> pd.DataFrame:
    """What example files show: `other_secret`, `other_service`, the `whole` value, and of it the secret."""
    found = []
    for row in rows(entries[entries["kind"].eq("example") & entries["fingerprint"].notna()]):
        rule = policy.rule(row.name)
        held = hold(keeper, row.fingerprint, rule.component if rule else "whole")
        found.append((rule_name(row.name, policy), row.service, held.whole, held.part or held.whole))
    return pd.DataFrame(found, columns=["other_secret", "other_service", "whole", "fingerprint"], dtype="str")


def _held(entries: pd.DataFrame) -> dict[Place, dict[str, list[Any]]]:
    """For each place its variables, each with its entries, one a source; the last one counts."""
    named = entries[entries["kind"].isin(IN_FORCE) & entries["name"].notna()]
    # A stable sort: the order of the sources decides, given values come last and so count.
    ordered = named.sort_values("kind", key=lambda kind: kind.eq("given values"), kind="stable")
    held: dict[Place, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for entry in rows(ordered.drop_duplicates(["environment", "service", "name", "source"], keep="last")):
        held[entry.environment, entry.service][entry.name].append(entry)
    return held


def _order(row: Mapping[str, Any], rules: dict[str, int]) -> tuple[Any, ...]:
    """The policy's order, then names; the environments from development to production."""
    where, rule = row["environment"], rules.get(row["secret"], len(rules))
    stage = ENVIRONMENTS.index(where) if where in ENVIRONMENTS else len(ENVIRONMENTS)
    return (rule, row["secret"], row["service"], stage, where, row["variable"])


def _assigned(
    here: dict[str, list[Any]], place: Place, policy: Policy
) -> Iterator[tuple[SecretRule, list[Any]]]:
    """Each rule of a place with the entries that satisfy it, then what is left with a rule for it.

    Left are a rule's variable in another service, a second name for one, or what no rule names.
    """
    for rule in policy.secrets:
        if rule.service == place[1]:
            variable = next((name for name in (rule.name, *rule.aliases) if name in here), rule.name)
            yield rule, here.pop(variable, [])
    taken: set[str] = set()
    for name in sorted(here):
        known = policy.rule(name)
        if known and known.service != place[1] and known.name not in taken:
            taken.add(known.name)
            yield known, here[name]
        else:
            kind, component = ("unlisted", known.component) if known else ("", "whole")
            yield SecretRule(name, "", kind, "", missing_severity="", component=component), here[name]


@dataclass(frozen=True)
class _Judge:
    """Makes the rows of a variable that is there."""

    policy: Policy
    keeper: Keeper
    examples: frozenset[str] | None

    def rows(self, rule: SecretRule, entries: list[Any]) -> list[Row]:
        """The row of the last entry, which counts, and those of other values in other env files."""
        if not entries:
            return []
        known = rule if rule.kind else self._as_found(rule, entries[-1])
        *others, counts = [self._row(self._as_found(known, entry), entry) for entry in entries]
        beside = [row for row in others if _differ(counts, row)]
        return [counts, *(row | {"service": f"{row['service']} ({row['source']})"} for row in beside)]

    def _row(self, rule: SecretRule, entry: Any) -> Row:
        """The columns of Inventory for an entry by a rule."""
        is_known = not value_is_unknown(entry.faults.split(","))
        row = _demands(rule, entry.name, (entry.environment, entry.service)) | {
            "state": "empty" if is_known and self._holds_nothing(rule, entry) else "present",
            "source": entry.source,
            "line": entry.line,
            "origin": entry.kind,
            "loader": entry.loader,
            "length": "",
            "public": rule.public or entry.name.startswith(self.policy.public_prefixes),
        }
        if row["state"] == "empty" or not is_known:
            return row
        held = hold(self.keeper, entry.fingerprint, rule.component)
        row |= {"component": held.component, "whole": held.whole, "fingerprint": held.part or None}
        if held.component == "password" and not held.part and not held.whole_is(has_host):
            row["kind"] = "setting"  # a URL to a local file holds no secret
        row |= judge(held, rule, self.policy, entry.environment, self.examples)
        if held.part and row["kind"] != "setting":
            row["strength_bits"] = min(row["strength_bits"], self.keeper.ask(held.part, strength.chosen_bits))
        return row

    def _as_found(self, rule: SecretRule, entry: Any) -> SecretRule:
        """The rule; of what name or value show to be a secret that of a secret nobody listed.

        Of a setting of the policy only its value can show that: else whoever may write the policy could
        call every secret a setting.
        """
        kind, component = rule.kind, rule.component
        if kind in ("", "setting"):
            mark = entry.fingerprint
            forms = [] if mark is None else [shape_by(partial(self.keeper.ask, mark))]
            likely, cut = likely_kind(entry.name, forms, self.policy)
            shows = not kind or not {"URL with password", "generated"}.isdisjoint(forms)
            kind, component = ("unlisted", cut) if likely == "secret" and shows else ("setting", component)
        days = self.policy.default_max_age_days if kind == "unlisted" else rule.max_age_days
        return replace(rule, kind=kind, component=component, max_age_days=days)

    def _holds_nothing(self, rule: SecretRule, entry: Any) -> bool:
        """Whether there is no value, or one that says so: null or none, and of a secret false."""
        mark = entry.fingerprint
        return mark is None or (
            self.keeper.ask(mark, strength.is_no_value)
            and (rule.kind in ("secret", "unlisted") or not self.keeper.ask(mark, strength.is_plain))
        )


def _differ(one: Row, other: Row) -> bool:
    """Whether two env files hold two values of a secret; of a setting the later file simply counts."""
    both = {one["origin"], other["origin"]} == {"env file"} and "setting" not in (one["kind"], other["kind"])
    return both and len({one.get("fingerprint"), other.get("fingerprint")} - {None}) == 2


def _demands(rule: SecretRule, variable: str, place: Place) -> Row:
    """The policy's columns. `demanded` is false if the rule is for another service or environment."""
    environment, service = place
    here = rule.service == service and (not rule.required_in or environment in rule.required_in)
    return {name: getattr(rule, name) for name in OF_RULE} | {
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
    }
