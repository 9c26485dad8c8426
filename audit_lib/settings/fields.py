"""The types of the settings' keys, each with its check.

Every message of a check is our own, since one of pydantic's could repeat what was written.
"""

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, ConfigDict, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from audit_lib.base.bounded_patterns import is_expression
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.log_kinds import DECLARED, REQUEST_KINDS
from audit_lib.base.severities import SEVERITIES

ENVIRONMENTS = ("development", "staging", "production")
ALIASES = {"dev": "development", "prod": "production"}
# What reads an env file, each with rules of its own.
LOADERS = ("python-dotenv", "dotenv", "next", "compose", "docker", "systemd", "render")
METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
KINDS = ("secret", "identifier", "setting")
REQUIREMENTS = ("always", "production", "recommended", "feature", "optional")
CLASSES = ("lower", "upper", "digit", "symbol")
RUNTIMES = ("process", "container", "serverless", "static build", "provider")
REFRESHES = ("restart", "rebuild", "reload", "never")
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
PLACED = re.compile(r"([A-Za-z]+)/(\w[\w.-]{0,79})=(.+)", re.DOTALL)
UNKNOWN_KEY = "is an unknown key"
CONFIG = ConfigDict(extra="forbid", hide_input_in_errors=True)


def fault(text: str) -> PydanticCustomError:
    """An error of a check, in words of our own."""
    return PydanticCustomError("settings", text)


def among(*words: str) -> AfterValidator:
    """One of these words, or nothing."""

    def check(text: str) -> str:
        if text and text not in words:
            raise fault(f"must be one of {', '.join(words)}")
        return text

    return AfterValidator(check)


def within(least: int, most: int) -> AfterValidator:
    """A number of this range."""

    def check(number: int) -> int:
        if not least <= number <= most:
            raise fault(f"must be from {least} to {most}")
        return number

    return AfterValidator(check)


def matching(pattern: str, text: str) -> AfterValidator:
    """A text that as a whole matches, or nothing; `text` is the fault."""

    def check(value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise fault(text)
        return value

    return AfterValidator(check)


def _computed(_: object) -> object:
    """Of what the audit finds out itself: no file may say it."""
    raise fault(UNKNOWN_KEY)


def needed(text: str) -> str:
    """A text that is not empty."""
    if not text:
        raise fault("is empty")
    return text


def period_check(days: int | None) -> int | None:
    """Days until something must be rotated."""
    if days is not None and not 1 <= days <= LARGEST:
        raise fault(f"must be from 1 to {LARGEST}")
    return days


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list that holds nothing twice."""
    if len(set(values)) < len(values):
        raise fault("contains something twice")
    return values


def no_two(key: str) -> AfterValidator:
    """No two blocks of a list have the same text under a key."""

    def check(blocks: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(blocks) > MOST_BLOCKS:
            raise fault(f"has more than {MOST_BLOCKS:,} tables")
        names = [getattr(block, key) for block in blocks]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise fault(f"#{names.index(name) + 1} and #{number + 1} have the same {key}")
        return blocks

    return AfterValidator(check)


def path_fault(text: str, *, absolute: bool = False) -> str:
    """What is wrong with a path or pattern that must stay within the project; "" if nothing is.

    One that may be `absolute` must be either.
    """
    if not text.strip() or any(ord(char) < 32 or ord(char) == 127 for char in text):
        return "is empty or has a control character"
    if text.startswith(("~",) if absolute else ("/", "~")) or PureWindowsPath(text).drive or "\\" in text:
        return "must be relative to the project, with / between its parts"
    return "leads out of the project with .." if ".." in PurePosixPath(text).parts else ""


def path_check(*, absolute: bool = False) -> AfterValidator:
    """A path or pattern that stays within the project."""

    def check(text: str) -> str:
        if text and (wrong := path_fault(text, absolute=absolute)):
            raise fault(wrong)
        return PurePosixPath(text).as_posix() if text else ""

    return AfterValidator(check)


def environment_name(text: str) -> str:
    """The environment that a name or an alias (dev, prod) stands for; "" for any other text."""
    name = ALIASES.get(text.strip().lower(), text.strip().lower())
    return name if name in ENVIRONMENTS else ""


def _environment(text: str) -> str:
    if text and not environment_name(text):
        raise fault(f"must be one of {', '.join(ENVIRONMENTS)} (or dev, prod)")
    return environment_name(text)


def environments_check(names: tuple[str, ...]) -> tuple[str, ...]:
    """The environments that an application has, in their order."""
    if not names or "" in names or len(set(names)) < len(names):
        raise fault(f"must be some of {', '.join(ENVIRONMENTS)} (or dev, prod), each once")
    return tuple(name for name in ENVIRONMENTS if name in names)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text or "UTC")
    except (OSError, ValueError, KeyError):
        raise fault("must be a zone of the time zone database, such as Europe/Berlin") from None
    return text


def _instant(text: str) -> str:
    if text:
        try:
            parse_instant(text, "")
        except BadInput as error:
            raise fault(error.faults[0].text) from None
    return text


def _expression(text: str) -> str:
    if not is_expression(rf"\A(?:{text})\Z"):
        raise fault("is not a regular expression (a flag is written (?i:…))")
    return text


def _redirect(text: str) -> str:
    path, _, parameter = text.partition("?")
    if text and not (ROUTE.fullmatch(path) and re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", parameter)):
        raise fault("must be a path, perhaps with ? and the name of a parameter")
    return text


Some = Annotated[StrictStr, AfterValidator(needed)]
Texts = Annotated[tuple[Some, ...], AfterValidator(distinct)]
Count = Annotated[StrictInt, within(0, LARGEST)]
Days = Annotated[StrictInt, within(1, LARGEST)]
Status = Annotated[StrictInt, within(100, 599)]
Severity = Annotated[StrictStr, among(*SEVERITIES)]
Variable = Annotated[Some, matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "must be the name of a variable")]
Names = Annotated[tuple[Variable, ...], AfterValidator(distinct)]
Digest = Annotated[StrictStr, matching(r"[0-9a-f]{64}", "must be a SHA-256 (64 hexadecimal digits)")]
Expression = Annotated[Some, AfterValidator(_expression)]
Instant = Annotated[StrictStr, AfterValidator(_instant)]
Zone = Annotated[StrictStr, AfterValidator(_zone)]
AnyEnvironment = Annotated[StrictStr, AfterValidator(_environment)]
ServiceName = Annotated[
    StrictStr, matching(r"\w[\w.-]{0,79}", "must consist of letters, digits, dots, hyphens and underscores")
]
PathInProject = Annotated[StrictStr, path_check()]
Redirect = Annotated[StrictStr, AfterValidator(_redirect)]
EnvironmentName = Annotated[StrictStr, among(*ENVIRONMENTS)]
ServiceGiven = Annotated[ServiceName, AfterValidator(needed)]
PathGiven = Annotated[PathInProject, AfterValidator(needed)]
# The name becomes part of a folder's name: reports/<project>-<quarter>.
ProjectName = Annotated[
    StrictStr, matching(r"\w[\w.-]{0,79}", "must consist of letters, digits, dots, hyphens and underscores")
]
Computed = BeforeValidator(_computed)


def written(**defaults: str) -> BeforeValidator:
    """What a block may leave out although the code always says it."""
    return BeforeValidator(lambda block: {**defaults, **block} if isinstance(block, dict) else block)
