"""The types of keys, and the check of a table: all faults at once, by file and key; none repeats a value."""

import re
import tomllib
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date
from functools import cache
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NotRequired, TypeVar, get_args, get_type_hints
from zoneinfo import ZoneInfo

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from audit_lib.base import bounded, clock, in_words
from audit_lib.base.errors import BadInput, Fault
from audit_lib.secrecy.strength import looks_generated

TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
FAULTS: dict[str, str] = TEXTS["faults"]
MOVED = TEXTS["moved"] | {old: text for names, text in TEXTS["renamed"] for old in names.split()}
LARGEST = 100_000  # of numbers: of days nearly three centuries
Made = TypeVar("Made")
Table = dict[str, Any]  # of a TOML file


def fault(text: str, kind: str = "settings") -> PydanticCustomError:
    """An error of a check, in words of our own."""
    return PydanticCustomError(kind, text)  # type: ignore[arg-type,unused-ignore]


def check(name: str, holds: Callable[[Any], object]) -> AfterValidator:
    """A check of a value that was read; `name` is its fault in texts.toml, or the fault itself."""

    def judge(value: Any) -> Any:
        with suppress(BadInput, OSError, ValueError, KeyError):
            if holds(value):
                return value
        raise fault(FAULTS.get(name, name))

    return AfterValidator(judge)


def among(*words: str) -> AfterValidator:
    """A check that a text is one of these words, or nothing."""
    return check(f"must be one of {', '.join(words)}", lambda text: text in ("", *words))


def text(kind: str) -> AfterValidator:
    """A check that a text is of a kind of texts.toml, or nothing."""
    if kind in TEXTS["words"]:
        return among(*TEXTS["words"][kind])
    return check(kind, lambda value: not value or re.fullmatch(TEXTS["patterns"][kind], value))


