"""Log formats and message kinds as data: loads log_formats.toml and reports all its faults at once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, ValidationError, field_validator, model_validator

from audit_lib.base.bounded import MAX_BYTES, parse_toml, read_text_file, shown_name
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import SourceBytes, read_source
from audit_lib.base.in_words import MESSAGE_KINDS, REQUEST_KINDS
from audit_lib.logs.logins import FAILURES, LET_IN, answers_of, phrases_of
from audit_lib.logs.structured import OUTCOME, FieldNames
from audit_lib.logs.templates import Block, Choice, parse_template
from audit_lib.logs.values import BEHIND_WORD, QUERY_LISTS, SMALL, Words, possible_client, secret_finder
from audit_lib.settings import Login, Project

BUNDLED = Path(__file__).with_name("log_formats.toml")
POSSIBLE_FAILURE = "possible login failure"
SECRET_IN_URL = "secret in a url"  # noqa: S105  the name of an event
CLOCK_SET_BACK = "clock set back"
MOST_NAMES = 100_000  # of routes and addresses that differ: the others are counted together, under …
OTHER_ROUTES = "(other routes)"  # … a name that no path has
BOOT = "secrets valid"  # what a start writes
SHOWING_VALUES = ("value in a validation error", SECRET_IN_URL)  # messages whose lines show a value

_NAME = r"[\w ,.:/-]{1,80}"
_EXAMPLES = ("examples", "counter_examples")
_NEEDED = ("time", "text", "status", "client", "method", "path", "level", "labels", "foreign", *_EXAMPLES)
_JSON_LISTS = (*_NEEDED, "cause", "wrapper", "records")
_POSSIBLE_LISTS = ("about", "failing", "before_address", *_EXAMPLES)
_Text = Annotated[str, Field(min_length=1)]
_Some = Annotated[tuple[_Text, ...], Field(min_length=1)]


class _Written(BaseModel, extra="forbid", hide_input_in_errors=True, defer_build=True):
    name: _Text
    template: str = ""
    templates: tuple[_Text, ...] = ()  # tried in turn
    examples: _Some
    counter_examples: _Some

    @model_validator(mode="after")
    def _check(self) -> "_Written":
        if bool(self.template) == bool(self.templates):
            raise ValueError("needs either a template or a list of templates")
        try:
            blocks = self.blocks()
        except ValueError as error:
            raise ValueError(f"its template {error}") from None
        for block in blocks:
            plain = max(len(part.literal) for part in block.parts)
            if not plain and block.pattern.match(b""):
                raise ValueError("matches an empty text")
            if block.anywhere and (plain < 4 or {part.field for part in block.parts} - {"", "text"}):
                raise ValueError("needs, to be sought anywhere, plain text of four characters or more")
        return self

    def blocks(self) -> list[Block]:
        """A block for each of its templates; raises ValueError for one that cannot be read."""
        block = Block(**self.model_dump(exclude={"template", "templates"}), whole=isinstance(self, _Body))
        return [replace(block, parts=parse_template(each)) for each in self.templates or (self.template,)]


class _Prefix(_Written):
    record: StrictBool = False
    outer: StrictBool = False


class _Body(_Written):
    method: str = ""
    status: Annotated[int, Field(strict=True, ge=100, le=599)] | None = None
    continues: Literal["", "record", "continuation"] = ""


class _Message(_Written):
    kind: Literal[MESSAGE_KINDS]  # type: ignore[valid-type]
    once: StrictBool = False
    anywhere: StrictBool = False


class _File(BaseModel, extra="forbid", hide_input_in_errors=True, defer_build=True):
    """A file of formats; what an older version has not may be left out: then nothing is seen by it."""

    prefix: tuple[_Prefix, ...] = ()
    body: tuple[_Body, ...] = ()
    message: tuple[_Message, ...] = ()
    json_: dict[Literal[_JSON_LISTS], _Some] = Field(alias="json")  # type: ignore[valid-type]
    query: dict[Literal[QUERY_LISTS + _EXAMPLES], _Some]  # type: ignore[valid-type]
    possible: dict[Literal[_POSSIBLE_LISTS], _Some] = {}  # type: ignore[valid-type]
    refusal: dict[Literal["words", "examples", "counter_examples"], _Some] = {}
    outcome: dict[Literal[OUTCOME + _EXAMPLES], _Some] = {}  # type: ignore[valid-type]

    @field_validator("json_")
    @classmethod
    def _check(cls, lists: dict[str, Any]) -> dict[str, Any]:
        if missing := ", ".join(sorted({*_NEEDED} - {*lists})):
            raise ValueError(f"has no {missing}")
        return lists


@dataclass(frozen=True)
class LogFormats:
    """All formats, in the order in which they are tried, and which statuses are failed logins."""

    prefixes: tuple[Block, ...]
    bodies: tuple[Block, ...]
    messages: tuple[Block, ...]
    words: Mapping[str, Words]  # the other tables of the file
    declared_statuses: tuple[int, ...] = ()  # the policy's own, beside those of REQUEST_KINDS
    logins: tuple[Login, ...] = ()
    origin: str = ""  # digest of the text that they are of, and the names of secrets beside it

    def __hash__(self) -> int:
        return hash((self.declared_statuses, self.logins, len(self.bodies)))  # all of it would take long

    def declaring(self, statuses: Iterable[int], logins: tuple[Login, ...] = ()) -> "LogFormats":
        """The same formats, with these statuses, and what these logins declare, as failed logins."""
        own = list(phrases_of(logins))
        every = sorted((*own, *self.messages), key=lambda it: (it.name == LET_IN, it.kind in FAILURES))
        return replace(
            self,
            messages=tuple(every) if own else self.messages,
            declared_statuses=tuple(sorted(set(statuses) - set(REQUEST_KINDS))),
            logins=logins,
        )


class Matchers:
    """The formats as lines are matched by them."""

    def __init__(self, formats: LogFormats) -> None:
        words, messages, blocks = formats.words, formats.messages, formats.prefixes + formats.bodies
        self.outer = Choice(blocks)  # where a line begins
        self.inner = Choice([block for block in blocks if not block.outer])  # behind a prefix
        self.body = Choice(formats.bodies)
        self.message = Choice([block for block in messages if not block.anywhere])
        self.sought = [block for block in messages if block.anywhere]
        self.fields, possible = FieldNames(words["json"], words["outcome"]), words["possible"]
        failing = [[*map(str.encode, possible.get(name, ()))] for name in ("about", "failing")]
        behind = (BEHIND_WORD % re.escape(word.encode()) for word in possible.get("before_address", ()))
        self.possible_client = partial(possible_client, words=failing, before=[*map(re.compile, behind)])
        refusals = [word.encode().translate(SMALL) for word in words["refusal"].get("words", ())]
        self.refuses: Any = lambda text: any(map(text.translate(SMALL).__contains__, refusals))
        self.secret_of = secret_finder(words["query"])
        self.answers = answers_of(formats.logins, {*REQUEST_KINDS, *formats.declared_statuses})
        self.telling_heads, self.telling = (
            set[bytes]().union(*(block.telling for block in group)) for group in (blocks, messages)
        )
        if re.search(rb"\d", b"".join([*refusals, *chain(*failing)])):
            self.telling.add(b"")


matchers = lru_cache(maxsize=16)(Matchers)  # a worker elsewhere compiles the formats itself


def load_formats(path: Path | None = None, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats of a file, by default the bundled ones; `BadInput` with every fault of the file."""
    given = path or BUNDLED
    return parse_formats(read_text_file(given, given.name), given.name, tuple(secrets))


