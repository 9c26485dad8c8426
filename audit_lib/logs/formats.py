"""Log formats and message kinds as data: loads log_formats.toml and reports all its faults at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

from audit_lib.base.bounded import MAX_BYTES, parse_toml, shown_name
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import SourceBytes, read_source
from audit_lib.base.log_kinds import DECLARED, MESSAGE_KINDS, POSSIBLE, REQUEST_KINDS
from audit_lib.base.toml_table import TomlTable
from audit_lib.logs.choice import Block, Choice
from audit_lib.logs.logins import LoginAnswer, answers_of, bare_route, phrases_of
from audit_lib.logs.refusals import PossibleFailure, Refusal
from audit_lib.logs.structured import FieldNames, LoginOutcome
from audit_lib.logs.templates import Part, parse_template
from audit_lib.logs.values import SecretParameters
from audit_lib.settings import Login, Project

BUNDLED = Path(__file__).with_name("log_formats.toml")
POSSIBLE_FAILURE = "possible login failure"
SECRET_IN_URL = "secret in a url"  # noqa: S105  the name of an event
CLOCK_SET_BACK = "clock set back"

_SECTIONS = ("prefix", "body", "message")
_NAME = r"[\w ,.:/-]{1,80}"
_NOTHING = b"(?!)"  # as an expression it matches nothing
_MAY_LACK = ("cause", "wrapper", "records", "aside", "failed")  # a file of an older version has none of them
_PATTERN = "has a pattern, which only a file that --formats names may have: use a template"


@dataclass(frozen=True)
class LogFormats:
    """All formats, in the order in which they are tried, and which statuses are failed logins."""

    prefixes: tuple[Block, ...]
    bodies: tuple[Block, ...]
    messages: tuple[Block, ...]
    fields: FieldNames
    possible: PossibleFailure
    refusal: Refusal
    secret_parameters: tuple[str, ...]  # names in small letters; `*` at the beginning is any text
    declared_statuses: tuple[int, ...] = ()  # the policy's own, beside those of REQUEST_KINDS
    logins: tuple[Login, ...] = ()

    def __getstate__(self) -> dict[str, object]:
        """The formats without what is compiled of them, for a worker elsewhere."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def digest(self) -> str:
        """Names all that is read by them."""
        return sha256(repr(self).encode("utf-8", "surrogateescape")).hexdigest()

    def kind_of(self, status: int) -> str:
        """The kind of a request with this status; that of no failure is "other"."""
        return REQUEST_KINDS.get(status, DECLARED if status in self.declared_statuses else "other")

    def declaring(self, statuses: Iterable[int], logins: Iterable[Login] = ()) -> "LogFormats":
        """The same formats, with these statuses, and what these logins declare, as failed logins.

        A declared message takes texts from the messages of failed logins, never from those of other kinds.
        """
        declared = tuple(logins)
        own = [Block(name, parse_template(text), kind=kind) for name, text, kind in phrases_of(declared)]
        others = [block for block in self.messages if block.kind != "login_failed"]
        failed = [block for block in self.messages if block.kind == "login_failed"]
        return replace(
            self,
            messages=(*others, *own, *failed) if own else self.messages,
            declared_statuses=tuple(sorted(set(statuses) - set(REQUEST_KINDS))),
            logins=declared,
        )

    @cached_property
    def outer_prefixes(self) -> Choice:
        """What may stand where a line begins."""
        return Choice(self.prefixes)

    @cached_property
    def inner_prefixes(self) -> Choice:
        """What may stand behind another prefix."""
        return Choice([block for block in self.prefixes if not block.outer])

    @cached_property
    def body_choice(self) -> Choice:
        """Requests and statements."""
        return Choice(self.bodies)

    @cached_property
    def message_choice(self) -> Choice:
        """The messages that stand where a text begins."""
        return Choice([block for block in self.messages if not block.anywhere])

    @cached_property
    def sought(self) -> tuple[Block, ...]:
        """The messages that are sought anywhere in a line."""
        return tuple(block for block in self.messages if block.anywhere)

    @cached_property
    def parameters(self) -> SecretParameters:
        """The names of query parameters that are secrets."""
        return SecretParameters(self.secret_parameters)

    @cached_property
    def login_answers(self) -> dict[bytes, tuple[LoginAnswer, ...]]:
        """The requests that bear on declared logins by their route, in the order in which they are tried."""
        answers = answers_of(self.logins, {*REQUEST_KINDS, *self.declared_statuses})
        return {
            route: tuple(each for each in answers if each.route == route)
            for route in {each.route for each in answers}
        }

    def login_answer(self, status: int, method: str, route: str, query: bytes) -> LoginAnswer | None:
        """What a request is to the declared logins; None if it is nothing."""
        answers = self.login_answers.get(bare_route(route), ()) if self.login_answers else ()
        return next((each for each in answers if each.fits(status, method, query)), None)

    @cached_property
    def message_kinds(self) -> dict[str, str]:
        """The kind of each message by its name, in the order of the file."""
        return {block.name: block.kind for block in self.messages} | {POSSIBLE_FAILURE: POSSIBLE}


