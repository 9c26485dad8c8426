"""Checks a table of settings against its model: all faults at once, by file and key, and no value in them."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, TypeVar, get_args, get_type_hints

from pydantic import Field, StrictBool, StrictFloat, StrictStr, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from audit_lib.base.bounded import shown_name
from audit_lib.base.errors import Fault
from audit_lib.base.in_words import nearest
from audit_lib.secrecy.strength import looks_generated
from audit_lib.settings.models import LARGEST, TEXTS, Block, Policy, Project

KEYS: dict[str, str] = TEXTS["keys"]  # what a key of the files is called in the values, if not the same
MOVED: dict[str, str] = TEXTS["moved"]  # where a key of 0.2 went
Number = Annotated[StrictFloat, Field(ge=0, le=LARGEST)]
Made = TypeVar("Made")


def checked(kind: type[Made], table: Mapping[str, Any], place: str, faults: list[Fault]) -> Made | None:
    """A table as a value of its kind; None if it has faults, which are noted by place and key."""
    named = {KEYS.get(key, key): value for key, value in table.items()}
    try:
        return TypeAdapter(kind).validate_python(named)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    faults += [_fault(one, kind, named, place) for one in found]
    return None


def _fault(error: Any, kind: type, value: Any, place: str) -> Fault:
    """The fault of one error: place, the block with its number and name, and what is wrong with the key."""
    spelt = {KEYS[key]: key for key in KEYS if kind is Project or key != "log_formats"}
    block, key = "", ""
    for part in error["loc"]:
        if part == "[key]":
            break
        if isinstance(part, str):
            value = value.get(part) if isinstance(value, Mapping) else None
            key = f"{key}.{shown_key(part)}" if key else shown_key(spelt.get(part, part))
            continue
        value = value[part]
        key = f"{key} #{part + 1}"
        if isinstance(value, dict):
            block, key = f": {key}{_label(value)}", ""
    if error["type"] == "missing":
        text = f"has no {key}"
        key = ""
    elif error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        key, _, last = key.rpartition(".")
        text = unknown_key(last, [spelt.get(name, name) for name in _keys(kind, error["loc"])])
    elif error["type"].endswith("_than_equal"):  # the bounds are ours
        text = error["msg"].replace("Input should be", "must be")
    else:
        text = (
            error["msg"]
            if error["type"] == "settings"
            else TEXTS["types"].get(error["type"], "cannot be used")
        )
    return Fault(place + block, f"{key} {text}".lstrip())


def _label(block: Mapping[str, Any]) -> str:
    name = next((block[key] for key in ("name", "path", "pattern", "number") if key in block), "")
    known = isinstance(name, str) and re.fullmatch(r"[\w./*-]{1,80}", name)
    return f" ({name})" if known and not any(map(looks_generated, re.split(r"[./]", name))) else ""


def _keys(kind: Any, parts: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand where a fault is: at the top of a file those of project and policy."""
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


# ---- What depends on other keys, or on another policy ----


def type_like(example: Any) -> Any:
    """The type of an example's value; of a table each key may be left out, and no other may stand there."""
    if isinstance(example, dict):
        table = TypedDict("table", {key: NotRequired[type_like(example[key])] for key in example})  # type: ignore
        return with_config(Block.__pydantic_config__)(table)
    if isinstance(example, list):
        return list[type_like(example[0])] if example else list[StrictStr]  # type: ignore[misc]
    return {bool: StrictBool, str: StrictStr, int: Number, float: Number}.get(type(example), example)


def type_of_detections(bundled: Mapping[str, Any]) -> Any:
    """The type of a file with [detections]: keys of the bundled ones, and what these leave to the owner.

    Names of before 0.3.0 pass: they are refused where the new ones are known (logins/parameters.py).
    """
    failure = {"statuses": [401], "messages": [""], "ambiguous_routes": [""]}
    own = {"failure": failure, "clients": "real", "limits_requests": False, "known_clients": [""]}
    names = {"grace_hours": Mapping[str, Number]} | {f"A{number}": Any for number in range(1, 21)}
    return TypedDict("file", {"detections": type_like({**bundled, **own, **names})})  # type: ignore


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
