"""One answer of a configuration file to a question about secrets; and those of a detect-secrets baseline."""

import json
from collections.abc import Iterator
from dataclasses import dataclass


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
