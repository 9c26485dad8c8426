"""Passwords that somebody chose, and defaults, in the files of a project: beside their names."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lib.base.connection_url import url_parts
from audit_lib.leaks import candidates
from audit_lib.leaks.candidates import is_default, is_word, looks_chosen
from audit_lib.leaks.rules import CHOSEN, Rules, Shape, in_public_address, scanner
from audit_lib.leaks.words import deploys, is_generated, is_kind, is_others, reads_as_words
from audit_lib.secrecy.strength import strength_bits

if TYPE_CHECKING:
    from kingfisher_sdk import Finding

_WORTH_SEALING = 40  # bits; a weaker value is a word, which a report may hold by chance
_BEFORE, _AFTER = 260, 400  # bytes around a value in which its name, its quotes and its end are looked for
_NEAR = 200  # bytes in which the user of a password is named
_USER = re.compile(
    r"(?i)(?:user\w*|login|name|account|uid|owner|role|db|database|\s-u)"
    r"[\"'`\]]{0,2}\s{0,3}(?:=>|[:=,])?\s{0,3}[\"'`]?([\w.@-]+)"
)
# Names of what people remember, which may be short.
_OF_A_PERSON = re.compile(r"(?i)pass|pa?ss?w|pwd|pw\d?$|identified")
_COMMENT = re.compile(rb"\s*(?:#|//|;|--|/?\*|>>> |\.\.\. )")  # or an example in a docstring
_LONGEST_COMMENT = 20_000  # bytes
_BLOCK = re.compile(rb"(?m)^[ \t]*/\*")  # within a line it may be a pattern of paths
_DOCSTRING = re.compile(rb"\s*(?:(?:DOCUMENTATION|EXAMPLES|RETURN)\s*=\s*)?[rRuU]?")
_OPENS, _CLOSES = (b"{{", b"{%", b"<%"), (b"}}", b"%}", b"%>")  # an expression in a template
_JOINED = re.compile(r"[ \t]*(?:\+[ \t]*[A-Za-z_$(]|\.[ \t]*[$A-Z])")  # what completes a text
_PAIR = re.compile(r"[\"']?[\w.-]+[\"']?[ \t]*[:=]")  # the next name and value of a mapping
# A choice between two texts, or an attribute whose value is code: what stands beside the name is no value.
_NO_TEXT = re.compile(rb"\? ?[\"']$")
_BOUND = re.compile(rb"(?:^|\s)(?:v-bind)?[:\[]$")
_COLUMN = re.compile(r"`\s?=\s?`$")  # compared with another in a query
_NAMES = ("NAME", "NAME2", "NAME3", "NAME4", "NAME5", "NAME6")  # one for each way in which a rule may match it
_NAMED = ("chosen-argument", "chosen-login")  # what stands before says that it is a password
_NO_SETTING = ("chosen-pair", "chosen-call", "chosen-element", "chosen-login", "chosen-encoded")
_WHOLE = ("chosen-url", "basic", "chosen-encoded")  # rules that say by themselves what is the value
# What begins and ends a text of several lines.
_LONG_QUOTES = (
    (re.compile(r"(?i)\.go$"), (b"`",)),
    (re.compile(r"(?i)\.(?:pyi?|java|kts?|scala|groovy|swift)$"), (b'"""', b"'''")),
)


@dataclass
class ChosenInFile:
    """What one file holds, and the line of each value that is a default where nothing is in use."""

    chosen: set[Shape] = field(default_factory=set)
    idle: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Match:
    """Where a rule found a value, with what decides how far it goes."""

    name: str
    rule: str
    start: int  # of the value
    before: str  # from the name on
    rest: str  # the line from the value on
    in_force: bool  # it is in no comment
    in_text: bool  # its name stands in a text in code
    in_expression: bool  # its name stands in an expression of a template


def chosen_in_file(content: bytes, path: str, rules: Rules) -> ChosenInFile:
    """The passwords that somebody chose in one file of a project; none in what others or programs wrote."""
    found = ChosenInFile()
    if is_others(path) or is_generated(path, content) or path.lower().endswith((".html", ".htm")):
        return found  # a page's words are for people
    for match in _matches(content, path, rules):
        value, end = _value(match, code=is_kind("code file", path))
        if not value or in_public_address(content, match.start):
            continue
        user, password = _login_of(value, match.rule)
        deployed = deploys(path) and match.in_force and match.rule not in _NO_SETTING
        near = content[max(0, match.start - _NEAR) : match.start + _NEAR].decode("utf-8", "replace")
        default = is_default(password) or password == user or _is_named_after(password, match.name, path, near)
        stub = len(password) <= 5 and is_word(password) and not _OF_A_PERSON.search(match.name)
        default = default or (stub and match.rule not in (*_WHOLE, *_NAMED))
        deployed = deployed and not (default and _in_comment(content, match.start, path))
        made_up = candidates.is_placeholder(password) or candidates.is_published(value)
        if made_up or (default and not deployed):
            found.idle.append(content.count(b"\n", 0, match.start) + 1)
            continue
        if not is_default(value) and not reads_as_words(value) and strength_bits(value) >= _WORTH_SEALING:
            rules.keeper.take(value)
        text = rules.keeper.take(match.before + end)
        fingerprint = rules.keeper.fingerprint(value)
        found.chosen.add(Shape(fingerprint, match.name, match.rule, text, default))
    return found


