"""What readers are told in all rooms: kinds of log lines, counts, instants and ages, how far a work is."""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches

Progress = Callable[[str, int, int], None]  # what, done, of how many; 0 if that is not known
NOT_KNOWN = "not known"
SEVERITIES = ("info", "low", "medium", "high", "critical")  # of a finding, the mildest first
REQUEST_KINDS = {401: "unauthorized", 403: "forbidden", 429: "rate_limited"}
DECLARED = "declared_failure"  # what else the policy, or audit.toml, declares to be a failed login
MOST_LOGINS = 20  # that a policy declares, and as many an audit.toml
POSSIBLE = "possible_login_failure"  # said in words that no format knows, or beside a line that counts
NOTICE = "notice"  # an event that is not a failure
MESSAGE_KINDS = (  # as messages are counted, and requests as above (docs/design.md#kinds-of-log-lines)
    "login_failed", "jwt_invalid", "csrf_blocked", "database_failure", "secret_validation_failed",
    "startup_failed", "validation_error", "connection_failed", "process_ended", POSSIBLE, NOTICE,
)  # fmt: skip


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 line`, `2,000 lines`; `plural` is the noun with an "s" unless it is given."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def few(names: Iterable[str], most: int = 3, apart: str = ", ", end: str = " and ") -> str:
    """`A, B and 2 more`: the first names, and how many more there are."""
    every = list(names)
    return apart.join(every[:most]) + (f"{end}{len(every) - most} more" if len(every) > most else "")


def day_words(instant: datetime, year: int = 0) -> str:
    """`20 Aug 2026`, in UTC; without its year if that is the reader's `year` anyway."""
    day = instant.astimezone(UTC)
    return f"{day.day} {day:%b}" + ("" if day.year == year else f" {day.year}")


def instant_words(instant: datetime, year: int = 0) -> str:
    """`20 Aug 2026 03:00`, in UTC; without its year if that is the reader's `year` anyway."""
    return f"{day_words(instant, year)} {instant.astimezone(UTC):%H:%M}"


def age_words(low: float | None, high: float | None, unit: str = "") -> str:
    """`41–94`, `at least 41`, `at most 94` or `not known`, in whole days; `unit` follows the number."""
    least = "" if low is None or math.isnan(low) else str(math.floor(low))
    most = "" if high is None or math.isnan(high) else str(math.ceil(high))
    if least and most:
        return (least if least == most else f"{least}–{most}") + unit
    return f"at least {least}{unit}" if least else f"at most {most}{unit}" if most else NOT_KNOWN


def nearest(word: str, names: Iterable[str]) -> str:
    """`; did you mean …` with up to three names like the word; "" if none is like it."""
    near = get_close_matches(word, list(names), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def quiet(what: str, done: int, of: int) -> None:
    """Reports no progress."""


@contextmanager
def progress_bar(patience: float = 1.0) -> Iterator[Progress]:
    """Shows on a terminal how far each part of a work is, from so many seconds on; nothing elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield quiet
        return
    from tqdm import tqdm  # noqa: PLC0415  most runs are watched by nobody

    with tqdm(
        file=sys.stderr,
        leave=False,
        delay=patience,
        mininterval=patience / 10,
        bar_format="{desc:<32.32}{bar}{percentage:4.0f}%",
    ) as bar:

        def show(what: str, done: int, of: int) -> None:
            if what != bar.desc:
                bar.desc, bar.total, bar.n, bar.last_print_n = what, of or None, 0, 0
            bar.update(done - bar.n)

        yield show
