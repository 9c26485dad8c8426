"""Reads a detect-secrets baseline: of each entry somebody must have said that it is no secret."""

import json
from collections.abc import Iterator

from audit_lib.project.configuration.answers import Answer, NotUnderstood


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
