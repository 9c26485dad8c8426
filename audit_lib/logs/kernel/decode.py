"""Turns what a worker counted, keys of two words, into columns that name things."""

from collections.abc import Callable, Sequence

import numpy as np

from audit_lib.base.log_kinds import NOTICE, REQUEST_KINDS
from audit_lib.logs.fields import clean_client, clean_method, mask_email, name_route
from audit_lib.logs.file_counts import KINDS, Columns, Names
from audit_lib.logs.formats import CLOCK_SET_BACK, SECRET_IN_URL
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.limit_routes import LOW, METHOD
from audit_lib.logs.read_options import Plan
from audit_lib.logs.units import NONE, Ints

# The reader's own events, by their numbers: layout.CLOCK_NUMBER, URL_NUMBER.
_FIRST_OWN, _OWN = layout.CLOCK_NUMBER, (CLOCK_SET_BACK, SECRET_IN_URL)


class Texts:
    """A worker's strings, which become names by the rule of the field that they are used in."""

    def __init__(self, texts: list[bytes], names: Names) -> None:
        self._texts, self._names = texts, names
        self._known: dict[Callable[[bytes], str], Ints] = {}

    def named(self, numbers: Ints, rule: Callable[[bytes], str]) -> Ints:
        """The names' numbers of a column of strings' numbers."""
        known = self._known.setdefault(rule, np.full(len(self._texts), -1, np.int64))
        asked = np.zeros(len(known), np.bool_)
        asked[numbers] = True
        for place in np.flatnonzero(asked & (known < 0)).tolist():
            known[place] = self._names[rule(self._texts[place])]
        return known[numbers]


def _as_it_is(raw: bytes) -> str:
    return raw.decode("ascii")


def in_file(rows: Ints, begun: Sequence[int]) -> Ints:
    """The rows of a worker's groups with their first line in the file in place of the mark.

    `begun` says how many lines stand before each chunk of the worker.
    """
    marks = rows[:, 3]
    lines = np.array(begun, np.int64)[marks >> 32] + (marks & LOW)
    return np.column_stack([rows[:, :3], lines])


def messages(plan: Plan) -> tuple[str, ...]:
    """The names of messages by their place; the first is none."""
    return "", *(block.name for block in plan.formats.messages), *_OWN


def decode_groups(rows: Ints, texts: Texts, plan: Plan) -> Columns:
    """The columns of BY_GROUP, from rows like those of `in_file`."""
    one, two, count, line = rows.T
    untimed = one >> 46 & 1
    lines = {"line": line, "untimed_line": line * untimed}
    return _decoded(one, two, texts, plan) | {"count": count, "untimed": count * untimed} | lines


def _decoded(one: Ints, two: Ints, texts: Texts, plan: Plan) -> Columns:
    """The columns that the two words of a group's key hold."""
    message, status = one >> 28 & 255, one >> 36 & 1023
    own = len(plan.formats.messages) + 1 - _FIRST_OWN
    return {
        "day": one >> 47 & 0x1FFFF,
        "kind": _kinds(plan)[np.where(message > 0, 1024 + message, status)],
        "message": np.where(message >= _FIRST_OWN, message + own, message),
        "status": status,
        "client": texts.named(two >> 32, clean_client),
        "method": texts.named(one & METHOD, clean_method),
        "route": texts.named(two & LOW, name_route),
    }


def _kinds(plan: Plan) -> Ints:
    """The place in KINDS of each status, and of each message at 1024 and on."""
    kinds = np.zeros(1024 + 256, np.int64)
    for status, kind in REQUEST_KINDS.items():
        kinds[status] = KINDS.index(kind)
    for number, block in enumerate(plan.formats.messages):
        kinds[1024 + number + 1] = KINDS.index(block.kind)
    kinds[1024 + _FIRST_OWN : 1024 + _FIRST_OWN + len(_OWN)] = KINDS.index(NOTICE)
    return kinds


def decode_moments(rows: Ints, texts: Texts) -> Columns:
    """The columns of BY_MOMENT, from rows like those of `in_file`."""
    one, two, count, line = rows.T
    return {
        "minute": one >> 36,
        "status": one >> 26 & 1023,
        "client": texts.named(two >> 32, clean_client),
        "method": texts.named(one & ((1 << 26) - 1), clean_method),
        "route": texts.named(two & LOW, name_route),
        "count": count,
        "line": line,
    }


def decode_events(rows: Ints, texts: Texts, plan: Plan) -> Columns:
    """Columns of EVENT and EVENT_NAMES."""
    columns = _decoded(rows[:, layout.E_ONE], rows[:, layout.E_TWO], texts, plan)
    before, after = rows[:, layout.E_BEFORE], rows[:, layout.E_AFTER]
    swapped = (before != NONE) & (after != NONE) & (before > after)
    subjects, plain = rows[:, layout.E_SUBJECT], _names_a_variable(plan)[columns["message"]]
    subject = np.zeros(len(rows), np.int64)
    # Only what a format names a variable stays as it is: anything else could be a password.
    subject[plain] = texts.named(subjects[plain], _as_it_is)
    subject[~plain & (subjects > 0)] = texts.named(subjects[~plain & (subjects > 0)], mask_email)
    return columns | {
        "line": rows[:, layout.E_LINE],
        "at": rows[:, layout.E_AT],
        "not_before": np.where(swapped, after, before),
        "not_after": np.where(swapped, before, after),
        "subject": subject,
    }


def _names_a_variable(plan: Plan) -> np.ndarray:
    """For each place among the messages, whether its subject is the name of a variable or parameter."""
    messages = plan.formats.messages
    named = ("variable" in block.expression.groupindex for block in messages)
    return np.array([False, *named, *(name == SECRET_IN_URL for name in _OWN)])
