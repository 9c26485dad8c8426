"""Each line of an env file is read, not understood or blank; what the loader reads is what is kept."""

import io
import string

import pytest
from hypothesis import example, given, settings, strategies as st

from audit_lib.secrets.env import EnvLine, is_binary, looks_like_value, parse_env
from audit_lib.secrets.loaders import READERS
from tests.support.fakes import fake_value

READ, BAD, BLANK = "read", "not understood", "blank"
PYTHON = ("python-dotenv",)
ALL = tuple(READERS)
Seen = tuple[str | None, str | None, str]


def seen(content: bytes, loaders: tuple[str, ...] = PYTHON) -> list[Seen]:
    """Name, value and faults of each line; of a line without a name its state in the value's place."""
    lines = parse_env(content, loaders)
    assert all(one.state == READ for one in lines if one.name)
    return [(one.name, one.value if one.name else one.state, ",".join(one.faults)) for one in lines]


def bad(fault: str, lines: int = 1) -> list[Seen]:
    """Lines that were not understood."""
    return [(None, BAD, fault)] * lines


COMMENT, GOING_ON = (None, READ, ""), (None, READ, "continuation")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"A=1", [("A", "1", "")]),
        (b"A=1\n", [("A", "1", "")]),
        (b"A=\n", [("A", "", "")]),
        (b"\n \n# note\n", [(None, BLANK, ""), (None, BLANK, ""), COMMENT]),
        (b"export A=1\n", [("A", "1", "")]),
        (b"export A\n", bad("no-equals")),
        (b"A\n", bad("no-equals")),
        (b"=1\n", bad("not-parsed")),
        (b"[=bad\n", bad("bad-name")),
        (b"A: 1\n", bad("not-parsed")),
        (b"A='x y'\n", [("A", "x y", "")]),
        (b'A="x\\ny"\n', [("A", "x\ny", "")]),
        (b"A='x' junk\n", bad("not-parsed")),
        (b'A="open\nB=2\n', [*bad("not-parsed"), ("B", "2", "")]),
        (b'A="1\n\n2"\nB=3\n', [("A", "1\n\n2", ""), GOING_ON, GOING_ON, ("B", "3", "")]),
        (b'A="1\n2" junk\n', bad("not-parsed", 2)),
        (b"'A\nB'=1\n", bad("bad-name", 2)),
        (b"A=1 # why\n", [("A", "1", "")]),
        (b"A=1#2\n", [("A", "1#2", "")]),
        (b"A = 1\n", [("A", "1", "")]),
        (b"A=1 \n", [("A", "1", "")]),
        (b"A=' 1'\n", [("A", " 1", "spaces")]),
        (b"A=1\nA=2\n", [("A", "1", "duplicate,overridden"), ("A", "2", "duplicate")]),
        (b"A=1\na=2\n", [("A", "1", "case"), ("a", "2", "case")]),
        (b"A=x$B\n", [("A", "x$B", "")]),
        (b"A=${HOME}\n", [("A", None, "reference")]),
        (b"B=1\nA=${B}\n", [("B", "1", ""), ("A", "1", "")]),
        (b"A=1\nA\n", [*bad("not-parsed"), *bad("no-equals")]),
        ("A=“1”\n".encode(), [("A", "“1”", "smart-quotes")]),
        ("A=1\u200b2\n".encode(), [("A", "1\u200b2", "invisible")]),
        (b"A=1\xc2\xa02\n", [("A", "1\xa02", "invisible")]),
        (b"A=1\r\nB=2\r\n", [("A", "1", ""), ("B", "2", "")]),
        (b"bad line\r\nB=2\r\n", [*bad("not-parsed"), ("B", "2", "")]),
        (b"A=1\rB=2", [("A", "1", ""), ("B", "2", "")]),
        (b"\xef\xbb\xbfA=1\n", [("A", "1", "")]),
        ("A=1\nB=é\n".encode("utf-16"), [("A", "1", "utf-16"), ("B", "é", "")]),
        (b"\xfe\xff" + "A=1".encode("utf-16-be"), [("A", "1", "utf-16")]),
        ("A=1\n".encode("utf-16") + b"x", [("A", "1", "utf-16"), *bad("undecodable")]),
        (b"A=\xff\nB=2\n", [*bad("undecodable"), ("B", "2", "")]),
        (b"A=1\0\nB=2\n", [*bad("nul"), ("B", "2", "")]),
        (b'A="1\n\0\n2"\n', bad("nul", 3)),
        (b"A=x" + b" " * 100 + b"y\n", bad("too-long")),
        (b"A=" + b"x" * 10_000_000 + b"\nB=1\n", [*bad("too-long"), ("B", "1", "")]),
        # What is filled up with equals signs to four characters is a value, whatever its letters are.
        *((line, bad("bad-name")) for line in (b"MZXW6YTBOI======", b"c2VjcmV0cw==", b"ABCDEFGHI===")),
    ],
)
def test_each_line_ends_in_one_state(content: bytes, expected: list[Seen]) -> None:
    """Name, value or state, and faults are those of the table, line by line."""
    assert seen(content) == expected


