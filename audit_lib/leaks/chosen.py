"""Finds passwords that somebody chose, and defaults, in the files of a project: beside their names."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lib.base.connection_url import url_parts
from audit_lib.leaks.kinds import deploys, is_code, is_generated, is_others, long_quotes
from audit_lib.leaks.looks import (
    is_default,
    is_placeholder,
    is_published,
    is_word,
    looks_chosen,
    reads_as_words,
)
from audit_lib.leaks.rules import CHOSEN, in_public_address, scanner
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits

if TYPE_CHECKING:
    from kingfisher_sdk import Finding

_SHORTEST_IN_URL = 3
_WORTH_SEALING = 40  # bits; a weaker value is a word, which a report may hold by chance
_BEFORE, _AFTER = 260, 400  # bytes around a value in which its name, its quotes and its end are looked for
_NEAR = 200  # bytes in which the user of a password is named
_USER = re.compile(
    r"(?i)(?:user\w*|login|name|account|uid|owner|role|db|database|\s-u)"
    r"[\"'`\]]{0,2}\s{0,3}(?:=>|[:=,])?\s{0,3}[\"'`]?([\w.@-]+)"
)
# Names of what people remember, which may be short.
_OF_A_PERSON = re.compile(r"(?i)pass|pa?ss?w|pwd|pw\d?$|identified")
_LONGEST_STUB, _SHORTEST_NAME = 5, 3
_BLOCK = re.compile(rb"(?m)^[ \t]*/\*")  # within a line it may be a pattern of paths
_DOCSTRING = re.compile(rb"\s*(?:(?:DOCUMENTATION|EXAMPLES|RETURN)\s*=\s*)?[rRuU]?")
_LONGEST_COMMENT = 20_000  # bytes
_COMMENT = re.compile(rb"\s*(?:#|//|;|--|/?\*|>>> |\.\.\. )")  # or an example in a docstring
_OPENS, _CLOSES = (b"{{", b"{%", b"<%"), (b"}}", b"%}", b"%>")  # an expression in a template
_JOINED = re.compile(r"[ \t]*(?:\+[ \t]*[A-Za-z_$(]|\.[ \t]*[$A-Z])")  # what completes a text
_PAIR = re.compile(r"[\"']?[\w.-]+[\"']?[ \t]*[:=]")  # the next name and value of a mapping
_NEXT = re.compile(r",[\w.]+=")  # the next of several on one line
_OPEN_ENDS = tuple("-_:=/.|")
_ATTRIBUTE = 9  # bytes of what binds one, and a space
_BOUND = re.compile(rb"(?:^|\s)(?:v-bind)?[:\[]$")  # an attribute whose value is code
_COLUMN = re.compile(r"`\s?=\s?`$")  # compared with another in a query
_CHOICE = re.compile(rb"\? ?[\"']$")  # between the name and what is beside it
_NAMES = ("NAME", "NAME2", "NAME3", "NAME4", "NAME5", "NAME6")  # one for each way in which a rule may meet it
_NAMED = ("chosen-argument", "chosen-login")  # what stands before says that it is a password
_NO_SETTING = ("chosen-pair", "chosen-call", "chosen-element", "chosen-login", "chosen-encoded")
_IN_A_CALL = ("chosen-pair", "chosen-call")
_SETTING = re.compile(r"\.")  # a property, and no field or variable
_NOWHERE = re.compile(r"(?i)(?:^|\.)example\.|\.example$")
_TEMPLATE = re.compile(r"@[$%{].*")  # a host that is put there later


@dataclass(frozen=True, order=True)
class Chosen:
    """A value that may be a chosen password, and the text of name and value by which it is found again."""

    fingerprint: str
    text: str  # the fingerprint of that text, which the keeper holds
    name: str
    rule: str
    default: bool = False  # many choose it: listed only where it may be in use


@dataclass
class ChosenInFile:
    """What one file holds, and the line of each value that is a default where nothing is in use."""

    chosen: set[Chosen] = field(default_factory=set)
    idle: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Met:
    name: str
    rule: str
    start: int  # of the value
    before: str  # from the name on
    rest: str  # the line from the value on
    in_force: bool  # it is in no comment
    in_text: bool  # its name stands in a text in code
    in_expression: bool  # its name stands in an expression of a template


def chosen_in_file(content: bytes, path: str, keeper: Keeper, compiled: Path | None) -> ChosenInFile:
    """The passwords that somebody chose in one file of a project; none in what others or programs wrote."""
    found = ChosenInFile()
    if is_others(path) or is_generated(path, content) or path.lower().endswith((".html", ".htm")):
        return found  # a page's words are for people
    in_use, code = deploys(path), is_code(path)
    for met in _matches(content, scanner(CHOSEN, compiled).scan(content), long_quotes(path)):
        value, end = _value(met, code=code)
        if not value or in_public_address(content, met.start):
            continue
        deployed = in_use and met.in_force and met.rule not in _NO_SETTING
        user, password = _login_of(value, met.rule)
        near = content[max(0, met.start - _NEAR) : met.start + _NEAR].decode("utf-8", "replace")
        default = is_default(password) or password == user or _is_named_after(password, met.name, path, near)
        stub = len(password) <= _LONGEST_STUB and is_word(password) and not _OF_A_PERSON.search(met.name)
        default = default or (stub and met.rule not in (*_WHOLE, *_NAMED))
        deployed = deployed and not (default and in_comment(content, met.start, path))
        if is_placeholder(password) or is_published(value) or (default and not deployed):
            found.idle.append(content.count(b"\n", 0, met.start) + 1)
            continue
        if not is_default(value) and not reads_as_words(value) and strength_bits(value) >= _WORTH_SEALING:
            keeper.take(value)
        text = keeper.take(met.before + end)
        found.chosen.add(Chosen(keeper.fingerprint(value), text, met.name, met.rule, default))
    return found


def _matches(content: bytes, findings: Iterable["Finding"], long_quotes: tuple[bytes, ...]) -> Iterator[_Met]:
    for finding in findings:
        start = finding.location["start_offset"]
        name = next((text for text in map(finding.captures.get, _NAMES) if text), "").strip()
        first = content.rfind(name.encode(), max(0, start - _BEFORE), start) if name else start
        if finding.visible and not finding.is_base64_encoded and first >= 0:
            line = content[content.rfind(b"\n", 0, first) + 1 : first]
            if _CHOICE.search(line):
                continue
            if line.endswith(b"\\") and name[:1] in ("n", "r", "t"):
                first, name = first + 1, name[1:]  # a line break in a text
            before = content[first:start]
            if before.endswith((b'="', b"='")) and _BOUND.search(line[-_ATTRIBUTE:]):
                continue
            rest = content[start : start + _AFTER].partition(b"\n")[0]
            yield _Met(
                name,
                finding.rule_id.rpartition(".")[2],
                start,
                before.decode("utf-8", "replace"),
                rest.decode("utf-8", "replace").rstrip("\r"),
                not _COMMENT.match(line),
                any(line.count(quote) % 2 for quote in (b'"', b"'", b"`"))
                or any(content.count(quote, 0, first) % 2 for quote in long_quotes),
                max(map(line.rfind, _OPENS)) > max(map(line.rfind, _CLOSES)),
            )


def _value(met: _Met, *, code: bool) -> tuple[str, str]:
    """The value, and the text that it takes with what ends it; "" for none."""
    if met.rule in _WHOLE:
        value = _WHOLE[met.rule](met.rest)
        return value, value
    if met.before.endswith("`"):
        listed = met.rule == "chosen-pair" and met.before.startswith(f"{met.name}`")
        if listed or _COLUMN.search(met.before):
            return "", ""  # columns of a table
    value = _beside(met, code=code)
    called = met.rule in _IN_A_CALL and not _SETTING.search(met.name)
    a_name = (called or "!=" in met.before) and is_word(value)
    name = f"{met.name} password" if met.rule in _NAMED else met.name
    if a_name or not looks_chosen(value, name):
        return "", ""
    return value, met.rest[: len(value) + 1]


def _beside(met: _Met, *, code: bool) -> str:
    """The value in quotes, in an element, or without quotes where that makes no name of it."""
    if quoted := re.search(r"(\\{0,3}[\"']|(?<!=)`)$", met.before):
        return _within(met.rest, quoted[1])
    if met.rule == "chosen-element" and ">" in met.before and not re.match(r"[^<>]+</", met.rest):
        return ""  # a placeholder in a sentence
    in_text = met.in_text and not re.search(r"[\"'`]", met.before)
    return "" if met.in_expression or (code and not in_text) else _alone(met)


def _within(rest: str, quote: str) -> str:
    """A text up to the quote that ends it."""
    end = rest.find(quote)
    while len(quote) == 1 and end > 0 and rest[end - 1] == "\\":
        end = rest.find(quote, end + 1)
    begun = rest[end - 1 : end] in _OPEN_ENDS and _JOINED.match(rest, end + len(quote))
    return rest[:end] if end > 0 and not begun else ""


def _alone(met: _Met) -> str:
    """A value without quotes; after a colon or a space it is one only if nothing follows it on its line."""
    if met.before.endswith("`"):
        return ""  # a command, whose output is the value
    ends = r"[\s\"'`&<,;)]|\\[nrt]" if met.in_text else r"[\s\"'`&<]"
    value = _NEXT.split(re.split(ends, met.rest)[0])[0].rstrip(",;)}*\\")
    after = re.sub(r"\s(?:[#;]|//|--|<!--|\*/).*", "", met.rest[len(value) :]).strip(",;)} \t")
    whole = met.rule in ("chosen", "chosen-short") and re.search(r":[ \t*_]*$|=[ \t]+$", met.before)
    return "" if whole and after and not _PAIR.match(after) else value


def _url(rest: str) -> str:
    found = re.match(r"[^\s\"'`<>|\\)\]},]+", rest)
    parts = url_parts(_TEMPLATE.sub("@host", found[0])) if found else None
    if not found or not parts or not parts.password or _NOWHERE.search(parts.host):
        return ""
    return found[0] if looks_chosen(parts.password, "password", _SHORTEST_IN_URL) else ""


def _basic(rest: str) -> str:
    found = re.match(r"[A-Za-z0-9+/]+={0,2}", rest)
    return found[0] if found and _decoded(found[0]) else ""


def _login(rest: str) -> str:
    value = re.split(r"[\"'`]", rest)[0]
    user, _, password = value.partition(":")
    return value if user != "BEGIN" and looks_chosen(password, "password") else ""


def _decoded(base64: str) -> str:
    """A user, a colon and a password as RFC 7617 encodes them; "" if it is none."""
    try:
        text = b64decode(base64 + "=" * (-len(base64) % 4), validate=True).decode("utf-8")
    except (Error, ValueError):
        return ""
    return text if text.isprintable() and ":" in text.strip(":") else ""


def _login_of(value: str, rule: str) -> tuple[str, str]:
    """The user, or "", and the password: what is asked of it is asked of no host or encoding."""
    if rule in ("basic", "chosen-encoded"):
        user, _, password = (_decoded(value) or value).partition(":")
        return user, password
    parts = url_parts(value)
    return (parts.user, parts.password) if parts else ("", value)


# Rules that say by themselves what is the value.
_WHOLE = {"chosen-url": _url, "basic": _basic, "chosen-encoded": _login}


def _is_named_after(value: str, name: str, path: str, near: str) -> bool:
    """Whether a chosen value is its user, or the product that its name, file or folder is called by."""
    core = re.sub(r"[\W\d_]+$", "", value)
    if len(core) < _SHORTEST_NAME or not is_word(core):
        return False
    words = (part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", f"{name} {path}"))
    users = (user.lower() for user in _USER.findall(near))
    return core.lower() in words or value.lower() in users


def in_comment(content: bytes, place: int, path: str) -> bool:
    """Whether a comment or a docstring that began on a line before goes on at a place."""
    before = content[max(0, place - _LONGEST_COMMENT) : place]
    begun = max((found.end() for found in _BLOCK.finditer(before)), default=-1)
    if begun > before.rfind(b"*/") or before.rfind(b"<!--") > before.rfind(b"-->"):
        return True
    return path.lower().endswith(".py") and any(_opened(content, place, quote) for quote in (b'"""', b"'''"))


def _opened(content: bytes, place: int, quote: bytes) -> bool:
    """Whether a text by itself, which no variable is given, began with a quote and goes on."""
    if content.count(quote, 0, place) % 2 == 0:
        return False
    first = content.rfind(quote, 0, place)
    return _DOCSTRING.fullmatch(content, content.rfind(b"\n", 0, first) + 1, first) is not None
