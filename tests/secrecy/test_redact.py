"""Known values are removed from text in every form and wherever a stream cuts them."""

import io
import random
import resource
import sys
import tomllib
from base64 import b64encode
from functools import reduce
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from audit_lib.secrecy.guard import Guard, GuardedStream, guarded_command, install, scrub
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import _BESIDE, MARK, Redactor, Tail, forms, redact_named
from tests.support.fakes import fake_value

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
VALUE = fake_value("scrub")
PASSWORD = fake_value("scrub password", 14) + "&\"'$é/"


def _redactor(*values: str, strong: bool = False, public: str = "") -> Redactor:
    named = {str(number): value for number, value in enumerate(values)}
    return Redactor(named, named if strong else (), public)


DISGUISED = {
    "colour codes": f"\x1b[31m{VALUE[:20]}\x1b[0m{VALUE[20:]}",
    "wrapped lines": f"{VALUE[:15]}\n    {VALUE[15:]}",
    "a colour code and a line break": f"{VALUE[:10]}\x1b[0m\n{VALUE[10:]}", "print(*value)": " ".join(VALUE),
    "print(*bytes)": " ".join(map(str, VALUE.encode())),
    "twice escaped for a URL": "%25" + "%25".join(f"{byte:02x}" for byte in VALUE.encode()),
    "escaped for JSON": "".join(f"\\u{ord(sign):04x}" for sign in VALUE),
    "as HTML numbers": "".join(f"&#{ord(sign)};" for sign in VALUE),
    "behind an HTML number of 5,000 digits": f"&#{'1' * 5000};{VALUE[:9]}&#{ord(VALUE[9])};{VALUE[10:]}",
}  # fmt: skip


@pytest.mark.parametrize("disguised", DISGUISED.values(), ids=DISGUISED.keys())
def test_a_disguised_value_is_removed(disguised: str) -> None:
    """Neither a form, nor layout, nor layers of escapes hide a value; the lines beside it stay."""
    both, in_a_page = _redactor(VALUE, PASSWORD), escape(PASSWORD, quote=False).encode()
    for name, form in (*forms(VALUE), *forms(PASSWORD), ("in a page", in_a_page)):
        binary = both.binary(b"before " + form + b" after")
        assert (form in binary, binary[:7], binary[-6:]) == (False, b"before ", b" after"), name
        assert len(binary) == len(form) + 13
    clean = _redactor(VALUE).text(f"one\n{disguised}\ntwo\n")
    assert (clean[:4], clean[-5:], MARK in clean) == ("one\n", "\ntwo\n", True)
    assert not any(_shares_run(shown, VALUE, 5) for shown in (clean, clean.replace(" ", "")))


def test_values_in_a_structure_are_removed() -> None:
    """A value is found wherever a message holds it: keys, lists, numbers, bytes; short ones are left. What
    lies too deep is not looked at, and does not go out."""
    number = 4_815_162_342_108
    redactor = _redactor(VALUE, str(number), "abc1234")
    message = {VALUE: [VALUE, {"deep": (VALUE, 1)}], "number": number, "flag": True, "raw": VALUE.encode()}
    clean = redactor.tree(message)
    assert (VALUE in repr(clean), clean["number"], clean["flag"]) == (False, MARK, True)
    assert redactor.text("abc1234") == "abc1234"
    assert redactor.tree([memoryview(VALUE.encode()), bytearray(b"x")]) == [b"*" * len(VALUE), b"x"]
    for deep, expected in ((100, "x"), (101, MARK)):
        assert reduce(lambda node, _: node[0], range(deep), redactor.tree(_nested("x", deep))) == expected
    for before, after in product(range(3), repeat=2):  # in base64 what holds bits of the value goes, too
        packed = b64encode(b"a" * before + VALUE.encode() + b"b" * after).decode()
        assert redactor.text(f"x {packed} y").replace("Yg==", "") == f"x {MARK} y"
    assert redactor.texts(["x", f"a {VALUE}"]) == {f"a {VALUE}": f"a {MARK}"}


def _nested(node: object, depth: int) -> Any:
    return reduce(lambda inner, _: [inner], range(depth), node)


