"""Checks a table of settings against its model: all faults at once, by file and key, and no value in them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from audit_lib.base.bounded import shown_name
from audit_lib.base.errors import Fault
from audit_lib.base.in_words import nearest
from audit_lib.secrecy.strength import looks_generated
from audit_lib.settings.fields import LARGEST, UNKNOWN_KEY
from audit_lib.settings.models import BLOCKS, Policy, Project

# What a key of the files is called in the values, where the names differ.
KEYS = {
    **{"secret": "secrets", "env": "env_sources", "log": "log_sources"},
    **{"deploys": "deploy_sources", "evidence": "evidence_sources", "log_formats": "formats"},
}
_SPELT = {name: key for key, name in KEYS.items() if key != "log_formats"}
# Where a key of 0.2 went.
MOVED = {
    "policy": "is now extends, which names a bundled policy",
    "metadata": "is now keys of [[secret]]: a block named as an extended one changes only what it says",
    "grep": "is gone: no search that a guide prescribes is judged any more",
    "controls": "is gone: nothing read it",
    "platform": "is gone: nothing read it",
    "consumer": "is no table any more: name them in consumers of [[secret]]",
}
_TYPES = {
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "mapping_type": "must be a table",
    "dict_type": "must be a table",
    "dataclass_type": "is not a table",
}
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
# Of [detections] what the bundled policies leave to the owner; each value shows its type.
_OWN_DETECTIONS: Mapping[str, Any] = {
    "failure": {"statuses": [401], "messages": [""], "ambiguous_routes": [""]},
    "grace_hours": {"*": 24},
    **{"clients": "real", "limits_requests": False, "known_clients": [""]},
}
Made = TypeVar("Made")


def checked(kind: type[Made], table: Mapping[str, Any], place: str, faults: list[Fault]) -> Made | None:
    """A table as a value of its kind; None if it has faults, which are noted by place and key."""
    try:
        return TypeAdapter(kind).validate_python({KEYS.get(key, key): table[key] for key in table})
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    for one in found:
        block, key = _located(one["loc"], table)
        faults.append(Fault(f"{place}: {block}" if block else place, _fault_text(one, key, kind)))
    return None


def _located(parts: tuple[str | int, ...], table: Mapping[str, Any]) -> tuple[str, str]:
    """The block of a fault, with its number and name, and the key in it."""
    block, key = "", ""
    value: Any = table
    for number, named in enumerate(parts[: parts.index("[key]") if "[key]" in parts else None]):
        # What a key of a value is called in the file.
        written = (name for name in table if number == 0 and KEYS.get(name, name) == named)
        part = next(written, _SPELT.get(str(named), named) if number == 0 else named)
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, list | tuple) and isinstance(part, int) else None
        if isinstance(part, str):
            key = f"{key}.{shown_key(part)}" if key else shown_key(part)
        elif isinstance(value, dict):
            block, key = f"{key} #{part + 1}{_label(value)}", ""
        else:
            key = f"{key} #{part + 1}"
    return block, key


def _label(block: Mapping[str, Any]) -> str:
    name = next((block[key] for key in ("name", "path", "pattern", "number") if key in block), "")
    known = isinstance(name, str) and re.fullmatch(r"[\w./*-]{1,80}", name)
    return f" ({name})" if known and not any(map(looks_generated, re.split(r"[./]", name))) else ""


def _fault_text(error: Any, key: str, kind: type) -> str:
    if error["type"] == "missing":
        return f"has no {key}"
    if error["type"] in _UNKNOWN or error["msg"] == UNKNOWN_KEY:
        table, _, last = key.rpartition(".")
        # The keys that may stand where the fault is.
        first = str(error["loc"][0])
        inner = BLOCKS.get(_SPELT.get(first, first)) if len(error["loc"]) > 1 else None
        kinds = (inner,) if inner else (kind,) if kind not in (Policy, Project) else (Policy, Project)
        known = sorted({_SPELT.get(one.name, one.name) for made in kinds for one in fields(made)})
        return f"{table} {unknown_key(last, known)}".lstrip()
    text = error["msg"] if error["type"] == "settings" else _TYPES.get(error["type"], "cannot be used")
    if error["type"].endswith("_than_equal"):  # the bounds are ours
        text = error["msg"].replace("Input should be", "must be")
    return f"{key} {text}" if key else str(text)


def unknown_key(key: str, known: list[str]) -> str:
    """The fault of a key that nothing reads, with the nearest that something does."""
    if key in MOVED:
        return f"{key} {MOVED[key]}"
    near = nearest(key, known) if key not in known and re.fullmatch(r"\w{1,40}", key) else ""
    return f"has an unknown key {shown_key(key)}{near}"


def shown_key(key: str) -> str:
    """A key as a fault may show it: one that is none could be a value that somebody pasted."""
    return shown_name("" if looks_generated(key) else key, r"[A-Za-z_][\w.-]{0,39}|\d{1,4}")


# ---- What depends on several keys ----


def detection_faults(given: Any, bundled: Mapping[str, Any], place: str) -> list[Fault]:
    """The faults of a [detections]: a key that no bundled policy has, another type, a number out of range.

    Names of detections before 0.3.0 are refused where the new ones are known (logins/parameters.py).
    """
    if isinstance(given, dict):
        given = {name: value for name, value in given.items() if not re.fullmatch(r"A\d{1,2}", name)}
    return list(_unlike(given, {**bundled, **_OWN_DETECTIONS}, "detections", place))


def _unlike(given: Any, example: Any, key: str, place: str) -> Iterator[Fault]:
    if isinstance(example, Mapping):
        if not isinstance(given, dict):
            yield Fault(place, f"{key} must be a table")
            return
        for name, value in given.items():
            if name not in example and "*" not in example:
                yield Fault(f"{place}: {key}", unknown_key(name, list(example)))
            else:
                inner = example.get(name, example.get("*"))
                yield from _unlike(value, inner, f"{key}.{shown_key(name)}", place)
    elif isinstance(example, list):
        if not isinstance(given, list) or len({type(one) for one in (*given, *example)}) > 1:
            yield Fault(place, f"{key} must be a list of {'numbers' if example == [401] else 'texts'}")
    elif isinstance(example, int | float) and not isinstance(example, bool):
        if type(given) not in (int, float) or not 0 <= given <= LARGEST:
            yield Fault(place, f"{key} must be a number from 0 to {LARGEST}")
    elif type(given) is not type(example):
        yield Fault(place, f"{key} must be {'a text' if isinstance(example, str) else 'true or false'}")


def cross_faults(policy: Policy, place: str) -> list[Fault]:
    """The faults of names that a policy uses and does not have, or has twice."""
    faults = []
    spelt = [name for rule in policy.secrets for name in (rule.name, *rule.aliases)]
    for name in sorted({name for name in spelt if spelt.count(name) > 1}):
        faults.append(
            Fault(place, f"secret {shown_key(name)} appears {spelt.count(name)} times (as name or alias)")
        )
    for number, rule in enumerate(policy.secrets, 1):
        block = f"{place}: secret #{number} ({rule.name})"
        for key in ("equals", "differs", "rotates_with"):
            for other in getattr(rule, key):
                if other == rule.name or policy.rule(other) is None:
                    text = f"{key} {shown_key(other)} must name another variable of the policy"
                    faults.append(Fault(block, text))
        used = {rule.format, rule.usual_format, *rule.forbidden_formats, *rule.environment_formats.values()}
        unknown = sorted(used - {"", *policy.formats})
        faults += [Fault(block, f"format {shown_key(name)} is not in [formats]") for name in unknown]
    return faults
