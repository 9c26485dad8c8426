"""The matcher, with hyperscan and without, against a search with `bytes.find`."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from audit_lib.secrecy import matcher
from audit_lib.secrecy.hyperscan_scan import HyperscanScan
from audit_lib.secrecy.matcher import Hit, Matcher
from audit_lib.secrecy.numpy_scan import NumpyScan
from audit_lib.secrecy.sparing_scan import SparingScan


@pytest.fixture(autouse=True, params=[SparingScan, HyperscanScan, NumpyScan])
def _scan(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matcher, "Scan", request.param)


def _plain_search(patterns: list[tuple[str, bytes]], data: bytes) -> list[Hit]:
    hits = set()
    for name, form in patterns:
        at = data.find(form)
        while at >= 0:
            hits.add(Hit(at, at + len(form), name))
            at = data.find(form, at + 1)
    return sorted(hits)


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_what_a_plain_search_finds(seed: int) -> None:
    """Nested, overlapping and repeated patterns of any bytes are all found, at their places."""
    dice = random.Random(seed)
    data = bytes(dice.choices(b"\0ab\xff\n", k=2000))
    patterns = []
    for number in range(60):
        at, length = dice.randrange(1900), dice.randint(1, 40)
        patterns.append((f"p{number}", data[at : at + length]))
    matcher = Matcher(patterns)
    assert matcher.find(data) == _plain_search(patterns, data)


def test_a_nested_value_does_not_hide() -> None:
    """A value that stands within another is reported beside it."""
    hits = Matcher([("outer", b"abcdefgh"), ("inner", b"cdef")]).find(b"__abcdefgh")
    assert hits == [Hit(2, 10, "outer"), Hit(4, 8, "inner")]


def test_two_names_of_one_pattern_are_both_reported() -> None:
    """Bytes that stand for two values give a hit for each."""
    assert {
        hit.name for hit in Matcher([("a", b"same bytes"), ("b", b"same bytes")]).find(b"same bytes")
    } == {"a", "b"}


def test_a_very_long_pattern_says_how_far_it_is_equal() -> None:
    """A value of several kilobytes is found, and the hit covers as much of it as stands there."""
    value = bytes(random.Random(7).choices(range(1, 255), k=9000))
    matcher = Matcher([("long", value)])
    assert matcher.find(b"xx" + value + b"yy") == [Hit(2, 9002, "long")]
    assert matcher.find(b"xx" + value[:5000] + b"\0yy") == [Hit(2, 5002, "long")]
    assert matcher.find(value[:2000]) == []


def test_nothing_to_search_for_finds_nothing() -> None:
    """No patterns, an empty pattern and empty data are no errors."""
    assert Matcher([]).find(b"anything") == []
    assert Matcher([("empty", b"")]).find(b"anything") == []
    assert Matcher([("a", b"a")]).find(b"") == []


def test_a_place_over_the_border_of_two_sifted_pieces_is_found() -> None:
    """Content of several megabytes is sifted in pieces: nothing is lost between them, nor at its end."""
    form, size = b"over the border", 1 << 20
    places = [*range(size - 16, size + 2, 3), 3 * size - len(form)]
    for at in places:
        data = bytearray(3 * size)
        data[at : at + len(form)] = form
        hits = Matcher([("a", form), ("b", form[:3])]).find(bytes(data))
        assert hits == [Hit(at, at + 3, "b"), Hit(at, at + len(form), "a")]


def test_threads_may_share_a_matcher() -> None:
    """Eight threads at once get the same hits as one."""
    data = bytes(random.Random(3).choices(b"abc", k=200_000))
    matcher = Matcher([("abcabc", b"abcabc"), ("ccc", b"cccccc")])
    expected = matcher.find(data)
    with ThreadPoolExecutor(8) as pool:
        assert all(hits == expected for hits in pool.map(matcher.find, [data] * 16))


def test_many_thousand_patterns_fit() -> None:
    """Thirty thousand patterns compile and are found."""
    dice = random.Random(11)
    patterns = [(str(n), dice.randbytes(24)) for n in range(30_000)]
    matcher = Matcher(patterns)
    assert len(matcher) == 30_000
    chosen = dice.sample(patterns, 50)
    assert {hit.name for hit in matcher.find(b"--".join(form for _, form in chosen))} == {
        n for n, _ in chosen
    }


def test_the_first_content_is_searched_as_the_last_is() -> None:
    """Whether patterns are sifted for, as at first, or were compiled in the end, the hits are the same."""
    dice = random.Random(5)
    patterns = [(str(n), dice.randbytes(12)) for n in range(2000)]
    matcher = Matcher(patterns)
    for _ in range(8):
        chosen = dice.sample(patterns, 20)
        data = dice.randbytes(500_000) + b"".join(form for _, form in chosen)
        assert {hit.name for hit in matcher.find(data)} == {name for name, _ in chosen}


def test_its_text_says_nothing_of_the_patterns() -> None:
    """A matcher in an error message or a notebook shows a number only."""
    assert repr(Matcher([("name", b"a value")])) == "Matcher(1 patterns)"
