"""What a stranger's settings hold is read within bounds: keys, nesting, expressions, globs, URLs, dates."""

import tomllib
from pathlib import Path

import pytest

from audit_lib.base import bounded
from audit_lib.base.bounded import UrlParts, matches_glob, parse_toml, read_text_file, url_parts
from audit_lib.base.clock import LAST, iso, parse_instant
from audit_lib.base.errors import BadInput

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def test_an_endless_expression_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nested repetition is given up; a sound one is answered."""
    monkeypatch.setattr(bounded, "SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        bounded.matches_whole("(a|aa)+[bc]", "a" * 60)
    assert bounded.matches_whole("[a-z]+", "a" * 60)
    assert [*map(bounded.is_expression, ("(?i:x)", "(", "a(?i)b"))] == [True, False, False]
    assert [*map(bounded.shown_name, ("a.b-C_1", "a b", "a\n", "a" * 81))][1:] == ["(unprintable name)"] * 3


ENDLESS = [
    ("a." * 400_000 + "a = 1", "keys of at most 16 parts"),
    ("x = 1\n" + "".join(f"[{'a.' * 500}b{n}]\n" for n in range(900)), r"16 parts \(line 2\)"),
    ("a = {" + '"a" . ' * 90_000 + "a = 1}", "keys of at most 16 parts"),
    ("a = " + "{a=" * 330_000, "is not TOML"), ("a = " + "[" * 330_000, "is not TOML"),
    ("a = " + "1" * 100_000, "is not TOML"), ("a = 1\na = 2\n", "is not TOML at line 2"),
    ("\udcff", "is not UTF-8"), ("#" * 1_000_001, "is larger than the limit of 1,000,000 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), ENDLESS)
def test_a_file_without_end_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """At once, with the fault and never a value. What stands in a value is no key, whatever its parts."""
    address = ".".join("abcdefghijklmnopqrstu")
    assert parse_toml(f'a = "{address}"  # {address}'.encode(), "x") == {"a": address}
    (tmp_path / "x.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=rf"^x\.toml: .*{fault}"):
        parse_toml(read_text_file(tmp_path / "x.toml", "x.toml"), "x.toml")


@pytest.mark.parametrize(
    ("text", "glob", "matches"), [*CASES["globs"], ("a" * 100_000, "*a" * 50 + "*b", False)]
)
def test_a_glob_has_stars_alone(text: str, glob: str, matches: bool) -> None:
    """In any case of letters and in bounded time; `***` is a value that was masked."""
    assert matches_glob(text, [glob]) is matches


@pytest.mark.parametrize("row", CASES["urls"], ids=lambda row: str(row[0]))
def test_components(row: tuple[str, str, str, str, str, bool]) -> None:
    """Components are percent-decoded; a raw reserved character in the password makes the URL ambiguous."""
    parts = url_parts(row[0])
    assert parts == UrlParts(*row[1:])
    assert not parts.password or parts.password not in repr(parts)
    assert [url_parts(value) for value in CASES["no_urls"]] == [None] * 10


NO_DATES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-01-01", "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59", "9999-12-31", "", "soon",
)  # fmt: skip


def test_what_stands_for_no_date_is_none() -> None:
    """Zero times and the end of the calendar are bad input with its place, and end in no internal error."""
    for text in NO_DATES:
        with pytest.raises(BadInput, match=r"^here: must be a date"):
            parse_instant(text, "here")
    for text, ends in (("9999-12-31T23:59:59Z", LAST), ("2026-12-31T23:59:59Z",) * 2):
        assert iso(parse_instant(min(text, LAST), "ledger")) == ends