def load_formats(path: Path | None = None, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats of a file, by default the bundled ones; `BadInput` with every fault of the file.

    `secrets` are names of variables that are secrets as query parameters, too.
    """
    path = path or BUNDLED
    try:
        return parse_formats(path.read_bytes(), path.name, tuple(secrets))
    except OSError as error:
        raise BadInput.at(path.name, f"cannot be read ({error.strerror})") from None


def project_formats(project: Project, secrets: Iterable[str] = ()) -> LogFormats:
    """The formats that a project's audit.toml names, else the bundled ones; `BadInput` with every fault.

    A regular expression may take for ever, so whoever may commit to a project can give templates alone.
    """
    if not project.formats:
        return load_formats(None, secrets)
    own = parse_formats(formats_source(project).content, project.formats, tuple(secrets))
    blocks = (*own.prefixes, *own.bodies, *own.messages)
    if faults := [Fault(project.formats, f"{block.name} {_PATTERN}") for block in blocks if block.pattern]:
        raise BadInput(faults)
    return own


def formats_source(project: Project) -> SourceBytes:
    """The file of formats that audit.toml names; raises `Unreadable`."""
    return read_source(project.root, project.formats, MAX_BYTES)


@lru_cache(maxsize=4)  # the bundled ones take 50 ms
def parse_formats(content: bytes, place: str, secrets: tuple[str, ...] = ()) -> LogFormats:
    """The formats of a text; `BadInput` with all its faults."""
    faults: list[Fault] = []
    top = TomlTable(parse_toml(content, place), place, faults)
    prefixes, bodies, messages = (_blocks(top, section) for section in _SECTIONS)
    inner = [_inner(top, section) for section in ("json", "query", "possible", "outcome", "refusal")]
    json, query, possible, outcome, refusal = inner
    lists = {field.name: _needed(json, field.name) for field in fields(FieldNames) if field.name != "outcome"}
    names = FieldNames(**lists, outcome=LoginOutcome(**_lists(outcome, LoginOutcome)))
    words = PossibleFailure(**_lists(possible, PossibleFailure))
    refused = Refusal(**_lists(refusal, Refusal))
    parameters = _needed(query, "secret_parameters")
    for table in (*inner, top):
        table.close()
    if faults:
        raise BadInput(faults)
    own = (name.lower() for name in secrets if name.isascii())
    secret = tuple(dict.fromkeys((*own, *parameters)))
    return LogFormats(prefixes, bodies, messages, names, words, refused, secret)


def _inner(top: TomlTable, key: str) -> TomlTable:
    """A table within the file; an empty one if it is missing."""
    values = top.anything(key)
    if values is not None and not isinstance(values, dict):
        top.fault(f"{key} is not a table")
    return TomlTable(values if isinstance(values, dict) else {}, f"{top.place}: {key}", top.faults)


def _lists(
    table: TomlTable, owner: type[PossibleFailure | LoginOutcome | Refusal]
) -> dict[str, tuple[str, ...]]:
    """The lists of a table that a file may leave out: then it has none, and nothing is seen by them."""
    return {field.name: _needed(table, field.name) for field in fields(owner) if table.values}


def _needed(table: TomlTable, key: str) -> tuple[str, ...]:
    """A list of texts that must not be empty."""
    if not table.values.get(key) and key not in _MAY_LACK:
        table.fault(f"has no {key}")
    return table.texts(key)


def _blocks(top: TomlTable, section: str) -> tuple[Block, ...]:
    """The blocks of one section; a block with a fault notes it and is left out."""
    names: set[str] = set()
    blocks: list[Block] = []
    for table in top.tables(section, name_key=""):
        before = len(top.faults)
        name = table.text("name", needed=True)
        table.place += f" ({shown_name(name, _NAME)})" if name else ""
        if name and name in names:
            table.fault("has a name that is taken")
        names.add(name)
        read = _read_block(table, section, name)
        table.close()
        blocks += read if len(top.faults) == before else ()
    return tuple(blocks)


def _read_block(table: TomlTable, section: str, name: str) -> list[Block]:
    """A block of the file: one for each of its templates, which are tried in turn."""
    prefix, body, message = (section == each for each in _SECTIONS)
    block = Block(
        name=name,
        whole=body,
        literal=table.text("literal").encode(),
        examples=_needed(table, "examples"),
        counter_examples=_needed(table, "counter_examples"),
        record=prefix and table.flag("record"),
        outer=prefix and table.flag("outer"),
        method=table.text("method") if body else "",
        status=_status(table) if body else None,
        continues=table.text("continues", among=("", "record", "continuation")) if body else "",
        kind=table.text("kind", needed=True, among=MESSAGE_KINDS) if message else "",
        once=message and table.flag("once"),
        anywhere=message and table.flag("anywhere"),
    )
    pattern, single, several = table.text("pattern"), table.text("template"), table.texts("templates")
    if [bool(pattern), bool(single), bool(several)].count(True) != 1:
        table.fault("needs either a template, a list of templates or a pattern")
    if pattern and len(block.literal) < 3:
        table.fault("needs, for its pattern, a literal of three characters or more")
    templates = several or ((single,) if single else ())
    blocks = [replace(block, parts=_parts(table, template)) for template in templates]
    blocks += [replace(block, pattern=_pattern(table, pattern))] if pattern else []
    # What holds plain text matches no empty one, and need not be compiled to know that.
    if any(not any(part.literal for part in each.parts) and each.compiled.match(b"") for each in blocks):
        table.fault("matches an empty text")
    if block.anywhere and any(len(each.parts) != 1 or len(each.parts[0].literal) < 4 for each in blocks):
        table.fault("needs, to be sought anywhere, plain text of four characters or more")
    return blocks


def _status(table: TomlTable) -> int | None:
    status = table.number("status", None)
    if status is not None and status not in range(100, 600):
        table.fault("status is not from 100 to 599")
    return status


def _parts(table: TomlTable, template: str) -> tuple[Part, ...]:
    """The steps of a template; if it has a fault, one that nothing matches."""
    try:
        return parse_template(template)
    except ValueError as error:
        table.fault(f"its template {error}")
        return (Part(literal=_NOTHING),)


def _pattern(table: TomlTable, pattern: str) -> bytes:
    try:
        compiled = re.compile(pattern.encode())
    except re.error as error:
        table.fault(f"its pattern is not a regular expression ({error.msg})")
        return _NOTHING
    if compiled.groups != len(compiled.groupindex) or "(?P=" in pattern:
        table.fault("its pattern has a group without a name or refers back to one: write (?:…)")
        return _NOTHING
    return compiled.pattern
