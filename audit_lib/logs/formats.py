"""Log formats and message kinds as data: loads log_formats.toml and reports all its faults at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path

from audit_lib.base.bounded_toml import parse_toml
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.log_kinds import DECLARED, MESSAGE_KINDS, MOST_LOGINS, POSSIBLE, REQUEST_KINDS
from audit_lib.base.toml_table import TomlTable, shown_name
from audit_lib.logs.blocks import Block, ByBeginning
from audit_lib.logs.declared_logins import LoginAnswer, answers_of, phrases_of
from audit_lib.logs.names_and_words import JsonFields, LoginOutcome, PossibleFailure
from audit_lib.logs.templates import Part, parse_template
from audit_lib.settings import Login

BUNDLED = Path(__file__).with_name("log_formats.toml")

MOST_MESSAGES = 248 - 2 * MOST_LOGINS  # as many as the fast reader can number beside those that are declared
# Whether a statement continues its record: always, or only behind one that does.
CONTINUES = {"": 0, "record": 1, "continuation": 2}
_SECTIONS = ("prefix", "body", "message")
_NAME = r"[\w ,.:/-]{1,80}"
_NOTHING = b"(?!)"  # as an expression it matches nothing


@dataclass(frozen=True)
class LogFormats:
    """All formats, in the order in which they are tried, and which statuses are failed logins."""

    prefixes: tuple[Block, ...]
    bodies: tuple[Block, ...]
    messages: tuple[Block, ...]
    json: JsonFields
    possible: PossibleFailure
    secret_parameters: tuple[str, ...]  # names in small letters; `*` at the beginning is any text
    declared_statuses: tuple[int, ...] = ()  # the policy's own, beside those of REQUEST_KINDS
    logins: tuple[Login, ...] = ()

    def __hash__(self) -> int:
        # What is made of formats is kept by them, and a hash of all they hold takes longer than a small log.
        return hash((self.declared_statuses, self.logins, self.secret_parameters, len(self.messages)))

    def kind_of(self, status: int) -> str:
        """The kind of a request with this status; that of no failure is "other"."""
        return REQUEST_KINDS.get(status, DECLARED if status in self.declared_statuses else "other")

    def declaring(self, statuses: Iterable[int], logins: Iterable[Login] = ()) -> "LogFormats":
        """The same formats, with these statuses, and what these logins declare, as failed logins.

        A declared message takes texts from the messages of failed logins, never from those of other kinds.
        """
        declared, told = tuple(logins), []
        for name, template, kind in phrases_of(declared):
            block = Block(name, parse_template(template), b"", False, b"", (), (), kind=kind)
            told.append(block)
        others = [block for block in self.messages if block.kind != "login_failed"]
        failed = [block for block in self.messages if block.kind == "login_failed"]
        return replace(
            self,
            messages=(*others, *told, *failed) if told else self.messages,
            declared_statuses=tuple(sorted(set(statuses) - set(REQUEST_KINDS))),
            logins=declared,
        )

    @cached_property
    def by_beginning(self) -> dict[str, ByBeginning]:
        """What stands at a beginning, by how it begins: prefixes, those behind another, bodies, messages."""
        return {
            "prefixes": ByBeginning(self.prefixes),
            "inner prefixes": ByBeginning(tuple(one for one in self.prefixes if not one.outer)),
            "bodies": ByBeginning(self.bodies),
            "messages": ByBeginning(tuple(one for one in self.messages if not one.anywhere)),
        }

    @cached_property
    def sought(self) -> tuple[Block, ...]:
        """The messages that are sought anywhere in a line."""
        return tuple(block for block in self.messages if block.anywhere)

    @cached_property
    def login_answers(self) -> tuple[LoginAnswer, ...]:
        """The requests that bear on the declared logins, in the order in which they are tried."""
        return answers_of(self.logins, {*REQUEST_KINDS, *self.declared_statuses})

    def login_answer(self, status: int, method: str, route: str, query: bytes) -> LoginAnswer | None:
        """What a request is to the declared logins; None if it is nothing."""
        fitting = (one for one in self.login_answers if one.fits(status, method, route, query))
        return next(fitting, None)

    @cached_property
    def message_kinds(self) -> dict[str, str]:
        """The kind of each message by its name, in the order of the file."""
        return {block.name: block.kind for block in self.messages} | {POSSIBLE_FAILURE: POSSIBLE}

    @cached_property
    def message_numbers(self) -> dict[str, int]:
        """The place of each message in the order of the file."""
        return {name: number for number, name in enumerate(self.message_kinds)}

    def secret_parameter(self, name: str) -> str:
        """The first of the patterns that a query parameter's name has; "" if it has none."""
        text, some = name.lower(), self.secret_parameters
        return next((one for one in some if (text.endswith(one[1:]) if one[0] == "*" else text == one)), "")


POSSIBLE_FAILURE = "possible login failure"
SECRET_IN_URL = "secret in a url"  # noqa: S105  the name of an event
CLOCK_SET_BACK = "clock set back"