def _matches(content: bytes, path: str, rules: Rules) -> Iterator[_Match]:
    quotes = next((quotes for language, quotes in _LONG_QUOTES if language.search(path)), ())
    for finding in scanner(CHOSEN, rules.compiled).scan(content):
        start, name = finding.location["start_offset"], _name(finding)
        first = content.rfind(name.encode(), max(0, start - _BEFORE), start) if name else start
        line = content[content.rfind(b"\n", 0, first) + 1 : first]
        if not finding.visible or finding.is_base64_encoded or first < 0 or _NO_TEXT.search(line):
            continue
        if line.endswith(b"\\") and name[:1] in ("n", "r", "t"):
            first, name = first + 1, name[1:]  # a line break in a text
        before = content[first:start]
        if before.endswith((b'="', b"='")) and _BOUND.search(line[-9:]):
            continue
        yield _Match(
            name,
            finding.rule_id.rpartition(".")[2],
            start,
            before.decode("utf-8", "replace"),
            content[start : start + _AFTER].partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r"),
            in_force=not _COMMENT.match(line),
            in_text=any(line.count(quote) % 2 for quote in (b'"', b"'", b"`"))
            or any(content.count(quote, 0, first) % 2 for quote in quotes),
            in_expression=max(map(line.rfind, _OPENS)) > max(map(line.rfind, _CLOSES)),
        )


def _name(finding: "Finding") -> str:
    return str(next((text for text in map(finding.captures.get, _NAMES) if text), "")).strip()


def _value(match: _Match, *, code: bool) -> tuple[str, str]:
    """The value, and the text that it takes with what ends it; "" for none."""
    if match.rule in _WHOLE:
        value = _whole(match.rest, match.rule)
        return value, value
    listed = match.rule == "chosen-pair" and match.before.startswith(f"{match.name}`")
    if match.before.endswith("`") and (listed or _COLUMN.search(match.before)):
        return "", ""  # columns of a table
    value = _beside(match, code=code)
    called = match.rule in ("chosen-pair", "chosen-call") and "." not in match.name  # no property of anything
    a_name = (called or "!=" in match.before) and is_word(value)
    name = f"{match.name} password" if match.rule in _NAMED else match.name
    return ("", "") if a_name or not looks_chosen(value, name) else (value, match.rest[: len(value) + 1])


def _beside(match: _Match, *, code: bool) -> str:
    """The value in quotes, in an element, or without quotes where that makes no name of it."""
    if quoted := re.search(r"(\\{0,3}[\"']|(?<!=)`)$", match.before):
        return _within(match.rest, quoted[1])
    if match.rule == "chosen-element" and ">" in match.before and not re.match(r"[^<>]+</", match.rest):
        return ""  # a placeholder in a sentence
    in_text = match.in_text and not re.search(r"[\"'`]", match.before)
    return "" if match.in_expression or (code and not in_text) else _alone(match)


def _within(rest: str, quote: str) -> str:
    """A text up to the quote that ends it."""
    end = rest.find(quote)
    while len(quote) == 1 and end > 0 and rest[end - 1] == "\\":
        end = rest.find(quote, end + 1)
    begun = rest[end - 1 : end] in tuple("-_:=/.|") and _JOINED.match(rest, end + len(quote))
    return rest[:end] if end > 0 and not begun else ""


def _alone(match: _Match) -> str:
    """A value without quotes; after a colon or a space it is one only if nothing follows it on its line."""
    if match.before.endswith("`"):
        return ""  # a command, whose output is the value
    ends = r"[\s\"'`&<,;)]|\\[nrt]" if match.in_text else r"[\s\"'`&<]"
    value = re.split(r",[\w.]+=", re.split(ends, match.rest)[0])[0].rstrip(",;)}*\\")
    after = re.sub(r"\s(?:[#;]|//|--|<!--|\*/).*", "", match.rest[len(value) :]).strip(",;)} \t")
    whole = match.rule in ("chosen", "chosen-short") and re.search(r":[ \t*_]*$|=[ \t]+$", match.before)
    return "" if whole and after and not _PAIR.match(after) else value


def _whole(rest: str, rule: str) -> str:
    """A URL with a password, a user and a password, or base64 of them (RFC 7617); "" for anything else."""
    if rule == "basic":
        encoded = re.match(r"[A-Za-z0-9+/]+={0,2}", rest)
        return encoded[0] if encoded and _decoded(encoded[0]) else ""
    if rule == "chosen-encoded":
        value = re.split(r"[\"'`]", rest)[0]
        user, _, password = value.partition(":")
        return value if user != "BEGIN" and looks_chosen(password, "password") else ""
    url = re.match(r"[^\s\"'`<>|\\)\]},]+", rest)
    parts = url_parts(re.sub(r"@[$%{].*", "@host", url[0])) if url else None  # a host that is put there later
    if not url or not parts or re.search(r"(?i)(?:^|\.)example\.|\.example$", parts.host):
        return ""
    return url[0] if looks_chosen(parts.password, "password", shortest=3) else ""


def _decoded(base64: str) -> str:
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


def _is_named_after(value: str, name: str, path: str, near: str) -> bool:
    """Whether a chosen value is its user, or the product that its name, file or folder is called by."""
    core = re.sub(r"[\W\d_]+$", "", value)
    words = (part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", f"{name} {path}"))
    users = (user.lower() for user in _USER.findall(near))
    return len(core) >= 3 and is_word(core) and (core.lower() in words or value.lower() in users)


def _in_comment(content: bytes, place: int, path: str) -> bool:
    """Whether a comment or a docstring that began on a line before goes on at a place."""
    before = content[max(0, place - _LONGEST_COMMENT) : place]
    begun = max((found.end() for found in _BLOCK.finditer(before)), default=-1)
    if begun > before.rfind(b"*/") or before.rfind(b"<!--") > before.rfind(b"-->"):
        return True
    return path.lower().endswith(".py") and any(
        content.count(quote, 0, place) % 2
        and _DOCSTRING.fullmatch(content, content.rfind(b"\n", 0, first) + 1, first)
        for quote in (b'"""', b"'''")
        for first in [content.rfind(quote, 0, place)]
    )
