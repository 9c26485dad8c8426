"""Counts, instants and ages in words, the same in every text for readers."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from string import ascii_uppercase

NOT_KNOWN = "not known"
SEVERITIES = ("info", "low", "medium", "high", "critical")  # of a finding, the mildest first
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# strftime's %b depends on the locale.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 line`, `2,000 lines`; `plural` is the noun with an "s" unless it is given."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def number_words(count: int) -> str:
    """`two`, `11`: a number as a sentence has it."""
    return NUMBERS[count] if count < len(NUMBERS) else f"{count:,}"


def letters(number: int) -> str:
    """A, B, … Z, AA, AB, … for 0, 1, …"""
    last = ascii_uppercase[number % 26]
    return last if number < 26 else letters(number // 26 - 1) + last


def few(names: Iterable[str], most: int, apart: str = ", ", end: str = " and ") -> str:
    """`A, B and 2 more`: the first names, and how many more there are."""
    every = list(names)
    more = f"{end}{len(every) - most} more" if len(every) > most else ""
    return apart.join(every[:most]) + more


def lines_in_words(states: Mapping[str, int]) -> str:
    """How the lines of logs were read, by their five states, as the columns of Sources name them."""
    lines = counted(states["lines"], "line")
    lost = f"{states['not_understood']:,} not understood, {states['blank']:,} blank"
    if not states["read"]:
        return f"nothing was read ({lines}, {lost})"
    shown = f"{counted(states['requests'], 'request')}, {counted(states['messages'], 'message')}"
    return f"{lines}: {shown}, {states['text_only']:,} text only, {lost}"


def day_words(instant: datetime, year: int = 0) -> str:
    """`20 Aug 2026`, in UTC; without its year if that is the reader's `year` anyway."""
    day = instant.astimezone(UTC)
    return f"{day.day} {MONTHS[day.month - 1]}" + ("" if day.year == year else f" {day.year}")


def instant_words(instant: datetime, year: int = 0) -> str:
    """`20 Aug 2026 03:00`, in UTC; without its year if that is the reader's `year` anyway."""
    return f"{day_words(instant, year)} {instant.astimezone(UTC):%H:%M}"


def whole_days(days: float, name: str) -> int:
    """Whole days that claim no more than is known: down for `_min`, up for `_max`, else to the nearest."""
    if name.endswith("_min"):
        return math.floor(days)
    return math.ceil(days) if name.endswith("_max") else round(days)


def age_words(low: float | None, high: float | None, unit: str = "") -> str:
    """`41–94`, `at least 41`, `at most 94` or `not known`, in whole days; `unit` follows the number."""
    at_least = None if low is None or math.isnan(low) else whole_days(low, "_min")
    at_most = None if high is None or math.isnan(high) else whole_days(high, "_max")
    if at_least is None:
        return NOT_KNOWN if at_most is None else f"at most {at_most}{unit}"
    if at_most is None:
        return f"at least {at_least}{unit}"
    return f"{at_least}{unit}" if at_least == at_most else f"{at_least}–{at_most}{unit}"


def nearest(word: str, names: Iterable[str]) -> str:
    """`; did you mean …` with up to three names like the word; "" if none is like it."""
    near = get_close_matches(word, list(names), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
