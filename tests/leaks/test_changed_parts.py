"""Versions of a file are searched by what changed in them, and nothing is missed for it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit_lib.base.compiled.load_code import load_entry
from audit_lib.leaks import changed_parts, pattern_objects
from audit_lib.leaks.changed_parts import COMPARE, Comparison, comparison, holding
from audit_lib.leaks.git_objects import list_objects
from audit_lib.leaks.pattern_objects import PatternSearch
from audit_lib.leaks.scan_cache import Memory
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_search_patterns import searched
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot

REACH = 300
FIRST, MIDDLE, LAST = b"first line of it", b"x" * 200, b"last line of it"
NEEDLE = b"\n".join((FIRST, MIDDLE, LAST))  # shorter than the reach


def never(content: bytes) -> bool:
    """The reach holds whatever stands in a content."""
    return False


def _edited(dice: random.Random, lines: list[bytes]) -> list[bytes]:
    """The lines after some edits: of words, of a block that moves, of the needle, whole or a line of it."""
    lines = list(lines)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(lines))
        kind = dice.randrange(7)
        if kind == 0:
            lines[at : at + dice.randrange(4)] = [b"%d" % dice.randrange(10**9)] * dice.randrange(4)
        elif kind == 1:
            moved, lines[at : at + 30] = lines[at : at + 30], []
            to = dice.randrange(len(lines) + 1)
            lines[to:to] = moved
        elif kind == 2 and MIDDLE not in lines:
            lines[at:at] = (FIRST, MIDDLE, LAST)
        elif kind == 3:
            lines = [line for line in lines if line != MIDDLE]
        elif kind == 4:
            lines[at:at] = [FIRST, b"between", MIDDLE, LAST]
        elif kind == 5 and b"between" in lines:
            lines.remove(b"between")
        else:
            lines[at] = lines[at][::-1]
    return lines[:400] + [b"the end of all"] * max(0, 60 - len(lines))


def _versions(seed: int) -> Iterator[tuple[str, bytes]]:
    dice = random.Random(seed)
    lines = [b"%d is a number of a line" % dice.randrange(10**6) for _ in range(300)]
    for number in range(300):
        lines = _edited(dice, lines)
        yield f"{number}", b"\n".join(lines)


def _held(compared: Comparison, versions: list[tuple[str, bytes]]) -> list[bool]:
    met = ((change, NEEDLE in change.new) for change in compared.changes(versions))
    return [held for _, held in holding(met, lambda content: NEEDLE in content)]


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 60))]
)
def test_what_a_version_holds_is_known_from_its_changes(seed: int) -> None:
    """However a file was changed, its changes tell whether it holds something that spans lines."""
    versions = list(_versions(seed))
    held = _held(Comparison(REACH, never, load_entry(COMPARE)), versions)
    assert held == [NEEDLE in content for _, content in versions]
    assert 20 < sum(held) < 280


def test_little_of_a_version_is_searched() -> None:
    """Of a long file in which a line changes, that line is searched with what stands around it."""
    lines = [b"%d is a number" % number for number in range(5_000)]
    versions = []
    for number in range(20):
        lines[250 * number] = b"another line"
        versions.append((f"{number}", b"\n".join(lines)))
    changes = list(Comparison(REACH, never, load_entry(COMPARE)).changes(versions))
    assert changes[0].new == changes[0].content
    assert max(len(change.new) for change in changes[1:]) < 3 * REACH


def test_a_change_to_two_places_leaves_out_what_is_between() -> None:
    """Both changes are searched, and what has not changed between them is not."""
    middle = b"\n".join(b"%d between" % number for number in range(2_000))
    versions = [("a", b"one\n" + middle + b"\ntwo\n"), ("b", b"ONE\n" + middle + b"\nTWO and more\n")]
    *_, change = Comparison(REACH, never, load_entry(COMPARE)).changes(versions)
    assert b"ONE\n" in change.new
    assert b"TWO and more" in change.new
    assert b"one\n" in change.gone
    assert b"1000 between" not in change.new + change.gone


def test_what_has_no_reach_is_searched_as_a_whole() -> None:
    """A content with the mark of something of any length is searched whole, for as long as it has it."""
    lines = [b"%d is a number" % number for number in range(1_000)]
    marked = [*lines[:500], b"-----BEGIN KEY", *lines[500:]]
    contents = (lines, marked, [b"x", *marked], [b"y", *lines])
    versions = [(f"{number}", b"\n".join(some)) for number, some in enumerate(contents)]
    compared = Comparison(REACH, lambda content: b"BEGIN" in content, load_entry(COMPARE))
    assert [change.new == change.content for change in compared.changes(versions)] == [
        True,
        True,
        True,
        False,
    ]


def test_without_the_compiled_comparison_all_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few objects are to be searched, or nothing can be compiled, each content is searched whole."""
    versions = list(_versions(3))
    assert all(change.new is change.content for change in comparison(REACH, never, 10).changes(versions))
    assert _held(comparison(REACH, never, 10), versions) == [NEEDLE in content for _, content in versions]


