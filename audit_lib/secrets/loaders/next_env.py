"""Reads an env file as Next does: dotenv's parser, then `$name` is filled in, whatever the quotes.

Source: npm @next/env 16.4.6, dist/index.js (dotenv 16.3.1, and its copy of dotenv-expand).
"""

import re
from dataclasses import replace

from audit_lib.secrets.loaders import node_dotenv
from audit_lib.secrets.loaders.statement import MAX_VALUE_CHARACTERS, Reading

# A reference that leads back to itself ends node's stack; Next then leaves the whole file out.
MAX_STEPS = 2_000
MAX_STEPS_IN_ALL = 20_000
_REFERENCE = re.compile(r"(?<!\\)\$\{?([A-Za-z0-9_]+)(?::-([^}\\]*))?\}?")


class _Endless(Exception):
    """A value refers to itself."""


def read(text: str) -> Reading:
    """The statements of a text; what refers to a variable that is set twice gets the last value."""
    reading = node_dotenv.read(text)
    written = {one.name: one.value or "" for one in reading.statements if one.name is not None}
    held, unknown = dict(written), set[str]()
    steps_left = MAX_STEPS_IN_ALL
    try:
        for name, value in written.items():
            held[name], others = _filled_in(value, held, min(MAX_STEPS, steps_left))
            steps_left -= len(others)
            if any(other not in held or other in unknown for other in others):
                unknown.add(name)
    except _Endless:
        return Reading(reading.statements, refused=True)
    return Reading(
        tuple(
            replace(one, value=None if one.name in unknown else held[one.name])
            if one.name and one.value == written[one.name]
            else one
            for one in reading.statements
        )
    )


def _filled_in(value: str, held: dict[str, str], most: int) -> tuple[str, list[str]]:
    """The value with its references filled in, the last one first, and the names that it refers to."""
    others: list[str] = []
    while len(others) < most and len(value) <= MAX_VALUE_CHARACTERS:
        dollar = _last_dollar(value)
        reference = _REFERENCE.search(value[dollar:]) if dollar >= 0 else None
        if not reference:
            return value.replace("\\$", "$"), others
        name, default = reference.groups()
        others.append(name)
        value = _replaced(value, reference[0], default or held.get(name, ""))
    raise _Endless


def _last_dollar(value: str) -> int:
    """Where the last dollar sign without a backslash before it is, or -1."""
    at = value.rfind("$")
    while at > 0 and value[at - 1] == "\\":
        at = value.rfind("$", 0, at)
    return at


def _replaced(value: str, reference: str, other: str) -> str:
    """The value with its first such text replaced as JavaScript's `replace` does, `$&` and its like read."""
    before, _, behind = value.partition(reference)
    meaning = {"$$": "$", "$&": reference, "$`": before, "$'": behind}
    return before + re.sub(r"\$[$&`']", lambda found: meaning[found[0]], other) + behind