def project_formats(project: Project, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats that a project's audit.toml names, else the bundled ones; `BadInput` with every fault."""
    if not project.formats:
        return load_formats(None, secrets)
    return parse_formats(formats_source(project).content, project.formats, tuple(secrets))


def formats_source(project: Project) -> SourceBytes:
    """The file of formats that audit.toml names; raises `Unreadable`."""
    return read_source(project.root, project.formats, MAX_BYTES)


@lru_cache(maxsize=4)  # the bundled ones take a second to check
def parse_formats(content: bytes, place: str, secrets: tuple[str, ...] = ()) -> LogFormats:
    """The formats of a text; `BadInput` with all its faults.

    `secrets` are names that as query parameters hold a secret, letter case aside; only those in ASCII count.
    """
    table = parse_toml(content, place)
    try:
        read = _File.model_validate(table)
    except ValidationError as error:
        raise BadInput([_fault(each, table, place) for each in error.errors(include_url=False)]) from None
    sections = (read.prefix, read.body, read.message)
    names = [[block.name for block in section] for section in sections]
    if twice := sorted({name for section in names for name in section if section.count(name) > 1}):
        raise BadInput([Fault(place, f"{shown_name(name, _NAME)} is a name that is taken") for name in twice])
    prefixes, bodies, messages = (
        tuple(block for written in section for block in written.blocks()) for section in sections
    )
    words = read.model_dump(include={"json_", "outcome", "possible", "refusal"}, by_alias=True)
    own = (name.lower() for name in secrets if name.isascii())
    parameters = tuple(dict.fromkeys((*own, *read.query.get("secret_parameters", ()))))
    words |= {"query": {**read.query, "secret_parameters": parameters}}
    return LogFormats(prefixes, bodies, messages, words, origin=f"{sha256(content).hexdigest()} {parameters}")


def _fault(error: Any, table: dict[str, Any], place: str) -> Fault:
    section, *keys = map(str, error["loc"] or ("tables",))
    where, blocks = f"{place}: {shown_name(section, _NAME)}", table.get(section)
    if keys and isinstance(blocks, list):
        block = blocks[int(keys[0])]
        name = str(block.get("name", "")) if isinstance(block, dict) else ""
        where += f" #{int(keys.pop(0)) + 1}" + (f" ({shown_name(name, _NAME)})" if name else "")
    key = f"{shown_name(keys[0], _NAME)}: " if keys else ""
    return Fault(where, key + str(error["msg"]).removeprefix("Value error, "))
