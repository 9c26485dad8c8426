"""Checks a table of settings against its model: all faults at once, by file and key, and no value in them."""

import re
from collections import Counter
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from audit_lib.base.bounded import shown_name
from audit_lib.base.errors import Fault
from audit_lib.base.in_words import nearest
from audit_lib.secrecy.strength import looks_generated
from audit_lib.settings.models import TEXTS, Policy, Project

KEYS: dict[str, str] = TEXTS["keys"]  # what a key of the files is called in the values, if not the same
MOVED: dict[str, str] = TEXTS["moved"]  # where a key of 0.2 went
Made = TypeVar("Made")


def checked(
    kind: type[Made], table: Mapping[str, Any], place: str, faults: list[Fault], root: Path | None = None
) -> Made | None:
    """A table as a value of its kind; None if it has faults, which are noted by place and key.

    With a `root` a path that a link leads out of it is a fault, too.
    """
    named = {KEYS.get(key, key): value for key, value in table.items()}
    try:
        return TypeAdapter(kind).validate_python(named, context=root)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    faults += [_fault(one, kind, named, place) for one in found]
    return None


def _fault(error: Any, kind: type, value: Any, place: str) -> Fault:
    """The fault of one error: place, the block with its number and name, and what is wrong with the key."""
    spelt = {KEYS[key]: key for key in KEYS if kind is Project or key != "log_formats"}
    keys: list[str] = []
    for part in takewhile(lambda part: part != "[key]", error["loc"]):
        if isinstance(part, str):
            value = value.get(part) if isinstance(value, Mapping) else None
            keys.append(shown_key(part if keys else spelt.get(part, part)))
            continue
        value = value[part]
        keys[-1] += f" #{part + 1}"
        if isinstance(value, dict):
            place, keys = f"{place}: {'.'.join(keys)}{_label(value)}", []
    text = error["msg"].replace("Input should be", "must be")  # of a bound, or in words of our own
    if error["type"] == "missing":
        text = f"has no {keys.pop()}"
    elif error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        text = unknown_key(keys.pop(), [spelt.get(name, name) for name in _keys(kind, error["loc"])])
    elif error["type"] != "settings" and not error["type"].endswith("_than_equal"):
        text = TEXTS["types"].get(error["type"], "cannot be used")
    return Fault(place, f"{'.'.join(keys)} {text}".lstrip())


def _label(block: Mapping[str, Any]) -> str:
    """The name of a block, or where it is, as a fault may show it."""
    name = next((block[key] for key in ("name", "path", "pattern", "number") if key in block), "")
    known = isinstance(name, str) and re.fullmatch(r"[\w./*-]{1,80}", name)
    return f" ({name})" if known and not any(map(looks_generated, re.split(r"[./]", name))) else ""


def _keys(kind: Any, parts: tuple[str | int, ...]) -> list[str]:
    """The keys that may be where a fault is: at the top of a file those of project and policy."""
    if len(parts) == 1 and kind in (Policy, Project):
        return [*get_type_hints(Project), *get_type_hints(Policy)]
    for part in parts[:-1]:
        kind = get_type_hints(kind)[part] if isinstance(part, str) else get_args(kind)[0]
    return list(get_type_hints(kind))


def unknown_key(key: str, known: list[str]) -> str:
    """The fault of a key that nothing reads, with the nearest that something does."""
    if key in MOVED:
        return f"{key} {MOVED[key]}"
    near = nearest(key, sorted({*known})) if key not in known and re.fullmatch(r"\w{1,40}", key) else ""
    return f"has an unknown key {shown_key(key)}{near}"


def shown_key(key: str) -> str:
    """A key as a fault may show it: one that is none could be a value that somebody pasted."""
    return shown_name("" if looks_generated(key) else key, r"[A-Za-z_][\w.-]{0,39}|\d{1,4}")


def cross_faults(policy: Policy, place: str) -> list[Fault]:
    """The faults of names that a policy uses and does not have, or has twice."""
    spelt = Counter(name for rule in policy.secrets for name in (rule.name, *rule.aliases))
    twice = {name: count for name, count in sorted(spelt.items()) if count > 1}
    faults = [
        Fault(place, f"secret {shown_key(name)} appears {count} times (as name or alias)")
        for name, count in twice.items()
    ]
    for number, rule in enumerate(policy.secrets, 1):
        block = f"{place}: secret #{number} ({rule.name})"
        others = [(key, one) for key in ("equals", "differs", "rotates_with") for one in getattr(rule, key)]
        faults += [
            Fault(block, f"{key} {shown_key(other)} must name another variable of the policy")
            for key, other in others
            if other == rule.name or other not in spelt
        ]
        used = {rule.format, rule.usual_format, *rule.forbidden_formats, *rule.environment_formats.values()}
        unknown = sorted(used - {"", *policy.formats})
        faults += [Fault(block, f"format {shown_key(name)} is not in [formats]") for name in unknown]
    return faults
