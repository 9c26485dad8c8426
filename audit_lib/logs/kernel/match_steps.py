"""The steps of a block: what matching it does, one after another."""

from enum import IntEnum
from typing import NamedTuple

from audit_lib.logs.blocks import Block
from audit_lib.logs.templates import BEGINS, Part

# Captures: each takes two places (from, to); a time and a status are kept as numbers.
NOTHING, CLIENT, METHOD, PATH, EMAIL, VARIABLE = range(6)

_ALL = bytes(range(256))

# The classes of bytes that fields take, by number; the kernel has a search for each.
SP, DIGITS, WORD, NAME, DOTTED, PEER, CLIENTS, LETTERS, ROUTE, EMAILS, VARIABLES, HEXES = range(12)
# Of most fields all bytes are those that it may begin with.
BYTES: dict[int, bytes] = {
    SP: BEGINS["sp"],
    DIGITS: BEGINS["digits"],
    WORD: BEGINS["word"],
    NAME: BEGINS["name"],
    DOTTED: BEGINS["dotted"] + BEGINS["digits"] + b".",
    PEER: bytes(set(_ALL) - set(b' "')),
    CLIENTS: BEGINS["host"],
    LETTERS: BEGINS["method"],
    ROUTE: bytes(set(_ALL) - set(b' ":')),
    EMAILS: bytes(set(_ALL) - set(b" ")),
    VARIABLES: BEGINS["variable"] + BEGINS["digits"] + b"_",
    HEXES: BEGINS["client"],
}
HEAD_OF = {DOTTED: BEGINS["dotted"], VARIABLES: BEGINS["variable"]}


class Do(IntEnum):
    """What a step does; each but ASK and MATCHED fails where that is not possible."""

    LITERAL = 0  # takes a text
    RUN = 1  # takes all bytes of a class
    FIND = 2  # goes behind the first place of a text
    TIME = 3  # takes a time like 2026-11-24 13:50:34
    TIME_CLF = 4
    TIME_ASCTIME = 5
    TIME_SYSLOG = 6
    LEVEL = 7  # takes the name of a level
    STATUS = 8  # takes a status
    HEAD = 9  # takes a byte that begins a name of a class, then all of the class
    REST = 10  # takes a space and anything, or nothing
    LAST = 11  # is at the end
    ALL = 12  # takes everything
    ENDS = 13  # goes to the end, if a text stands before it
    ASK = 14  # leaves the line to the naive reader
    MATCHED = 15  # the block matches
    SEEK = 16  # as FIND; if what follows does not match, goes on to the next place
    AGAIN = 17  # goes to the next place of the text that was sought
    ADDRESS = 18  # takes an address, without a port
    TIME_DATED = 19
    TIME_SHORT = 20
    SWITCH = 21  # chooses by the next byte among those that can begin with it
    AHEAD = 22  # chooses by the byte behind all bytes of a class


class MatchStep(NamedTuple):
    """One step, by what it does; blocks that begin with equal steps are matched together."""

    do: Do
    text: bytes = b""  # of LITERAL, FIND and ENDS
    members: int = 0  # the class of RUN and HEAD
    least: int = 0
    most: int = 0
    capture: int = NOTHING


_STEPS = {
    "time": MatchStep(Do.TIME),
    "time:clf": MatchStep(Do.TIME_CLF),
    "time:asctime": MatchStep(Do.TIME_ASCTIME),
    "time:dated": MatchStep(Do.TIME_DATED),
    "time:short": MatchStep(Do.TIME_SHORT),
    "time:syslog": MatchStep(Do.TIME_SYSLOG),
    "level": MatchStep(Do.LEVEL),
    "sp": MatchStep(Do.RUN, members=SP, least=1),
    "digits": MatchStep(Do.RUN, members=DIGITS, least=1),
    "word": MatchStep(Do.RUN, members=WORD, least=1),
    "name": MatchStep(Do.RUN, members=NAME, least=1),
    "dotted": MatchStep(Do.HEAD, members=DOTTED, least=0, most=1 << 30),
    "peer": MatchStep(Do.RUN, members=PEER, capture=CLIENT),
    "token": MatchStep(Do.RUN, members=EMAILS, least=1),
    "client": MatchStep(Do.ADDRESS, capture=CLIENT),
    "host": MatchStep(Do.RUN, members=CLIENTS, least=1, capture=CLIENT),
    "client:port": MatchStep(Do.RUN, members=CLIENTS, least=1, capture=CLIENT),
    "method": MatchStep(Do.RUN, members=LETTERS, least=1, capture=METHOD),
    "path": MatchStep(Do.RUN, members=PEER, capture=PATH),
    "route": MatchStep(Do.RUN, members=ROUTE, capture=PATH),
    "status": MatchStep(Do.STATUS),
    "variable": MatchStep(Do.HEAD, members=VARIABLES, least=2, most=63, capture=VARIABLE),
    "email": MatchStep(Do.RUN, members=EMAILS, capture=EMAIL),
    "rest": MatchStep(Do.REST),
    "end": MatchStep(Do.LAST),
}
TIMES = (Do.TIME, Do.TIME_CLF, Do.TIME_SHORT, Do.TIME_ASCTIME, Do.TIME_DATED, Do.TIME_SYSLOG)
_TO_THE_END = (Do.ALL, Do.REST, Do.LAST, Do.ENDS)


def steps_of(block: Block, whole: bool) -> tuple[MatchStep, ...]:
    """The steps of a block; `whole` ends it at the end of the line, as bodies do."""
    if not block.parts:
        return MatchStep(Do.LITERAL, block.literal), MatchStep(Do.ASK)
    steps: list[MatchStep] = []
    before = Part()
    for part in block.parts:
        if part.field == "end" and steps and steps[-1].do is Do.FIND:
            steps[-1] = MatchStep(Do.ENDS, steps[-1].text)
        elif part.literal:
            steps.append(MatchStep(Do.FIND if before.field == "text" else Do.LITERAL, part.literal))
        elif part.field != "text":
            steps.append(_STEPS[part.field])
        before = part
    found = [place for place, step in enumerate(steps) if step.do is Do.FIND]
    if found and sum(part.field == "text" for part in block.parts[:-1]) == len(found):
        steps[found[-1]] = MatchStep(Do.SEEK, steps[found[-1]].text)
    if before.field == "text":
        steps.append(MatchStep(Do.ALL))
    if whole and steps[-1].do not in _TO_THE_END:
        steps.append(MatchStep(Do.LAST))
    return tuple(steps)