# Of each place of a value beside its name the examples, too.
LINES = [
    *CASES["lines"],
    *((place["example"], place["example"].replace("%", "#")) for place in _BESIDE["place"]),
    *((place["other"], place["other"]) for place in _BESIDE["place"]),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_an_unknown_value_beside_its_name_is_redacted(line: str, expected: str) -> None:
    """In any notation; what is beside it stays, and so does a line without a value."""
    assert redact_named(line.replace("%", VALUE)) == expected.replace("#", MARK)


@pytest.mark.parametrize("flushes", [False, True], ids=["one stream", "other messages between"])
@pytest.mark.parametrize("strong", [False, True])
def test_any_split_of_a_stream_hides_the_value(flushes: bool, strong: bool) -> None:
    """However a stream is cut, no more than a harmless beginning comes out; all else is kept."""
    generator = random.Random("splits")
    text = f"one {VALUE} two{VALUE[:5]} {PASSWORD}{VALUE}\nend"
    redactor = _redactor(VALUE, PASSWORD, strong=strong)
    for _ in range(100):
        cuts = sorted(generator.choices(range(len(text)), k=generator.randint(1, 9)))
        tail, pieces = Tail(), []
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            pieces.append(tail.feed(redactor, text[start:end]))
            if flushes and generator.random() < 0.5:
                pieces.append(tail.flush(redactor))
        pieces.append(tail.flush(redactor, last=True))
        out = "".join(pieces)
        assert not any(_shares_run(out, value, 6) for value in (VALUE, PASSWORD)), cuts
        if not flushes:
            assert out == redactor.text(text)


def _keeper(value: str) -> Keeper:
    keeper = Keeper(Key.throw_away())
    keeper.take(value)
    return keeper


def test_the_guard_takes_parts_of_strong_values_alone() -> None:
    """Any twelve characters of a strong value go, unless public text holds them; an open value stays."""
    guard, keeper, part = Guard(), _keeper(VALUE), VALUE[:12]
    guard.watch(_keeper(VALUE))  # by the throw-away key of before a key was made
    guard.watch(keeper)
    names = keeper.fingerprints()
    for strong, opened, public, shown in (
        (None, (), "", [MARK, MARK]), (names, (), "", [MARK, MARK]), ((), (), "", [part, MARK]),
        (None, (), part, [part, MARK]), (names, names, "", [part, VALUE]),
    ):  # fmt: skip
        guard.classify(strong, opened, public)
        assert list(map(guard.redactor().text, (part, VALUE))) == shown
    for address in ("https://books.example.net/api/v1/auth", "http://127.0.0.1:3100/api/v1/auth"):  # of words
        assert Redactor.of(_keeper(address)).text(f"/api/v1/auth {address}") == f"/api/v1/auth {MARK}"
    assert Redactor.of(_keeper(f"{address}/{VALUE}")).text(part) == MARK


def test_a_stream_is_written_line_by_line(tmp_path: Path) -> None:
    """A line waits for its end or a flush, a value in any pieces is removed, a closed stream is no error. At
    the end three characters that were held back come out; more could be a value's and do not. What was
    forgotten is text like any other."""
    guard, beneath = Guard(), io.StringIO()
    guard.watch(_keeper(VALUE))
    stream = GuardedStream(guard, beneath)
    for word in (*VALUE, "\n"):
        print(word, end=" ", file=stream)
    assert beneath.getvalue() == f"{MARK} \n"
    print("Name? ", end="", flush=True, file=stream)
    assert beneath.getvalue().endswith("Name? ")
    with (tmp_path / "beneath").open("w", encoding="utf-8") as file:
        closed = GuardedStream(guard, file)
    closed.close()
    assert closed.closed
    guard.forget()  # a second keeper of the same size is another keeper
    for value in (VALUE, PASSWORD):
        guard.watch(_keeper(value))
        assert guard.redactor().text(value) == MARK
        guard.forget()
        assert guard.redactor().text(value) == value
    for length, expected in ((2, VALUE[:2]), (9, MARK)):
        tail = Tail()
        assert tail.feed(_redactor(VALUE), "x" + VALUE[:length]) == ""
        assert tail.flush(_redactor(VALUE)) == "x"
        assert tail.flush(_redactor(VALUE), last=True) == expected


def test_a_command_s_streams_are_guarded_once_and_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    """Also what is written without an end of line; then the guard knows no value. No core is dumped."""
    before = sys.stdout, sys.stderr
    with guarded_command():
        guarded = sys.stdout, sys.stderr
        install(_keeper(VALUE))
        assert (sys.stdout, sys.stderr) == guarded != before
        print(VALUE, end="")
        print("a\rb", VALUE, file=sys.stderr, end="")
    assert (sys.stdout, sys.stderr, scrub(VALUE)) == (*before, VALUE)
    assert capsys.readouterr() == (MARK, f"a\rb {MARK}")
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


def _shares_run(text: str, value: str, length: int) -> bool:
    return any(value[start : start + length] in text for start in range(len(value) - length + 1))
