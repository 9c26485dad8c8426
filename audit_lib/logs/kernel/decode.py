"""Turns what a worker counted, keys of two words, into columns that name things."""

from collections.abc import Callable

import numpy as np

from audit_lib.base.log_kinds import DECLARED, NOTICE, REQUEST_KINDS
from audit_lib.logs.blocks import Block
from audit_lib.logs.declared_logins import LOGIN_MOVED, LOGIN_SENT
from audit_lib.logs.fields import clean_client, clean_method, mask_email, name_route
from audit_lib.logs.file_counts import KINDS, NAMED, Columns, Names
from audit_lib.logs.formats import CLOCK_SET_BACK, SECRET_IN_URL, LogFormats
from audit_lib.logs.group_limit import GroupLimit
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.packed_words import (
    day_in,
    declared_in,
    group_word,
    lower_in,
    message_in,
    method_in,
    minute_in,
    minute_method_in,
    minute_status_in,
    minute_word,
    status_in,
    two_in_one,
    untimed_in,
    upper_in,
)
from audit_lib.logs.units import NONE, Ints

# The reader's own events, by their numbers from layout.SENT_NUMBER on, and their kinds.
_FIRST_OWN, _OWN = layout.SENT_NUMBER, (LOGIN_SENT, LOGIN_MOVED, "", CLOCK_SET_BACK, SECRET_IN_URL)
_KINDS_OF_OWN = ("other", "other", DECLARED, NOTICE, NOTICE)


class NamedTexts:
    """A worker's strings, which become names by the rule of the field that they are used in.

    Beyond a limit names of clients and routes are what it says of them; events keep theirs.
    """

    def __init__(self, texts: list[bytes], names: Names, limit: GroupLimit | None = None) -> None:
        self._texts, self._names = texts, names
        self.client = limit.bounded("client", clean_client) if limit else clean_client
        self.route = limit.bounded("route", name_route) if limit else name_route
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


def messages(formats: LogFormats) -> tuple[str, ...]:
    """The names of messages by their place; the first is none."""
    return "", *formats.message_kinds, *_OWN


def named_groups(rows: Ints, texts: NamedTexts, formats: LogFormats) -> Ints:
    """The rows of groups with names' numbers in place of strings', and a kind's in place of a message's."""
    one, two = rows[:, layout.G_ONE], rows[:, layout.G_TWO]
    message, status = message_in(one), status_in(one)
    kind = _kinds(formats)[np.where(message > 0, 1024 + message, status)]
    method = texts.named(method_in(one), clean_method)
    rows[:, layout.G_ONE] = group_word(day_in(one), untimed_in(one), status, kind, method)
    rows[:, layout.G_TWO] = _named_pair(two, texts)
    return rows


def named_moments(rows: Ints, texts: NamedTexts, formats: LogFormats) -> Ints:
    """The rows of moments with names' numbers in place of strings'."""
    one = rows[:, layout.G_ONE]
    method = texts.named(minute_method_in(one), clean_method)
    status = minute_status_in(one)
    declared = declared_in(one) | np.isin(status, formats.declared_statuses)
    rows[:, layout.G_ONE] = minute_word(minute_in(one), declared, status, method)
    rows[:, layout.G_TWO] = _named_pair(rows[:, layout.G_TWO], texts)
    return rows


def _named_pair(two: Ints, texts: NamedTexts) -> Ints:
    return two_in_one(texts.named(upper_in(two), texts.client), texts.named(lower_in(two), texts.route))


