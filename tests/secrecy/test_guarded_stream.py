"""A guarded stream leaves without a word when the one beneath it is gone."""

import io
from pathlib import Path

import pytest

from audit_lib.secrecy.guarded_stream import GuardedStream
from audit_lib.secrecy.scrub import MARK, Scrubber
from tests.support.fakes import fake_value

VALUE = fake_value("guarded stream")


def test_a_stream_over_a_closed_one_can_be_thrown_away(tmp_path: Path) -> None:
    """Closing it flushes once more: where nothing is beneath any longer, that is no error."""
    with (tmp_path / "beneath").open("w", encoding="utf-8") as beneath:
        stream = GuardedStream(Scrubber, beneath)
    stream.close()
    assert stream.closed


@pytest.mark.parametrize(
    "pieces",
    [
        [part for sign in VALUE for part in (sign, " ")],
        [part for byte in VALUE.encode() for part in (str(byte), " ")],
        [part for byte in VALUE.encode() for part in (hex(byte), ", ")],
        [f"{VALUE[:10]}\x1b[0m\n", f"  {VALUE[10:]}"],
        [f"{VALUE[:10]}\n\x1b[31m{VALUE[10:]}"],
    ],
    ids=["letters", "bytes", "hexadecimal", "colour then break, two writes", "break then colour"],
)
def test_a_value_in_many_writes_stays_back(pieces: list[str]) -> None:
    """`print(*value)` writes each letter by itself: what stands in a line is decoded before it goes out."""
    beneath = io.StringIO()
    scrubber = Scrubber([VALUE], strong=[VALUE])
    stream = GuardedStream(lambda: scrubber, beneath)
    for piece in ["before ", *pieces, " after\n", "end\n"]:
        stream.write(piece)
    stream.release()
    written = beneath.getvalue()
    assert written.startswith("before ")
    assert MARK in written
    assert written.endswith(" after\nend\n")
    plain = written.replace(MARK, "")
    assert not any(sign in plain for sign in (VALUE[:6], " ".join(VALUE[:4]), hex(ord(VALUE[0]))))
    assert " ".join(str(byte) for byte in VALUE.encode()[:4]) not in plain


def test_a_question_is_shown_before_its_line_ends() -> None:
    """What asks for an answer flushes: an unfinished line goes out then, a beginning of a value does not."""
    beneath = io.StringIO()
    scrubber = Scrubber([VALUE])
    stream = GuardedStream(lambda: scrubber, beneath)
    stream.write(f"Go on? {VALUE[:9]}")
    stream.flush()
    assert beneath.getvalue() == "Go on? "
    stream.write(f"{VALUE[9:]}\n")
    assert beneath.getvalue() == f"Go on? {MARK}\n"
