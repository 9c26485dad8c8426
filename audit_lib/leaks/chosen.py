"""Passwords that somebody chose, and defaults, in the files of a project: beside their names."""

import re
from base64 import b64decode
from binascii import Error
from contextlib import suppress

from audit_lib.base.connection_url import url_parts
from audit_lib.leaks import candidates
from audit_lib.leaks.candidates import expression, is_default, is_kind, is_word, looks_chosen
from audit_lib.leaks.rules import CHOSEN, Rules, Shape, in_public_address, scanner
from audit_lib.secrecy.strength import strength_bits

_WORTH_SEALING = 40  # bits; a weaker value is a word, which a report may hold by chance
_BEFORE, _AFTER = 260, 400  # bytes around a value in which its name, its quotes and its end are looked for
_NAMES = (
    "NAME",
    "NAME2",
    "NAME3",
    "NAME4",
    "NAME5",
    "NAME6",
)  # one for each way in which a rule may match it
_LOGINS = ("chosen-url", "basic", "chosen-encoded")  # rules that say by themselves what is the value
_NO_SETTING = ("chosen-pair", "chosen-call", "chosen-element", "chosen-login", "chosen-encoded")


def chosen_in_file(content: bytes, path: str, rules: Rules) -> tuple[set[Shape], int]:
    """The passwords that somebody chose in one file of a project, and how many more are placeholders, or
    defaults where nothing is in use; none in what others or programs wrote, or in a page, which people read."""
    found, idle = set[Shape](), 0
    if candidates.is_others(path) or candidates.is_generated(path, content) or is_kind("page", path):
        return found, idle
    for finding in scanner(CHOSEN, rules.compiled).scan(content):
        start, rule = finding.location["start_offset"], finding.rule_id.rpartition(".")[2]
        name = str(next(filter(None, map(finding.captures.get, _NAMES)), "")).strip()
        first = content.rfind(name.encode(), max(0, start - _BEFORE), start) if name else start
        if not finding.visible or finding.is_base64_encoded or first < 0 or in_public_address(content, start):
            continue
        line = content[content.rfind(b"\n", 0, first) + 1 : first].decode("utf-8", "replace")
        before = content[first:start].decode("utf-8", "replace")
        rest = content[start : start + _AFTER].partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
        if rule in _LOGINS:
            value, user, password = _login(rest, rule)
            text = value
        else:
            value = password = _beside(line, before, rest, rule, is_code=is_kind("code file", path))
            user, text = "", before + rest[: len(value) + 1]
            named = f"{name} password" if rule in ("chosen-argument", "chosen-login") else name
            # Beside a password's name in a call or a comparison a word is a name; not of a property.
            called = rule in ("chosen-pair", "chosen-call") and "." not in name
            if not looks_chosen(value, named) or ((called or "!=" in before) and is_word(value)):
                continue
        if not value:
            continue
        default = is_default(password) or password == user or _is_named_after(password, f"{name} {path}")
        in_use = (
            candidates.deploys(path) and rule not in _NO_SETTING and not expression("comment").match(line)
        )
        if (
            expression("placeholder").search(password)
            or candidates.is_published(value)
            or (default and not in_use)
        ):
            idle += 1
            continue
        strong = strength_bits(value) >= _WORTH_SEALING and not candidates.reads_as_words(value)
        if strong and not is_default(value):
            rules.keeper.take(value)
        found.add(Shape(rules.keeper.fingerprint(value), name, rule, rules.keeper.take(text), default))
    return found, idle


def _beside(line: str, before: str, rest: str, rule: str, *, is_code: bool) -> str:
    """The value in quotes up to the quote that ends it, in an element, or without quotes where that makes no
    name of it; after a colon or a space only if nothing follows it on its line. "" for none."""
    if expression("no value beside").search(f"{line[-20:]}\0{before}"):
        return ""
    if quoted := re.search(r"(\\{0,3}[\"']|(?<!=)`)$", before):
        ended = re.match(rf"((?:\\.|(?!{re.escape(quoted[1])}).)+?){re.escape(quoted[1])}(.*)", rest)
        joined = ended and ended[1].endswith(tuple("-_:=/.|")) and re.match(r"\s*[+.]", ended[2])
        return ended[1] if ended and not joined else ""
    in_text = any(line.count(quote) % 2 for quote in "\"'`") and not re.search(r"[\"'`]", before)
    in_sentence = rule == "chosen-element" and ">" in before and not re.match(r"[^<>]+</", rest)
    if in_sentence or before.endswith("`") or (is_code and not in_text):
        return ""
    value = re.split(r"[\s\"'`&<,;)]|\\[nrt]" if in_text else r"[\s\"'`&<]|,[\w.]+=", rest)[0].rstrip(
        ",;)}*\\"
    )
    after = re.sub(r"\s(?:[#;]|//|--|<!--|\*/).*", "", rest[len(value) :]).strip(",;)} \t")
    whole = rule in ("chosen", "chosen-short") and re.search(r":[ \t*_]*$|=[ \t]+$", before)
    another = re.match(r"[\"']?[\w.-]+[\"']?[ \t]*[:=]", after)
    return "" if whole and after and not another else value


def _login(rest: str, rule: str) -> tuple[str, str, str]:
    """What holds a user and a password, which is a URL, both of them or base64 of both (RFC 7617); they."""
    if rule == "chosen-url":
        url = re.match(r"[^\s\"'`<>|\\)\]},]+", rest)
        parts = (
            url_parts(re.sub(r"@[$%{].*", "@host", url[0])) if url else None
        )  # a host that is put there later
        if url and parts and not re.search(r"(?i)(?:^|\.)example\.|\.example$", parts.host):
            chosen = looks_chosen(parts.password, "password", shortest=3)
            return (url[0] if chosen else "", parts.user, parts.password)
        return "", "", ""
    value = re.split(r"[\"'`]" if rule == "chosen-encoded" else r"(?<=[=A-Za-z0-9+/])[^A-Za-z0-9+/=]", rest)[
        0
    ]
    text = value
    if rule == "basic":
        with suppress(Error, ValueError):
            text = b64decode(value + "=" * (-len(value) % 4), validate=True).decode("utf-8")
    user, _, password = text.partition(":")
    plain = user != "BEGIN" and looks_chosen(password, "password")
    good = (
        plain
        if rule == "chosen-encoded"
        else bool(text != value and user and password and text.isprintable())
    )
    return (value if good else "", user, password)


def _is_named_after(value: str, names: str) -> bool:
    """Whether a chosen value is the product that its name, file or folder is called by."""
    core = re.sub(r"[\W\d_]+$", "", value)
    words = (part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", names))
    return len(core) >= 3 and is_word(core) and core.lower() in words
