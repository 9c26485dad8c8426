"""Known values are removed from text in every form and wherever a stream cuts them."""

import random

import pytest

from audit_lib.secrecy.forms import forms
from audit_lib.secrecy.scrub import MARK, Scrubber, Tail
from tests.support.fakes import fake_value

VALUE = fake_value("scrub")
PASSWORD = fake_value("scrub password", 14) + "&\"'$é/"


@pytest.mark.parametrize("value", [VALUE, PASSWORD], ids=["token", "password"])
def test_every_form_is_removed(value: str) -> None:
    """Each form that the spec lists is replaced by the mark, and what stands around it stays."""
    scrubber = Scrubber([value])
    for name, form in forms(value):
        clean = scrubber.binary(b"before " + form + b" after")
        assert form not in clean, name
        assert clean.startswith(b"before ")
        assert clean.endswith(b" after")


@pytest.mark.parametrize(
    "disguised",
    [
        f"\x1b[31m{VALUE[:20]}\x1b[0m{VALUE[20:]}",
        f"{VALUE[:15]}\n    {VALUE[15:]}",
        f"{VALUE[:10]}\x1b[0m\n  \x1b[31m{VALUE[10:]}",
    ],
    ids=["colour codes", "wrapped lines", "both"],
)
def test_a_value_cut_by_layout_is_removed(disguised: str) -> None:
    """Colour codes and line breaks within a value do not hide it."""
    for strong in ([], [VALUE]):
        clean = Scrubber([VALUE], strong).text(disguised)
        assert MARK in clean
        assert not _shares_run(clean, VALUE, 8)


def test_a_part_of_a_strong_value_is_removed() -> None:
    """Twelve characters of a strong value are removed, eleven are not."""
    scrubber = Scrubber([VALUE], strong=[VALUE])
    assert scrubber.text(VALUE[5:17]) == MARK
    assert scrubber.text(VALUE[5:16]) == VALUE[5:16]


def test_a_public_part_stays() -> None:
    """A run that public text holds, such as a format's prefix, is no secret; the whole value still is."""
    scrubber = Scrubber([VALUE], strong=[VALUE], public=f"the format begins with {VALUE[:12]}")
    assert scrubber.text(VALUE[:12]) == VALUE[:12]
    assert scrubber.text(VALUE) == MARK


def test_short_values_are_left() -> None:
    """A value under eight characters is met by chance and is not searched for."""
    assert Scrubber(["abc1234"]).text("abc1234") == "abc1234"


def test_messages_are_scrubbed_in_keys_lists_numbers_and_bytes() -> None:
    """A value is found wherever a message's structure holds it."""
    number = 4_815_162_342_108
    scrubber = Scrubber([VALUE, str(number)])
    message = {VALUE: [VALUE, {"deep": (VALUE, 1)}], "number": number, "flag": True, "raw": VALUE.encode()}
    clean = scrubber.tree(message)
    assert VALUE not in repr(clean)
    assert clean["number"] == MARK
    assert clean["flag"] is True


@pytest.mark.parametrize("flushes", [False, True], ids=["one stream", "other messages between"])
@pytest.mark.parametrize("strong", [False, True])
def test_any_split_of_a_stream_hides_the_value(flushes: bool, strong: bool) -> None:
    """However a stream is cut, no more than a harmless beginning comes out; all else is kept."""
    generator = random.Random("splits")
    text = f"one {VALUE} two{VALUE[:5]} {PASSWORD}{VALUE}\nend"
    scrubber = Scrubber([VALUE, PASSWORD], strong=[VALUE] if strong else [])
    whole = scrubber.text(text)
    for _ in range(200):
        cuts = sorted(generator.choices(range(len(text)), k=generator.randint(1, 9)))
        tail, pieces = Tail(), []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            pieces.append(tail.feed(scrubber, text[start:end]))
            if flushes and generator.random() < 0.5:
                pieces.append(tail.flush(scrubber))
        pieces.append(tail.flush(scrubber))
        out = "".join(pieces)
        assert not _shares_run(out, VALUE, 6), cuts
        assert not _shares_run(out, PASSWORD, 6), cuts
        if not flushes:
            assert out == whole


def test_text_that_ends_like_a_value_comes_out_in_the_end() -> None:
    """Up to three held characters are given back unchanged; more could be a value's and are not."""
    scrubber = Scrubber([VALUE])
    for length, expected in ((2, VALUE[:2]), (9, MARK)):
        tail = Tail()
        assert tail.feed(scrubber, "x" + VALUE[:length]) == ""
        assert tail.unended(scrubber) == "x"
        assert tail.pending
        assert tail.flush(scrubber) == expected


def _shares_run(text: str, value: str, length: int) -> bool:
    return any(value[start : start + length] in text for start in range(len(value) - length + 1))
