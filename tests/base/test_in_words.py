"""Counts, ages, instants and quarters as readers see them and write them."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.clock import Quarter, iso, parse_instant, since_instant
from audit_lib.base.errors import BadInput, Fault, parse_each
from audit_lib.base.in_words import age_words, counted, day_words, few, instant_words, nearest
from tests.support.paths import rows_beside

AT = datetime(2026, 8, 20, 3, 0, 7, tzinfo=UTC)
WORDS = [
    (counted(1, "line"), "1 line"), (counted(2_000, "entry", "entries"), "2,000 entries"),
    (few("AB", 2), "A, B"), (few("ABCD", 2), "A, B and 2 more"), (few("ABC", 1, end="; "), "A; 2 more"),
    (day_words(AT), "20 Aug 2026"), (instant_words(AT, 2026), "20 Aug 03:00"),
    (age_words(40.2, 93.1), "40–94"), (age_words(5, 5, " days"), "5 days"),
    (age_words(41, None, " days"), "at least 41 days"), (age_words(math.nan, 93.1), "at most 94"),
    (age_words(None, math.nan), "not known"), (nearest("zz", ["API_TOKEN"]), ""),
    (nearest("API_TOKN", ["API_TOKEN", "Z"]), "; did you mean API_TOKEN?"),
]  # fmt: skip
CASES = rows_beside(__file__)


def test_words() -> None:
    """The noun follows the number, a range is rounded outwards, and what is not known is said."""
    assert [given for given, _ in WORDS] == [expected for _, expected in WORDS]


@pytest.mark.parametrize(("text", "as_of", "expected"), CASES["quarters"])
def test_a_quarter_has_begun(text: str, as_of: str, expected: str) -> None:
    """None is the last one that is over, whose last second counts as such."""
    quarters, faults = parse_each(lambda given: Quarter.named(given, parse_instant(as_of, "")), [text])
    assert ([*map(str, quarters)], len(faults)) == (([expected], 0) if expected else ([], 1))


def test_a_quarter_is_half_open_and_all_faults_come() -> None:
    """Each begins where the last one ends, across years, too."""
    quarters, faults = parse_each(Quarter.parse, [*(f"2026Q{number}" for number in range(6)), "2027Q1"])
    assert faults == [Fault("quarter", "must have the form 2026Q3")] * 2
    assert [one.start for one in quarters[1:]] == [one.end for one in quarters[:-1]]
    assert all(Quarter.containing(one.end - timedelta(seconds=1)) == one for one in quarters)


def test_an_instant_is_of_its_zone() -> None:
    """A span before now or a time; the first of two where clocks went back; a day ends in UTC."""
    assert {text: iso(since_instant(text, AT)) for text in CASES["since"]} == CASES["since"]
    for text in ("2026-08-21", "1w", "1234567d"):
        with pytest.raises(BadInput):
            since_instant(text, AT)
    berlin = ZoneInfo("Europe/Berlin")
    assert iso(parse_instant("2026-10-25T02:30:00", "", berlin)) == "2026-10-25T00:30:00Z"
    assert iso(parse_instant("2026-10-25", "", berlin)) == "2026-10-25T23:59:59Z"
