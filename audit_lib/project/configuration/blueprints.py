"""Reads a Render blueprint: how each service's secrets are supplied, and what previews get of them.

Source: Render's blueprint reference: `envVars` and `envVarGroups`, with `value`, `generateValue`, `sync`,
`fromDatabase`, `fromService`, `fromGroup` and `previewValue`; variables with `sync: false` are not copied to
previews.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import yaml

from audit_lib.project.configuration.answers import Answer, NotUnderstood, named, scalar
from audit_lib.project.likely_kind import likely_kind, shape_by
from audit_lib.project.policy.rules import Policy

REFERENCES = ("fromDatabase", "fromService", "generateValue")
PREVIEWS = ("previews", "previewsEnabled", "pullRequestPreviewsEnabled")
MOST_ITEMS = 1_000  # of a list, and keys of a mapping: aliases repeat what they name
MOST_VARIABLES = 10_000  # of all services, those of their groups among them
Mapping = dict[str, yaml.Node]


@dataclass(frozen=True)
class _Variable:
    name: str
    line: int
    supplied: Mapping


def blueprint_answers(source: str, text: str, policy: Policy) -> Iterator[Answer]:
    """For each secret of each service: no text in the blueprint, none for previews, set in one place.

    Raises `NotUnderstood` if it is not a blueprint.
    """
    root = _mapping(_composed(text))
    groups = {scalar(one.get("name")): _variables(one) for one in _mappings(root.get("envVarGroups"))}
    for group, variables in groups.items():
        yield from _supplied(source, group, variables, policy)
    seen = 0
    for service in _mappings(root.get("services")):
        name, variables = scalar(service.get("name")), _variables(service)
        yield from _supplied(source, name, variables, policy)
        joined = [scalar(one["fromGroup"]) for one in _mappings(service.get("envVars")) if "fromGroup" in one]
        everything = [*variables, *chain.from_iterable(groups.get(group, []) for group in joined)]
        seen += len(everything)
        if seen > MOST_VARIABLES:
            raise NotUnderstood
        yield from _once(source, name, everything, whole=set(joined) <= groups.keys())
        if _has_previews(root) or _has_previews(service):
            secrets = (one for one in everything if _is_secret(one, policy))
            yield from (_preview(source, name, one) for one in secrets)


def _composed(text: str) -> yaml.Node | None:
    """The nodes of the text, which alone have lines; aliases stay shared, so they cannot grow."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise NotUnderstood from error


def _mapping(node: yaml.Node | None) -> Mapping:
    if not isinstance(node, yaml.MappingNode):
        raise NotUnderstood
    inner = named(node)
    if len(node.value) > MOST_ITEMS or "<<" in inner:  # what a merge brings in is not looked at
        raise NotUnderstood
    return inner


def _mappings(node: yaml.Node | None) -> list[Mapping]:
    """The mappings of a list; none if nothing is there."""
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return []
    if not isinstance(node, yaml.SequenceNode) or len(node.value) > MOST_ITEMS:
        raise NotUnderstood
    return [_mapping(one) for one in node.value]


def _variables(owner: Mapping) -> list[_Variable]:
    keyed = [one for one in _mappings(owner.get("envVars")) if "key" in one]
    return [_Variable(scalar(one["key"]), one["key"].start_mark.line + 1, one) for one in keyed]


def _is_secret(variable: _Variable, policy: Policy) -> bool:
    """By the policy; of what it does not know, by the name and by what a text looks like."""
    rule, text = policy.rule(variable.name), scalar(variable.supplied.get("value"))
    shape = shape_by(lambda question: question(text))
    return (rule.kind if rule else likely_kind(variable.name, (shape,), policy)[0]) == "secret"


def _supplied(source: str, service: str, variables: list[_Variable], policy: Policy) -> Iterator[Answer]:
    """Whether a secret comes from elsewhere: a text in the blueprint is a text in git."""
    for variable in variables:
        if _is_secret(variable, policy):
            literal = "value" in variable.supplied and bool(scalar(variable.supplied["value"]))
            known = literal or any(key in variable.supplied for key in (*REFERENCES, "sync"))
            answer = "no" if literal else "yes" if known else "unknown"
            yield Answer("blueprint value", source, variable.name, answer, service, variable.line)


def _once(source: str, service: str, variables: list[_Variable], *, whole: bool) -> Iterator[Answer]:
    """Whether a name is set in one place: a service's own variable hides its group's.

    Not `whole`: the service joins a group that the blueprint does not hold.
    """
    lines: dict[str, list[int]] = {}
    for variable in variables:
        lines.setdefault(variable.name, []).append(variable.line)
    for name, met in lines.items():
        also = f"also in line {', '.join(map(str, met[1:]))}" if len(met) > 1 else ""
        answer = "no" if also else "yes" if whole else "unknown"
        yield Answer("blueprint name", source, name, answer, service, met[0], also)


def _has_previews(owner: Mapping) -> bool:
    for key in PREVIEWS:
        node = owner.get(key)
        if isinstance(node, yaml.MappingNode):
            node = _mapping(node).get("generation")
        if node is not None and scalar(node).lower() not in ("", "off", "false", "no"):
            return True
    return False


def _preview(source: str, service: str, variable: _Variable) -> Answer:
    supplied = variable.supplied
    apart = (
        "previewValue" in supplied
        or scalar(supplied.get("sync")).lower() == "false"
        or "fromDatabase" in supplied
    )
    answer = "yes" if apart else "no" if "value" in supplied else "unknown"
    return Answer("blueprint preview", source, variable.name, answer, service, variable.line)