def no_two(key: str, most: int = 2_000) -> AfterValidator:
    """A check that a list has not too many blocks, and no two with the same text under a key."""

    def judge(blocks: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(blocks) > most:
            raise fault(f"has more than {most:,} tables")
        numbers: dict[str, int] = {}
        for number, block in enumerate(blocks, 1):
            if (first := numbers.setdefault(getattr(block, key), number)) != number:
                raise fault(f"#{first} and #{number} have the same {key}")
        return blocks

    return AfterValidator(judge)


def path_fault(text: str) -> str:
    """What is wrong with a path or pattern, which must stay within the project; "" if nothing is."""
    return next((wrong for pattern, wrong in TEXTS["paths"] if re.search(pattern, text)), "")


def leads_out(text: str, root: Path) -> bool:
    """Whether a link leads a path, up to its wildcard, out of the project, or cannot be followed."""
    try:
        parts = PurePosixPath(text).parts
        end = root.joinpath(*takewhile(lambda part: not re.search(r"[*?\[]", part), parts)).resolve()
        # From Python 3.13 on a circle of links is no error: it is left in the path.
        return not end.is_relative_to(root) or any(part.is_symlink() for part in (end, *end.parents))
    except (OSError, ValueError, RuntimeError):
        return True


def path_in_project(text: str, info: ValidationInfo) -> str:
    """A path in its plain form. The context of the check is the project's folder, or None."""
    linked = FAULTS["linked"] if info.context and leads_out(text, info.context) else ""
    if text and (wrong := path_fault(text) or linked):
        raise fault(wrong)
    return PurePosixPath(text).as_posix() if text else ""


def _refuse(_: object) -> object:
    raise fault("", "extra_forbidden")


Computed = BeforeValidator(_refuse)  # what the audit finds out itself: no file may state it
Needed = check("needed", bool)
Distinct = check("distinct", lambda values: len(set(values)) == len(values))
Some = Annotated[StrictStr, Needed]
Texts = Annotated[tuple[Some, ...], Distinct]
Count = Annotated[StrictInt, Field(ge=0, le=LARGEST)]
Days = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
Number = Annotated[Any, check("number", lambda it: type(it) in (int, float) and 0 <= it <= LARGEST)]
Statuses = Annotated[tuple[Annotated[StrictInt, Field(ge=100, le=599)], ...], Field(max_length=10), Distinct]
Severity = Annotated[StrictStr, among(*in_words.SEVERITIES)]
AnyVariable = Annotated[StrictStr, text("variable")]
Names = Annotated[tuple[Annotated[AnyVariable, Needed], ...], Distinct]
Digest = Annotated[StrictStr, text("digest")]
Expression = Annotated[
    Some, AfterValidator(lambda it: rf"\A(?:{it})\Z"), check("expression", bounded.is_expression)
]
_UNQUOTED = BeforeValidator(lambda it: it.isoformat() if isinstance(it, date) else it)  # TOML has dates, too
Instant = Annotated[StrictStr, _UNQUOTED, check("instant", lambda it: not it or clock.parse_instant(it, ""))]
Zone = Annotated[StrictStr, check("zone", lambda text: ZoneInfo(text or "UTC"))]
Name = Annotated[StrictStr, text("name")]
NameGiven = Annotated[Name, Needed]
InProject = Annotated[StrictStr, AfterValidator(path_in_project)]
InProjectGiven = Annotated[InProject, Needed]
InFull = Annotated[StrictStr, text("environment")]
Redirect = Annotated[StrictStr, text("redirect")]
Fact = Annotated[StrictStr, text("fact")]  # of the guide


class Block:
    """What a file writes as a table: it has the keys that are its fields, and no other."""

    __pydantic_config__ = pydantic.ConfigDict(extra="forbid", hide_input_in_errors=True)


def type_like(example: Any) -> Any:
    """The type of an example's value; of a table each key may be left out, and no other may be there."""
    if isinstance(example, dict):
        table = TypedDict("table", {key: NotRequired[type_like(example[key])] for key in example})  # type: ignore[misc]
        return pydantic.with_config(Block.__pydantic_config__)(table)
    if isinstance(example, list):
        return list[type_like(example[0])] if example else list[StrictStr]  # type: ignore[misc]
    return {bool: pydantic.StrictBool, str: StrictStr, int: Number, float: Number}.get(type(example), example)


def checked(
    kind: type[Made], table: Table, place: str, root: Path | None = None, beside: Collection[str] = ()
) -> Made:
    """A table as a value of its kind; `BadInput` with all of its faults by place and key.

    With a `root` a link out of it is a fault, too. A fault of an unknown key may suggest one of `beside`.
    """
    try:
        return adapter_of(kind).validate_python(table, context=root)  # type: ignore[arg-type,no-any-return]
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    raise BadInput(_fault(one, kind, table, place, beside) for one in found)


@cache
def adapter_of(kind: type) -> TypeAdapter[Any]:
    """What checks a kind of table: to make it takes longer than to check a policy."""
    return TypeAdapter(kind)


def _fault(error: Any, kind: type, table: Table, place: str, beside: Collection[str]) -> Fault:
    keys = list(takewhile(lambda part: part != "[key]", error["loc"]))
    block = table[keys[0]][keys[1]] if isinstance(keys[1:] and keys[1], int) else None
    if isinstance(block, dict):
        name = next(
            (block[key] for key in ("name", "path", "pattern", "number") if isinstance(block.get(key), str)),
            "",
        )
        is_shown = re.fullmatch(r"[\w./*-]{1,80}", name) and not any(
            map(looks_generated, re.split(r"[./]", name))
        )
        place, keys = f"{place}: {keys[0]} #{keys[1] + 1}{f' ({name})' if is_shown else ''}", keys[2:]
    text = TEXTS["types"].get(error["type"], "cannot be used")
    if error["type"] == "missing":
        text = f"has no {keys.pop()}"
    elif error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        for part in error["loc"][:-1]:
            kind = types_of_keys(kind)[part] if isinstance(part, str) else get_args(kind)[0]
        text = unknown_key(keys.pop(), [*types_of_keys(kind), *(beside if len(error["loc"]) == 1 else ())])
    elif error["type"] in ("settings", "greater_than_equal", "less_than_equal"):
        text = error["msg"].replace("Input should be", "must be")
    path = "".join(f" #{key + 1}" if isinstance(key, int) else f".{shown_key(key)}" for key in keys)
    return Fault(place, f"{path.lstrip('.')} {text}".lstrip())


def types_of_keys(kind: Any) -> dict[str, Any]:
    """The type of each key that a table of a file may have: of fields, by alias, that are not `Computed`."""
    whole = get_type_hints(kind, include_extras=True)
    facts = {name: getattr(annotated, "__metadata__", ()) for name, annotated in whole.items()}
    return {
        next(filter(None, (getattr(fact, "alias", None) for fact in facts[name])), name): hint
        for name, hint in get_type_hints(kind).items()
        if Computed not in facts[name]
    }


def unknown_key(key: str, known: Collection[str]) -> str:
    """The fault of a key that nothing reads, with the nearest that something does."""
    like = sorted({*known}) if key not in known and re.fullmatch(r"\w{1,40}", key) else []
    unknown = f"has an unknown key {shown_key(key)}{in_words.nearest(key, like)}"
    return f"{key} {MOVED[key]}" if key in MOVED else unknown


def shown_key(key: str) -> str:
    """A key as a fault may show it: one that is none could be a value that somebody pasted."""
    return bounded.shown_name("" if looks_generated(key) else key, r"[A-Za-z_][\w.-]{0,39}|\d{1,4}")