_OF_BOTH: dict[str, Callable[[Ints], Ints]] = {
    "client": lambda rows: upper_in(rows[:, layout.G_TWO]),
    "route": lambda rows: lower_in(rows[:, layout.G_TWO]),
    "count": lambda rows: rows[:, layout.G_COUNT].copy(),
    "line": lambda rows: rows[:, layout.G_MARK].copy(),
}
# How the columns of BY_GROUP and BY_MOMENT are taken out of rows of a file, by names.
OF_GROUP = _OF_BOTH | {
    "day": lambda rows: day_in(rows[:, layout.G_ONE]),
    "kind": lambda rows: message_in(rows[:, layout.G_ONE]),
    "status": lambda rows: status_in(rows[:, layout.G_ONE]),
    "method": lambda rows: method_in(rows[:, layout.G_ONE]),
    "untimed": lambda rows: rows[:, layout.G_UNTIMED].copy(),
    "untimed_line": lambda rows: rows[:, layout.G_UNTIMED_MARK].copy(),
}
OF_MOMENT = _OF_BOTH | {
    "minute": lambda rows: minute_in(rows[:, layout.G_ONE]),
    "status": lambda rows: minute_status_in(rows[:, layout.G_ONE]),
    "declared": lambda rows: declared_in(rows[:, layout.G_ONE]),
    "method": lambda rows: minute_method_in(rows[:, layout.G_ONE]),
}


def group_rows(groups: Columns) -> Ints:
    """Columns of BY_GROUP as rows again."""
    none = np.zeros_like(groups["day"])
    one = group_word(groups["day"], none, groups["status"], groups["kind"], groups["method"])
    return _rows(one, groups, groups["untimed"], groups["untimed_line"])


def moment_rows(moments: Columns) -> Ints:
    """Columns of BY_MOMENT as rows again."""
    one = minute_word(moments["minute"], moments["declared"], moments["status"], moments["method"])
    return _rows(one, moments, *[np.zeros_like(one)] * 2)


def _rows(one: Ints, columns: Columns, *untimed: Ints) -> Ints:
    two = two_in_one(columns["client"], columns["route"])
    return np.column_stack([one, two, columns["count"], columns["line"], *untimed])


def _kinds(formats: LogFormats) -> Ints:
    """The place in KINDS of each status, and of each message at 1024 and on."""
    kinds = np.zeros(1024 + 256, np.int64)
    for status in (*REQUEST_KINDS, *formats.declared_statuses):
        kinds[status] = KINDS.index(formats.kind_of(status))
    for number, kind in enumerate(formats.message_kinds.values()):
        kinds[1024 + number + 1] = KINDS.index(kind)
    own = [KINDS.index(kind) for kind in _KINDS_OF_OWN]
    kinds[1024 + _FIRST_OWN : 1024 + _FIRST_OWN + len(own)] = own
    return kinds


def decode_events(rows: Ints, texts: NamedTexts, formats: LogFormats) -> Columns:
    """Columns of EVENT and EVENT_NAMES."""
    one, before, after = rows[:, layout.E_ONE], rows[:, layout.E_BEFORE], rows[:, layout.E_AFTER]
    swapped = (before != NONE) & (after != NONE) & (before > after)
    message = message_in(one)
    own = len(formats.message_kinds) + 1 - _FIRST_OWN
    message = np.where(message >= _FIRST_OWN, message + own, message)
    subjects, plain = rows[:, layout.E_SUBJECT], _names_a_variable(formats)[message]
    subject = np.zeros(len(rows), np.int64)
    # Only what a format names a variable stays as it is: anything else could be a password.
    subject[plain] = texts.named(subjects[plain], _as_it_is)
    subject[~plain & (subjects > 0)] = texts.named(subjects[~plain & (subjects > 0)], mask_email)
    named = named_groups(rows[:, [layout.E_ONE, layout.E_TWO]], texts, formats)
    return {name: OF_GROUP[name](named) for name in ("day", "kind", "status", *NAMED)} | {
        "line": rows[:, layout.E_LINE],
        "at": rows[:, layout.E_AT],
        "not_before": np.where(swapped, after, before),
        "not_after": np.where(swapped, before, after),
        "message": message,
        "subject": subject,
    }


def _names_a_variable(formats: LogFormats) -> np.ndarray:
    """For each place among the messages, whether its subject is the name of a variable or parameter."""
    naming = {block.name for block in formats.messages if _has_variable(block)}
    named = (name in naming or name in (SECRET_IN_URL, LOGIN_SENT) for name in messages(formats))
    return np.array([*named])


def _has_variable(block: Block) -> bool:
    return b"?P<variable>" in block.pattern or any(part.field == "variable" for part in block.parts)
