"""The words that requests and messages are counted by: what is packed into each, and taken out again.

Each function takes numbers or whole columns of them; the kernel calls the same functions, compiled.
"""

from typing import TypeVar

from audit_lib.logs.units import Ints

Number = TypeVar("Number", int, Ints)

_DAY, _UNTIMED, _STATUS, _MESSAGE = 47, 46, 36, 28  # bits of a group's word; its method is below
_MINUTE, _DECLARED, _MINUTE_STATUS = 36, 35, 25  # bits of a moment's word; its method is below
_UPPER = 32


def group_word(day: Number, untimed: Number, status: Number, message: Number, method: Number) -> Number:
    """The first word of a group; a status or a message is 0 for none, a day before the first date."""
    return day << _DAY | untimed << _UNTIMED | status << _STATUS | message << _MESSAGE | method


def day_word(day: Number) -> Number:
    """The day's part of a group's first word."""
    return day << _DAY


def untimed_word(untimed: Number) -> Number:
    """The part of a group's first word that says whether its lines have no time."""
    return untimed << _UNTIMED


def day_in(word: Number) -> Number:
    """The day of a group."""
    return word >> _DAY & 0x1FFFF


def untimed_in(word: Number) -> Number:
    """1 for a group of lines without a time."""
    return word >> _UNTIMED & 1


def status_in(word: Number) -> Number:
    """The status of a group."""
    return word >> _STATUS & 0x3FF


def message_in(word: Number) -> Number:
    """The message of a group."""
    return word >> _MESSAGE & 0xFF


def method_in(word: Number) -> Number:
    """The method of a group."""
    return word & ((1 << _MESSAGE) - 1)


def minute_word(minute: Number, declared: Number, status: Number, method: Number) -> Number:
    """The first word of a moment; `declared` is 1 for a failed login by what is declared."""
    return minute << _MINUTE | declared << _DECLARED | status << _MINUTE_STATUS | method


def minute_in(word: Number) -> Number:
    """The minute of a moment."""
    return word >> _MINUTE


def declared_in(word: Number) -> Number:
    """1 for a moment's failed login by what is declared."""
    return word >> _DECLARED & 1


def minute_status_in(word: Number) -> Number:
    """The status of a moment."""
    return word >> _MINUTE_STATUS & 0x3FF


def minute_method_in(word: Number) -> Number:
    """The method of a moment."""
    return word & ((1 << _MINUTE_STATUS) - 1)


def two_in_one(upper: Number, lower: Number) -> Number:
    """The second word of a group or moment, client and route; or a mark, the worker's chunk and its line."""
    return upper << _UPPER | lower


def upper_in(word: Number) -> Number:
    """The client of a second word, the chunk of a mark."""
    return word >> _UPPER


def lower_in(word: Number) -> Number:
    """The route of a second word, the line of a mark."""
    return word & ((1 << _UPPER) - 1)