@pytest.mark.parametrize(
    ("content", "loaders", "expected"),
    [
        # One loader, and what is written is not what it gives.
        (b"A=x#y\n", ("next",), [("A", "x", "altered")]),
        (b"A='x'\n", ("docker",), [("A", "'x'", "altered")]),
        (b"A='x'\n", ("next",), [("A", "x", "")]),
        (b"A='p$x'\n", ("next",), [("A", None, "reference")]),
        (b"A='p$x'\n", ("dotenv",), [("A", "p$x", "")]),
        (b"A=1\nB x\n", ("compose",), [("A", None, "refused"), *bad("not-parsed")]),
        (b"; x\nA=1\n", ("systemd",), [COMMENT, ("A", "1", "")]),
        (b"\xef\xbb\xbfA=1\nB=2\n", ("systemd",), [("A", None, "loaders-disagree"), ("B", "2", "")]),
        # Several, which agree or do not; one that refuses the file or takes no variable has no say.
        (b"A=1\n", ALL, [("A", "1", "")]),
        (b"A='x'\n", ALL, [("A", None, "loaders-disagree")]),
        (b"A='x'\n", ("python-dotenv", "next", "compose"), [("A", "x", "")]),
        (b"A=x#y\n", ("python-dotenv", "next"), [("A", None, "loaders-disagree")]),
        (b"export A='x'\n", ALL, [("A", "x", "")]),
        (b"A: x\n", ALL, [("A", "x", "")]),
        (b"A=x$B\n", ("next", "compose"), [("A", None, "reference")]),
    ],
)
def test_a_value_is_known_if_its_loaders_agree(
    content: bytes, loaders: tuple[str, ...], expected: list[Seen]
) -> None:
    """The value is the loader's; if several are plausible and read different ones, it is not known."""
    assert seen(content, loaders) == expected


def test_a_secret_in_the_place_of_a_name_is_not_shown() -> None:
    """A token alone on its line, with `=` at its end or behind a colon is a suspect and no name.

    Of a value with an equals sign in it, whose short beginning alone is no secret, the whole is one.
    """
    token = fake_value("token", 32) + "7aB"
    places = ("{}", "{}==", "API_TOKEN: {}", "{}=x y", "set A '{}'")
    lines = {place.format(token): token for place in places}
    lines |= {whole: whole for whole in ("_1Uco4wd1WB=Ra7x", "pX3Pwd9q=", "zmFzZ4Fy===")}
    for text, suspect in lines.items():
        (line,) = parse_env(f"{text}\n".encode(), PYTHON)
        assert (line.state, line.name, line.suspects) == (BAD, None, (suspect,))
        assert suspect not in repr(line)


def test_what_a_value_may_be_is_suspected_and_never_shown() -> None:
    """Each reading of a value that is not known goes to the keeper; no representation holds one."""
    value = fake_value("quoted")
    (line,) = parse_env(f"A='{value}'\n".encode(), ("dotenv", "docker"))
    assert (line.value, set(line.suspects)) == (None, {value, f"'{value}'"})
    assert value not in repr(line) + repr(EnvLine(1, READ, "A", value, suspects=(value,)))


def test_binary_is_known_from_text() -> None:
    """NULs make a file binary unless it has a byte order mark or is UTF-8 with few of them."""
    few = b"A=" + b"1" * 40 + b"\0\n"
    assert not any(map(is_binary, (b"", b"A=1\n", b"A=\xff\n", few, "A=1\n".encode("utf-16"))))
    elf = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    assert all(map(is_binary, (b"A=\0\xff" + b"1" * 40, elf, "A=1\n".encode("utf-16-le"))))


NAMES = """API_TOKEN NEXT_PUBLIC_BACKEND_API_BASE_URL S3_BUCKET_NAME_FOR_UPLOADS_2 oauth2ClientSecret
ConnectionStrings__DefaultConnection AzureWebJobsStorageConnectionString spring.datasource.password
AzureAd2ClientId STRIPE_V2_KEY"""


def test_names_and_values_are_told_apart() -> None:
    """Long names of words are names; of 300 values in each of three alphabets none passes for one."""
    assert not any(map(looks_like_value, NAMES.split()))
    for alphabet in (string.hexdigits[:16], string.ascii_uppercase + "234567", string.ascii_letters):
        assert all(looks_like_value(fake_value(f"name {seed}", 40, alphabet)) for seed in range(300))


@pytest.mark.parametrize("length", range(8, 20))
def test_the_beginning_of_a_value_hardly_passes_for_a_name(length: int) -> None:
    """Of 300 beginnings of generated values at most one in twelve passes, of long ones one in 20."""
    alphabet = string.ascii_letters + string.digits
    cut = [fake_value(f"cut {length} {seed}", length, alphabet) for seed in range(300)]
    assert sum(not looks_like_value(text) for text in cut) <= 300 / (12 if length < 12 else 20)


# Whatever means something to the parser, kinds of white space, and what no encoding should hold.
PIECES = st.one_of(
    st.sampled_from("AB='\"\\#x$é \t\n\r\0\x0b\x85\u2028\ufeff\ud800"),
    st.sampled_from(("\r\n", "export ", "${A}")),
)
TEXTS = st.lists(PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, st.binary(max_size=200)), st.sampled_from([ALL, *((name,) for name in ALL)]))
@example(b"\xff\xfe\x00", ALL)
@example(b"\x00\x00\xfe\xff\xff\xff\xff\xff", ALL)
def test_no_bytes_raise_and_no_line_is_lost(content: bytes, loaders: tuple[str, ...]) -> None:
    """Whatever the bytes are, each line is there once, in order and in one of three states."""
    lines = parse_env(content, loaders)
    assert [line.line for line in lines] == list(range(1, len(lines) + 1))
    assert {line.state for line in lines} <= {READ, BAD, BLANK}
    if not content.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        assert len(lines) == len(list(io.StringIO(text, newline="")))
