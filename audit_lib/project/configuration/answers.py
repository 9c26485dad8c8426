"""One answer of a configuration file to a question about secrets, and how such a file is taken apart."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml


class NotUnderstood(Exception):
    """A file whose form is not the one that its name promises."""


@dataclass(frozen=True)
class Answer:
    """What one line says. Holds names alone, never a value."""

    topic: str  # one of TOPICS of the contract
    source: str
    subject: str
    answer: str  # yes: as it should be | no | unknown
    service: str = ""
    line: int | None = None
    reason: str = ""


def named(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """The values of a YAML mapping by their names."""
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def scalar(node: yaml.Node | None) -> str:
    """The text of a YAML scalar; "" of anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def unread(source: str, reason: str) -> Answer:
    """The answer of a file that cannot be read."""
    return Answer("file", source, source, "unknown", reason=reason)


def baseline_answers(source: str, text: str) -> Iterator[Answer]:
    """For each entry whether somebody called it no secret; `NotUnderstood` if it is no baseline."""
    try:
        results = json.loads(text)["results"]
        entries = [
            (str(path), entry.get("line_number"), entry.get("is_secret"))
            for path in results
            for entry in results[path]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstood from error
    for path, line, is_secret in entries:
        reason = "nobody said if it is a secret" if is_secret is None else "somebody said that it is a secret"
        place = f"{path}:{line}" if type(line) is int else path
        answer = "yes" if is_secret is False else "no"
        yield Answer("baseline entry", source, place, answer, reason="" if is_secret is False else reason)
