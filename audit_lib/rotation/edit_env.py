"""Sets one variable in the bytes of an env file and changes nothing else, whichever loader reads it."""

import io
import re
from collections.abc import Callable, Iterator

from audit_lib.base.errors import BadInput
from audit_lib.secrets.env import EnvLine, decoded, encoded_like, parse_env, value_is_unknown
from audit_lib.secrets.loaders import READERS

_ASSIGNMENT = r"(\ufeff?[ \t]*(?:export[ \t]+)?{name}[ \t]*[=:])([ \t]*)(.*)"
_QUOTED = re.compile(r"(['\"`])(.*)\1([ \t]*#.*|[ \t]*)", re.DOTALL)
_BARE = re.compile(r"(.*?)([ \t]+#.*|[ \t]*)", re.DOTALL)

Change = Callable[[str], str]  # from the value that is set to the new one


def current_value(content: bytes, name: str, loaders: tuple[str, ...], place: str) -> str | None:
    """The value that a file sets, None if it does not set the variable.

    `BadInput`, with the file's place, if it sets it more than once or to a value that is not known.
    """
    lines = [line for line in parse_env(content, loaders) if line.name == name]
    if len(lines) > 1:
        raise BadInput.at(place, f"sets {name} {len(lines)} times: keep one line")
    if lines and (lines[0].value is None or value_is_unknown(lines[0].faults)):
        raise BadInput.at(
            place, f"sets {name} to what loaders read differently: state its loader in audit.toml"
        )
    return lines[0].value if lines else None


def with_value(content: bytes, name: str, change: Change, loaders: tuple[str, ...], place: str) -> bytes:
    """The file's bytes with the variable's new value; `BadInput` if it cannot be set alone.

    Comments, order, line ends and encoding stay. Every loader shall read the new value, so its quotes go and
    a comment behind it gets a line of its own; both stay if only the file's own loader reads it then. A
    variable that is not set is appended.
    """
    old = current_value(content, name, loaders, place)
    new = change(old or "")
    if old == new:
        return content
    text, _ = decoded(content)
    lines = parse_env(content, loaders)
    found = [line for line in lines if line.name == name]
    written = _replaced(text, lines, found[0], change, new) if found else _appended(text, name, new)
    candidates = [encoded_like(one, content) for one in written]
    for readers in (tuple(READERS), loaders):
        for candidate in candidates:
            if _only_this_changed(content, candidate, name, new, readers):
                return candidate
    raise BadInput.at(place, f"cannot be given a new {name} that its loader reads as it is: edit it by hand")


def _appended(text: str, name: str, new: str) -> Iterator[str]:
    end = _line_end(text)
    missing = "" if not text or text.endswith(("\n", "\r")) else end
    yield f"{text}{missing}{name}={new}{end}"


def _replaced(
    text: str, lines: tuple[EnvLine, ...], line: EnvLine, change: Change, new: str
) -> Iterator[str]:
    """The texts that may do, the one that keeps most first."""
    raw = list(io.StringIO(text, newline=""))
    first, last = line.line - 1, line.line
    while last < len(lines) and "continuation" in lines[last].faults:
        last += 1
    before, own, after = ("".join(part) for part in (raw[:first], raw[first:last], raw[last:]))
    body = own.rstrip("\r\n")
    end = own[len(body) :]
    found = re.fullmatch(_ASSIGNMENT.format(name=re.escape(line.name or "")), body, re.DOTALL)
    if not found:
        return
    left, space, right = found.groups()
    mark, value, tail = _taken_apart(right)
    for kept in dict.fromkeys((change(value) if value else new, new)):
        yield f"{before}{left}{space}{mark}{kept}{mark}{tail}{end}{after}"
    comment = f"{tail.strip()}{end or _line_end(text)}" if tail.strip() else ""
    start = "\ufeff" if left.startswith("\ufeff") else ""
    plain = left.removeprefix("\ufeff").strip()
    yield f"{before}{start}{comment}{plain}{new}{end}{after}"


def _taken_apart(right: str) -> tuple[str, str, str]:
    """The quotation mark ("" if there is none), the value as it is written, and what follows."""
    quoted = _QUOTED.fullmatch(right)
    if quoted:
        return quoted[1], quoted[2], quoted[3]
    bare = _BARE.fullmatch(right)
    return "", bare[1] if bare else right, bare[2] if bare else ""


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _only_this_changed(old: bytes, edited: bytes, name: str, new: str, readers: tuple[str, ...]) -> bool:
    """Whether each loader that takes the file reads the new value, and all else as before.

    A variable that refers to this one changes with it, which is meant.
    """
    before, after = decoded(old)[0], decoded(edited)[0]
    if _names(old, readers) - {name} != _names(edited, readers) - {name}:
        return False
    for reader in readers:
        was, now = READERS[reader](before), READERS[reader](after)
        if was.refused and now.refused:
            continue
        held = {one.name: one.value for one in now.statements if one.name}
        others = {one.name: one.value for one in was.statements if one.name and one.name != name}
        refers = re.compile(rf"\$\{{?{re.escape(name)}\b")
        if held.get(name) != new or now.refused != was.refused:
            return False
        if not refers.search(before) and {key: held[key] for key in held if key != name} != others:
            return False
    return True


def _names(content: bytes, readers: tuple[str, ...]) -> set[str]:
    return {line.name for line in parse_env(content, readers) if line.name}