def _history(plot: Plot, secrets: list[str]) -> None:
    """Versions of a few files in which secrets come, move and go; some are packed with deltas."""
    dice = random.Random(7)
    files = {name: [f"number_{dice.randrange(10**6)} = 1" for _ in range(300)] for name in ("a.py", "b/c.py")}
    for number, secret in enumerate(secrets * 2):
        for name, lines in files.items():
            lines[dice.randrange(300)] = f"word_{number} = {dice.randrange(10**6)}"
            if dice.random() < 0.6:
                lines.insert(dice.randrange(300), f'API_TOKEN = "{secret}"')
            leaks = [line for line in lines if "API_TOKEN" in line]
            if leaks and dice.random() < 0.5:
                lines.remove(dice.choice(leaks))
            plot.commit(name, "\n".join(lines))
    plot.git("gc", "-q")


def _found(plot: Plot) -> tuple[set[str], tuple[str, ...]]:
    """What the search by pattern finds in the history, and in which objects, from the beginning."""
    done = PatternSearch()
    shapes = Shapes(Keeper(Key(b"k" * 32, "file")), ())
    memory = searched(plot, shapes, list_objects(plot.root), done, Memory())
    return {shape.fingerprint for shape in done.shapes}, memory.marked


def test_a_history_gives_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search finds in the same objects what it finds if every version is searched whole."""
    plot = new_plot(tmp_path / "repo")
    _history(plot, [fake_value(("versions", number)) for number in range(12)])
    whole = _found(plot)
    compared: list[int] = []
    differing = Comparison._differing

    def counted(self: Comparison, content: bytes, before: bytes) -> object:
        compared.append(len(content))
        return differing(self, content, before)

    monkeypatch.setattr(Comparison, "_differing", counted)
    monkeypatch.setattr(changed_parts, "WORTH_COMPILING", 0)
    assert _found(plot) == whole
    assert len(compared) > 50
    assert len(whole[0]) > 9


def _over_lines() -> dict[str, list[str]]:
    """What patterns find over several lines, by lines."""
    value, seed = fake_value("over lines"), fake_value("over lines", 24)
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return {
        "a name and a value of a list": ["- name: API_TOKEN", f"  value: {value}"],
        "a heading": ["## API token", "", "```text", f"{value}", "```"],
        "the next line": ["API_TOKEN =", f'  "{value}"'],
        "a list": ["api_token: [", "", "", f'    "{value}"', "]"],
        "an element": ["<key>apiSecret</key>", "    ", f"    <string>{value}</string>"],
        "a call": ['put("api_token",', f'  "{value}")'],
        "a sentence": ["the", "new", "staging", "api_token", "is", f"{seed}"],
        "a default": [
            'variable "api_token" {', "  type = string", f'  description = "{"words " * 30}"',
            f'  description = "{"more " * 30}"', "  sensitive = true", f'  default = "{value}"', "}",
        ],
        "a private key": key.decode().splitlines(),
        "a JSON Web Key": [
            "{", '"kty": "EC",', *(f'"x{n}": "{"a" * 40}",' for n in range(12)), f'"d": "{value}"', "}",
        ],
    }  # fmt: skip


def test_a_line_that_completes_a_secret_is_enough() -> None:
    """Whichever line of something over several lines comes last, the version that has all is found."""
    filler = [f"number_{number} = {number}" for number in range(300)]
    shapes = Shapes(Keeper(Key(b"k" * 32, "file")), ())
    for name, lines in _over_lines().items():
        whole = "\n".join([*filler, *lines, *filler]).encode()
        assert shapes.meets(whole), name
        for gone in range(len(lines)):
            parts = [*filler, *lines[:gone], *lines[gone + 1 :], *filler]
            compared = Comparison(pattern_objects._REACH, pattern_objects._is_endless, load_entry(COMPARE))
            _, last = compared.changes([("before", "\n".join(parts).encode()), ("after", whole)])
            assert shapes.meets(last.new), (name, gone)
