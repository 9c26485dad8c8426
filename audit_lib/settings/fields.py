"""The types of the settings' keys, each with its check, whose message never repeats what was written."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from audit_lib.base.bounded import is_expression
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import DECLARED, MESSAGE_KINDS, REQUEST_KINDS, SEVERITIES

ENVIRONMENTS = ("development", "staging", "production")
ALIASES = {"dev": "development", "prod": "production"}
# What reads an env file, each with rules of its own.
LOADERS = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd", "render")
METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
FACTS = (
    *("entry", "purpose", "reach", "reason", "required", "format", "length", "example", "placeholder"),
    *("pairing", "exposure", "period", "generate", "obtain", "revoke", "rotate", "platform", "expected"),
)
# A failed login as logs show it: only where the application's policy declares one is its absence quiet.
LOGIN_KINDS = ("unauthorized", "forbidden", DECLARED, "login_failed", "jwt_invalid")
REQUESTS = (*REQUEST_KINDS.values(), DECLARED)
RECORDS = ("rotation", "revocation", "acceptance", "attestation", "repair", "key bridge")
LARGEST = 100_000  # of numbers: of days nearly three centuries
MOST_BLOCKS = 2_000  # of one list
ROUTE = re.compile(r"/[A-Za-z0-9._~@:+,=!$&'()/{}-]{0,199}")
UNKNOWN_KEY = "is an unknown key"
CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)


def fault(text: str) -> PydanticCustomError:
    """An error of a check, in words of our own."""
    return PydanticCustomError("settings", text)


def check(holds: Callable[[Any], object], text: str) -> AfterValidator:
    """A check of a value that was read; `text` is the fault where it does not hold."""

    def judge(value: Any) -> Any:
        if not holds(value):
            raise fault(text)
        return value

    return AfterValidator(judge)


def among(*words: str) -> AfterValidator:
    """One of these words, or nothing."""
    return check(lambda text: text in ("", *words), f"must be one of {', '.join(words)}")


def matching(pattern: str, text: str) -> AfterValidator:
    """A text that as a whole matches, or nothing; `text` is the fault."""
    return check(lambda value: not value or re.fullmatch(pattern, value), text)


def no_two(key: str) -> AfterValidator:
    """No two blocks of a list have the same text under a key."""

    def judge(blocks: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [getattr(block, key) for block in blocks]
        for number, name in enumerate(names[:MOST_BLOCKS]):
            if name in names[:number]:
                raise fault(f"#{names.index(name) + 1} and #{number + 1} have the same {key}")
        if len(blocks) > MOST_BLOCKS:
            raise fault(f"has more than {MOST_BLOCKS:,} tables")
        return blocks

    return AfterValidator(judge)


def written(**defaults: str) -> BeforeValidator:
    """What a block may leave out although the code always says it."""
    return BeforeValidator(lambda block: {**defaults, **block} if isinstance(block, dict) else block)


def path_fault(text: str, *, absolute: bool = False) -> str:
    """What is wrong with a path or pattern, which must stay within the project unless it may be absolute."""
    if not text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        return "is empty or has a control character"
    if text.startswith(("~",) if absolute else ("/", "~")) or PureWindowsPath(text).drive or "\\" in text:
        return "must be relative to the project, with / between its parts"
    return "leads out of the project with .." if ".." in PurePosixPath(text).parts else ""


def environment_name(text: str) -> str:
    """The environment that a name or an alias (dev, prod) stands for; "" for any other text."""
    name = ALIASES.get(text.strip().lower(), text.strip().lower())
    return name if name in ENVIRONMENTS else ""


def _path(text: str, *, absolute: bool = False) -> str:
    if text and (wrong := path_fault(text, absolute=absolute)):
        raise fault(wrong)
    return PurePosixPath(text).as_posix() if text else ""


def _is_zone(text: str) -> bool:
    try:
        return bool(ZoneInfo(text or "UTC"))
    except (OSError, ValueError, KeyError):
        return False


def _is_redirect(text: str) -> bool:
    path, _, parameter = text.partition("?")
    return not text or bool(ROUTE.fullmatch(path) and re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", parameter))


def _instant(text: str) -> str:
    try:
        return text and (parse_instant(text, ""), text)[1]
    except BadInput as error:
        raise fault(error.faults[0].text) from None


def _unknown(_: object) -> object:
    raise fault(UNKNOWN_KEY)


_NAMED = f"{', '.join(ENVIRONMENTS)} (or dev, prod)"
_NAME = "must consist of letters, digits, dots, hyphens and underscores"
_ROUTE = "must be a path as the logs count it, {id} for identifiers, no query"
_PHRASE = "must be 6 to 200 characters of ASCII, a letter or digit first"
_REDIRECT = "must be a path, perhaps with ? and the name of a parameter"
_ZONE = "must be a zone of the time zone database, as Europe/Berlin"
_LOGIN = "must be at most 40 letters, digits, spaces, dots, …"
_EXPRESSION = "is not a regular expression (a flag is written (?i:…))"

# What the audit finds out itself: no file may say it.
Computed = BeforeValidator(_unknown)
Needed = check(bool, "is empty")
Distinct = check(lambda values: len(set(values)) == len(values), "contains something twice")
Some = Annotated[StrictStr, Needed]
Texts = Annotated[tuple[Some, ...], Distinct]
Count = Annotated[StrictInt, Field(ge=0, le=LARGEST)]
Days = Annotated[StrictInt, Field(ge=1, le=LARGEST)]
DueDays = Annotated[StrictInt, Field(ge=1, le=3650)]
Statuses = Annotated[tuple[Annotated[StrictInt, Field(ge=100, le=599)], ...], Distinct]
Severity = Annotated[StrictStr, among(*SEVERITIES)]
AnyVariable = Annotated[
    StrictStr, matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "must be the name of a variable")
]
Variable = Annotated[AnyVariable, Needed]
Names = Annotated[tuple[Variable, ...], Distinct]
Digest = Annotated[StrictStr, matching(r"[0-9a-f]{64}", "must be a SHA-256 (64 hexadecimal digits)")]
Digests = Annotated[tuple[Digest, ...], Distinct]
Expression = Annotated[Some, check(lambda text: is_expression(rf"\A(?:{text})\Z"), _EXPRESSION)]
Instant = Annotated[StrictStr, AfterValidator(_instant)]
Zone = Annotated[StrictStr, check(_is_zone, _ZONE)]
# A name becomes part of a folder's name: reports/<project>-<quarter>.
Name = Annotated[StrictStr, matching(r"\w[\w.-]{0,79}", _NAME)]
NameGiven = Annotated[Name, Needed]
InProject = Annotated[StrictStr, AfterValidator(_path)]
InProjectGiven = Annotated[InProject, Needed]
Anywhere = Annotated[StrictStr, AfterValidator(lambda text: _path(text, absolute=True)), Needed]
Environment = Annotated[
    StrictStr,
    check(lambda text: not text or environment_name(text), f"must be one of {_NAMED}"),
    AfterValidator(environment_name),
]
Environments = Annotated[
    tuple[Environment, ...],
    check(
        lambda names: names and all(names) and len({*names}) == len(names),
        f"must be some of {_NAMED}, each once",
    ),
    AfterValidator(lambda names: tuple(name for name in ENVIRONMENTS if name in names)),
]
EnvironmentInFull = Annotated[StrictStr, among(*ENVIRONMENTS)]
Redirect = Annotated[StrictStr, check(_is_redirect, _REDIRECT)]
Route = Annotated[Some, matching(ROUTE.pattern, _ROUTE)]
LoginName = Annotated[Some, matching(r"\w[\w .-]{0,39}", _LOGIN)]
Phrase = Annotated[StrictStr, matching(r"[A-Za-z0-9][ -z|~]{5,199}", _PHRASE)]
Loader = Annotated[StrictStr, among(*LOADERS)]
Method = Annotated[StrictStr, among(*METHODS)]
Requirement = Annotated[StrictStr, among("always", "production", "recommended", "feature", "optional")]
Kind = Annotated[StrictStr, among("secret", "identifier", "setting")]
Component = Annotated[StrictStr, among("whole", "password")]
CharacterClass = Annotated[Some, among("lower", "upper", "digit", "symbol")]
Restart = Annotated[StrictStr, among("restart", "rebuild")]
Overlap = Annotated[StrictStr, among("yes", "no", "unknown")]
Fact = Annotated[StrictStr, among(*FACTS)]
EventKind = Annotated[Some, among(*REQUESTS, *MESSAGE_KINDS)]
Record = Annotated[Some, among(*RECORDS)]
Access = Annotated[StrictStr, among("open", "login", "protected")]
