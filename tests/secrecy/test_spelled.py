"""Values that are spelled byte by byte or letter by letter are found, with hyperscan and without."""

import base64
import gzip
import json
import random
import re
import string
from collections.abc import Callable

import pytest

from audit_lib.secrecy import spelled
from audit_lib.secrecy.exact_search import ExactSearch
from audit_lib.secrecy.hyperscan_scan import HyperscanGate
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.numbers_in_row import any_text
from audit_lib.secrecy.numpy_scan import PlainGate
from audit_lib.secrecy.scrub import MARK, Scrubber
from audit_lib.secrecy.spelled import SpelledSearch
from tests.support.fakes import fake_value

TOKEN = fake_value("spelled")
PASSWORD = fake_value("spelled password", 14) + "é€/+"

WAYS: dict[str, Callable[[bytes], str]] = {
    "underscores": lambda plain: plain.hex("_"),
    "colons, capitals": lambda plain: plain.hex(":").upper(),
    "percent": lambda plain: "".join(f"%{byte:02X}" for byte in plain),
    "escapes": lambda plain: "".join(f"\\x{byte:02x}" for byte in plain),
    "escapes with underscores": lambda plain: "_".join(f"\\x{byte:02x}" for byte in plain),
    "numbers of C": lambda plain: ", ".join(f"0x{byte:02x}" for byte in plain),
    "quoted-printable": lambda plain: "".join(f"={byte:02X}" for byte in plain),
    "code points": lambda plain: "".join(f"\\u{byte:04x}" for byte in plain),
    "entities": lambda plain: "".join(f"&#x{byte:x};" for byte in plain),
    "decimal entities": lambda plain: "".join(f"&#{byte};" for byte in plain),
    "decimals": lambda plain: "_".join(map(str, plain)),
    "padded decimals": lambda plain: "-".join(f"{byte:03}" for byte in plain),
    "octal escapes": lambda plain: "".join(f"\\{byte:03o}" for byte in plain),
    "Buffer": lambda plain: f"<Buffer {plain.hex(' ')}>",
    "Buffer in JSON": lambda plain: json.dumps({"type": "Buffer", "data": list(plain)}),
    "indented": lambda plain: json.dumps([[[list(plain)]]], indent=4),
    "list of texts": lambda plain: json.dumps([f"{byte:02x}" for byte in plain], indent=2),
}


@pytest.fixture(params=[HyperscanGate, PlainGate])
def gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to find what is worth a look."""
    made = request.param(any_text())
    monkeypatch.setattr(spelled, "_gate", lambda: made)


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [TOKEN, PASSWORD], ids=["token", "password"])
def test_a_spelled_value_is_found(way: str, value: str) -> None:
    """From its first digit to its last, whatever stands around it."""
    text = WAYS[way](value.encode())
    data = b"20 40 be " * 50 + b"\n" + text.encode() + b"\n" + b"de ad 99 " * 50
    (hit,) = {(hit.start, hit.end) for hit in SpelledSearch([("v", value)]).find(data)}
    assert set(data[: hit[0]].decode()[451:] + data[hit[1] :].decode()[:-451]) <= set(
        '\\x_%=u0&#;<>Buffer ,"[]{}typdata:\n '
    )


ALPHABETS = ["0123456789abcdef", string.ascii_uppercase + string.digits, string.digits, "NOPQ", "~é€", "!#/"]


@pytest.mark.parametrize("way", WAYS)
def test_the_quick_look_misses_no_value(way: str) -> None:
    """Of whatever characters the values are, by themselves or among others: 8 in a row will do."""
    dice = random.Random(f"quick look {way}")
    made = ["".join(dice.choices(some, k=size)) for some in ALPHABETS for size in (8, 9, 20, 64)]
    values = [value for value in (*made, TOKEN, PASSWORD) if re.search(r"[ -~]{8}", value)]
    together = SpelledSearch([(value, value) for value in values])
    for value in values:
        data = f"20 40 be\n{WAYS[way](value.encode())}\nde ad 99".encode()
        for search in (SpelledSearch([(value, value)]), together):
            assert search.sift(data) == search.find(data) != []


@pytest.mark.usefixtures("gate")
def test_other_bytes_are_not_found() -> None:
    """Numbers that spell something else are no hit, also if all but one byte are a value's."""
    search = SpelledSearch([("v", TOKEN)])
    other = TOKEN[:20] + ("a" if TOKEN[20] != "a" else "b") + TOKEN[21:]
    for write in WAYS.values():
        assert search.find(write(other.encode()).encode()) == []


def test_letters_between_separators_are_found() -> None:
    """A strong value that is shown letter by letter, or broken over narrow lines, is one place."""
    search = SpelledSearch([], [("v", TOKEN)])
    for text in (
        "_".join(TOKEN),
        repr(list(TOKEN)),
        "'\n '".join(TOKEN[at : at + 3] for at in range(0, 43, 3)),
    ):
        (hit,) = search.find(f"before: {text} :after".encode())
        assert len(text) - 6 <= hit.end - hit.start <= len(text)


@pytest.mark.parametrize("way", WAYS)
def test_a_spelled_value_is_scrubbed(way: str) -> None:
    """The guard's text holds the mark in its place."""
    clean = Scrubber([TOKEN]).text(f"branch {WAYS[way](TOKEN.encode())} merged")
    assert MARK in clean
    assert clean.startswith("branch ")
    assert clean.endswith(" merged")
    assert TOKEN[8:24].encode().hex("_") not in clean


def test_gzip_in_base64_is_scrubbed() -> None:
    """What is packed is looked into, also in lines."""
    packed = base64.encodebytes(gzip.compress(b"padding " * 40 + TOKEN.encode())).decode()
    clean = Scrubber([TOKEN]).text(f"dump: {packed}; end")
    assert clean.replace("\n", "") == f"dump: {MARK}; end"


@pytest.mark.parametrize("way", [*WAYS, "gzip"])
def test_leaks_find_a_spelled_value(way: str) -> None:
    """At its line, and `scrub` removes it from a path or a message."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    one = keeper.take(TOKEN)
    search = ExactSearch(keeper, [one], {})
    packed = lambda plain: base64.b64encode(gzip.compress(plain)).decode()  # noqa: E731
    text = (packed if way == "gzip" else WAYS[way])(TOKEN.encode())
    data = f"first\nsecond {text}\n".encode()
    assert search.meets(data)
    (found,) = search.look(data)
    assert (found.fingerprint, found.matched) == (one, "exact")
    assert "gzip in base64" in found.encoding if way == "gzip" else found.encoding == "byte by byte"
    assert "[secret]" in search.scrub(f"feature/{text}")


def test_ordinary_numbers_are_no_values() -> None:
    """Tables, hashes, addresses and versions of many kinds hold none of a hundred values."""
    dice = random.Random("ordinary numbers")
    search = SpelledSearch([(str(n), fake_value(f"ordinary {n}", dice.randint(8, 40))) for n in range(100)])
    rows = "\n".join(" ".join(str(dice.randint(32, 126)) for _ in range(30)) for _ in range(2000))
    digests = "\n".join(dice.randbytes(32).hex(":") for _ in range(2000))
    assert search.find((rows + digests).encode()) == []