def load_formats(path: Path | None = None, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats of a file, by default the bundled ones; `BadInput` with every fault of the file.

    `secrets` are names of variables that are secrets as query parameters, too.
    """
    path = path or BUNDLED
    try:
        return parse_formats(path.read_bytes(), path.name, tuple(secrets))
    except OSError as error:
        raise BadInput.at(path.name, f"cannot be read ({error.strerror})") from None


@lru_cache(maxsize=4)  # the bundled ones take 50 ms
def parse_formats(content: bytes, place: str, secrets: tuple[str, ...] = ()) -> LogFormats:
    """The formats of a text; `BadInput` with all its faults."""
    faults: list[Fault] = []
    top = TomlTable(parse_toml(content, place), place, faults)
    prefixes, bodies, messages = (_blocks(top, section) for section in _SECTIONS)
    inner = [_inner(top, section) for section in ("json", "query", "possible", "outcome")]
    json, query, possible, outcome = inner
    lists = {field.name: _needed(json, field.name) for field in fields(JsonFields) if field.name != "outcome"}
    names = JsonFields(**lists, outcome=LoginOutcome(**_lists(outcome, LoginOutcome)))
    words = PossibleFailure(**_lists(possible, PossibleFailure))
    parameters = _needed(query, "secret_parameters")
    if len({block.name for block in messages}) > MOST_MESSAGES:
        top.fault(f"has more than {MOST_MESSAGES} messages")
    for table in (*inner, top):
        table.close()
    if faults:
        raise BadInput(faults)
    own = (name.lower() for name in secrets if name.isascii())
    secret = tuple(dict.fromkeys((*own, *parameters)))
    return LogFormats(prefixes, bodies, messages, names, words, secret)


def _inner(top: TomlTable, key: str) -> TomlTable:
    """A table within the file; an empty one if it is missing."""
    values = top.anything(key)
    if values is not None and not isinstance(values, dict):
        top.fault(f"{key} is not a table")
    return TomlTable(values if isinstance(values, dict) else {}, f"{top.place}: {key}", top.faults)


def _lists(table: TomlTable, shape: type[PossibleFailure] | type[LoginOutcome]) -> dict[str, tuple[str, ...]]:
    """The lists of a table that a file may leave out: then it has none, and nothing is seen by them."""
    return {field.name: _needed(table, field.name) for field in fields(shape) if table.values}


_MAY_LACK = ("cause", "wrapper", "records", "aside", "failed")  # a file of an older version has none of them


def _needed(table: TomlTable, key: str) -> tuple[str, ...]:
    """A list of texts that must not be empty."""
    if not table.values.get(key) and key not in _MAY_LACK:
        table.fault(f"has no {key}")
    return table.texts(key)


def _blocks(top: TomlTable, section: str) -> tuple[Block, ...]:
    """The blocks of one section; a block with a fault notes it and is left out."""
    names: set[str] = set()
    found: list[Block] = []
    for table in top.tables(section, name_key=""):
        before = len(top.faults)
        name = table.text("name", needed=True)
        table.place += f" ({shown_name(name, _NAME)})" if name else ""
        if name and name in names:
            table.fault("has a name that is taken")
        names.add(name)
        blocks = _read_block(table, section, name)
        table.close()
        found += blocks if len(top.faults) == before else ()
    return tuple(found)


def _read_block(table: TomlTable, section: str, name: str) -> list[Block]:
    """A block of the file: one for each of its templates, which are tried in turn."""
    message, anywhere = section == "message", section == "message" and table.flag("anywhere")
    block = Block(
        name=name,
        parts=(),
        pattern=b"",
        whole=section == "body",
        literal=table.text("literal").encode(),
        examples=_needed(table, "examples"),
        counter_examples=_needed(table, "counter_examples"),
        record=section == "prefix" and table.flag("record"),
        outer=section == "prefix" and table.flag("outer"),
        method=table.text("method") if section == "body" else "",
        status=_status(table) if section == "body" else None,
        continues=table.text("continues", among=("", "record", "continuation")) if section == "body" else "",
        kind=table.text("kind", needed=True, among=MESSAGE_KINDS) if message else "",
        once=message and table.flag("once"),
        anywhere=anywhere,
    )
    pattern, one, several = table.text("pattern"), table.text("template"), table.texts("templates")
    if [bool(pattern), bool(one), bool(several)].count(True) != 1:
        table.fault("needs either a template, a list of templates or a pattern")
    if pattern and len(block.literal) < 3:
        table.fault("needs, for its pattern, a literal of three characters or more")
    templates = several or ((one,) if one else ())
    blocks = [replace(block, parts=_steps(table, template)) for template in templates]
    blocks += [replace(block, pattern=_pattern(table, pattern))] if pattern else []
    # What holds plain text matches no empty one, and need not be compiled to know that.
    if any(not any(part.literal for part in one.parts) and one.expression.match(b"") for one in blocks):
        table.fault("matches an empty text")
    if anywhere and any(len(one.parts) != 1 or len(one.parts[0].literal) < 4 for one in blocks):
        table.fault("needs, to be sought anywhere, plain text of four characters or more")
    return blocks


def _status(table: TomlTable) -> int | None:
    status = table.number("status", None)
    if status is not None and status not in range(100, 600):
        table.fault("status is not from 100 to 599")
    return status


def _steps(table: TomlTable, template: str) -> tuple[Part, ...]:
    """The steps of a template; if it has a fault, one that nothing matches."""
    try:
        return parse_template(template)
    except ValueError as error:
        table.fault(f"its template {error}")
        return (Part(literal=_NOTHING),)


def _pattern(table: TomlTable, pattern: str) -> bytes:
    try:
        return re.compile(pattern.encode()).pattern
    except re.error as error:
        table.fault(f"its pattern is not a regular expression ({error.msg})")
        return _NOTHING
