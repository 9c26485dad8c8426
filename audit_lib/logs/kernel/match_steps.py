"""The steps of a block: what matching it does, one after another, each with where it can begin."""

from enum import Enum
from typing import NamedTuple

from audit_lib.logs.formats import Block
from audit_lib.logs.templates import LEVELS, Part

# Captures: each takes two places (from, to); a time and a status are kept as numbers.
NOTHING, CLIENT, METHOD, PATH, EMAIL, VARIABLE = range(6)

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

DIGITS = b"0123456789"

ALL = bytes(range(256))

BYTES: dict[str, bytes] = {
    "sp": b" ",
    "digits": DIGITS,
    "word": bytes(set(ALL) - set(b' []"')),
    "name": LETTERS + DIGITS + b"_./-",
    "dotted": LETTERS + DIGITS + b"_.",
    "peer": bytes(set(ALL) - set(b' "')),
    "client": LETTERS + DIGITS + b".:_-",
    "method": LETTERS,
    "route": bytes(set(ALL) - set(b' ":')),
    "email": bytes(set(ALL) - set(b" ")),
    "variable": LETTERS[:26] + DIGITS + b"_",
    "head of dotted": LETTERS + b"_",
    "head of variable": LETTERS[:26],
}

RUNS = {  # field: class, least length, capture
    "sp": ("sp", 1, NOTHING),
    "digits": ("digits", 1, NOTHING),
    "word": ("word", 1, NOTHING),
    "name": ("name", 1, NOTHING),
    "peer": ("peer", 0, CLIENT),
    "client": ("client", 1, CLIENT),
    "client:port": ("client", 1, CLIENT),
    "method": ("method", 1, METHOD),
    "path": ("peer", 0, PATH),
    "route": ("route", 0, PATH),
    "email": ("email", 0, EMAIL),
}

HEADS = {"dotted": (0, 1 << 30, NOTHING), "variable": (2, 63, VARIABLE)}

FIRST_OF_TIME = {"time": DIGITS, "time:clf": DIGITS, "time:asctime": LETTERS, "time:syslog": LETTERS}


class Do(Enum):
    """What a step does; each but ASK fails where that is not possible."""

    LITERAL = "takes a text"
    FIND = "goes behind the first place of a text"
    RUN = "takes all bytes of a class"
    HEAD = "takes a byte of one class, then all of another"
    TIME = "takes a time"
    LEVEL = "takes the name of a level"
    STATUS = "takes a status"
    REST = "takes a space and anything, or nothing"
    LAST = "is at the end"
    ALL = "takes everything"
    ASK = "leaves the line to the naive reader"


class Step(NamedTuple):
    """One step, by what it does; blocks that begin with equal steps are matched together."""

    do: Do
    text: bytes = b""  # of LITERAL and FIND
    name: str = ""  # the class of RUN and HEAD, the field of TIME
    least: int = 0
    most: int = 0
    capture: int = NOTHING


# A block of one phase: its row in the program, and the steps that are still to be taken.
Rest = tuple[int, tuple[Step, ...]]


# The functions that are made of formats: those that find a block, and one that looks for texts.
PHASES = "first_prefix", "first_inner_prefix", "first_body", "first_message"
SHOWS = "shows_anywhere"


class Reading(NamedTuple):
    """What machine code is made of: the blocks of each phase, by the name of its function, and texts."""

    phases: dict[str, list[Rest]]
    anywhere: tuple[bytes, ...]  # which are sought in the whole of a line that is no request


def steps_of(block: Block, whole: bool) -> tuple[Step, ...]:
    """The steps of a block; `whole` ends it at the end of the line, as bodies do."""
    if not block.parts:
        return Step(Do.LITERAL, block.literal), Step(Do.ASK)
    steps: list[Step] = []
    text = False
    for part in block.parts:
        if part.field != "text":
            steps.append(_step(part, text))
        text = part.field == "text"
    if text:
        steps.append(Step(Do.ALL))
    if whole and steps[-1].do not in (Do.ALL, Do.REST):
        steps.append(Step(Do.LAST))
    return tuple(steps)


def _step(part: Part, after_text: bool) -> Step:
    if part.literal:
        return Step(Do.FIND if after_text else Do.LITERAL, part.literal)
    if part.field in RUNS:
        name, least, capture = RUNS[part.field]
        return Step(Do.RUN, name=name, least=least, capture=capture)
    if part.field in HEADS:
        least, most, capture = HEADS[part.field]
        return Step(Do.HEAD, name=part.field, least=least, most=most, capture=capture)
    if part.field in FIRST_OF_TIME:
        return Step(Do.TIME, name=part.field)
    return Step({"level": Do.LEVEL, "status": Do.STATUS, "rest": Do.REST}[part.field])


def first_bytes(steps: tuple[Step, ...]) -> frozenset[int]:
    """The bytes with which a match can begin."""
    found: set[int] = set()
    for step in steps:
        found |= set(_begins(step))
        if step.do is not Do.RUN or step.least:
            return frozenset(found)
    return frozenset(ALL)


def _begins(step: Step) -> bytes:
    match step.do:
        case Do.LITERAL:
            return step.text[:1]
        case Do.RUN:
            return BYTES[step.name]
        case Do.HEAD:
            return BYTES[f"head of {step.name}"]
        case Do.TIME:
            return FIRST_OF_TIME[step.name]
        case Do.LEVEL:
            return bytes({level[0] for level in LEVELS})
        case Do.STATUS:
            return b"12345"
        case _:
            return ALL
