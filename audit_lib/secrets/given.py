"""Values given for this run with `--env ENVIRONMENT/SERVICE=FILE|-|environ`: never stored."""

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from audit_lib.base.errors import BadInput, Fault
from audit_lib.secrets.env import EnvLine, entry, is_binary, parse_env
from audit_lib.secrets.stores import parse_store_export
from audit_lib.settings import ENVIRONMENTS, GivenValues, Policy, environment_name

STDIN, ENVIRON = "-", "environ"
LIMIT_BYTES = 2 * 1024 * 1024
_FORM = "must have the form ENVIRONMENT/SERVICE[:SECRET]=FILE, =- (stdin) or =environ"
_OPTION = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})(?::([A-Za-z_]\w{0,127}))?=(.+)", re.DOTALL)


def parse_env_options(texts: Iterable[str], stdin: BinaryIO) -> tuple[GivenValues, ...]:
    """What all `--env` options of a command give; `BadInput` with every fault of them at once."""
    options = tuple(texts)
    faults: list[Fault] = []
    given: list[GivenValues] = []
    if sum(option.endswith("=-") for option in options) > 1:
        faults.append(Fault("--env", "stdin (-) can be given for one service only"))
    for option in options:
        try:
            given.append(parse_env_option(option, stdin))
        except BadInput as error:
            faults.extend(error.faults)
    places = Counter(place_of(one) for one in given if one.content or one.origin == ENVIRON)
    faults.extend(Fault(place, "is given twice") for place, count in places.items() if count > 1)
    if faults:
        raise BadInput(faults)
    return tuple(given)


def parse_env_option(text: str, stdin: BinaryIO) -> GivenValues:
    """What one `--env` option gives. Its text is never quoted in a fault: it may be a value given by mistake.

    The content of `environ` stays empty: its names are the policy's, which is read later.
    """
    found = _OPTION.fullmatch(text)
    environment = environment_name(found[1]) if found else ""
    if not found or not environment:
        raise BadInput.at("--env", f"{_FORM}, with ENVIRONMENT one of {', '.join(ENVIRONMENTS)}")
    _, service, secret, origin = found.groups()
    nothing = GivenValues(environment, service, origin, b"")
    if origin == ENVIRON:
        return nothing
    place = place_of(nothing)
    content = stdin.read(LIMIT_BYTES + 1) if origin == STDIN else _read_file(Path(origin), place)
    if len(content) > LIMIT_BYTES:
        raise BadInput.at(place, f"contains more than {LIMIT_BYTES:,} bytes")
    export = parse_store_export(content, secret or "")
    if export.is_known:
        if export.faults:
            raise BadInput(Fault(place, fault) for fault in export.faults)
        return GivenValues(environment, service, origin, b"", tuple(export.dates))
    given = GivenValues(environment, service, origin, content)
    if not any(line.name for line in given_lines(given)):
        raise BadInput.at(place, "contains no variable: it must be dotenv text or the platform's JSON")
    return given


def place_of(given: GivenValues) -> str:
    """The source of given values, as rows and faults name it."""
    return f"--env {given.environment}/{given.service}"


def given_lines(
    given: GivenValues, policy: Policy | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[EnvLine, ...]:
    """The lines of dotenv text, the entries of JSON, of `environ` the policy's names."""
    if given.origin == ENVIRON:
        names = {name for rule in (policy.secrets if policy else ()) for name in (rule.name, *rule.aliases)}
        return tuple(
            entry(at, name, environ[name]) for at, name in enumerate(sorted(names & environ.keys()), 1)
        )
    return parse_values(given.content, place_of(given))[0]


def parse_values(content: bytes, place: str) -> tuple[tuple[EnvLine, ...], str]:
    """The lines of dotenv text, read as the host's own box reads it, or the entries of JSON; the loader."""
    if is_binary(content):
        raise BadInput.at(place, "contains bytes that are not text")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"[", b"{"):
        return parse_env(content, ("render",)), "render"
    numbers: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), str)  # as written
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_Pairs, **numbers)
    except (ValueError, RecursionError):
        raise BadInput.at(place, "looks like JSON and cannot be parsed") from None
    pairs = found if isinstance(found, _Pairs) else map(_pair, found)
    return tuple(_line(number, *pair) for number, pair in enumerate(pairs, 1)), ""


def _read_file(path: Path, place: str) -> bytes:
    """The content of a file that the auditor names: anywhere, a pipe of the shell included."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind) and not (stat.S_ISFIFO(kind) and path.is_relative_to("/dev/fd")):
            raise BadInput.at(place, "is not a regular file")
        with path.open("rb") as file:
            return file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError):
        raise BadInput.at(place, "names a file that does not exist or cannot be read") from None


class _Pairs(list[tuple[Any, Any]]):
    """A JSON object as its pairs, in order, so that a name given twice is seen."""


def _pair(item: object) -> tuple[Any, Any]:
    """Name and value of an entry of Render's list: {"envVar": {"key", "value"}} or the inner object."""
    inner = dict(item).get("envVar", item) if isinstance(item, _Pairs) else None
    pairs = dict(inner) if isinstance(inner, _Pairs) else {}
    return pairs.get("key"), pairs.get("value", ...)


def _line(number: int, name: Any, value: Any) -> EnvLine:
    """The line of an entry of the platform's JSON; one of another form is not understood."""
    if not isinstance(name, str) or not isinstance(value, str | bool | None):
        return EnvLine(number, "not understood", faults=("not-parsed",))
    return entry(number, name, str(value).lower() if isinstance(value, bool) else value or "")
