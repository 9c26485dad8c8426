"""Blocks change places in the tree of formats only where no text can match both."""

from itertools import product

from audit_lib.logs.blocks import Block
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.match_steps import BYTES, DIGITS, LETTERS, steps_of
from audit_lib.logs.kernel.overlap import BEHIND_SPACES, ENDS_AT, behind_run, may_overlap
from audit_lib.logs.kernel.shared_steps import Rest
from audit_lib.logs.templates import expression, parse_template

BUNDLED = load_formats()


def _head(template: str) -> Rest:
    block = Block("x", parse_template(template), b"", False, b"", (), ())
    return Rest(0, steps_of(block, False))


def _behind(template: str, members: int, spaces: bool = False) -> bytes:
    found = behind_run(_head(template).head, members) >> BEHIND_SPACES * spaces
    return bytes(byte for byte in range(256) if found >> byte & 1)


def _overlap(one: str, two: str) -> bool:
    return may_overlap(_head(one).head, _head(two).head)


def test_what_matches_an_example_of_another_format_may_overlap_it() -> None:
    """Two bundled formats that match one example are never taken to exclude each other; many others are."""
    excluded = 0
    for blocks in (BUNDLED.prefixes, BUNDLED.bodies):
        parsed = [block for block in blocks if block.parts]
        heads = {block: Rest(0, steps_of(block, False)).head for block in parsed}
        matchers = {block: expression(block.parts, whole=False) for block in parsed}
        for one, two in product(parsed, parsed):
            if may_overlap(heads[one], heads[two]):
                continue
            excluded += 1
            both = [text for text in one.examples if matchers[one].match(text.encode())]
            assert not [text for text in both if matchers[two].match(text.encode())], (one.name, two.name)
    assert excluded > 1_000


def test_fields_exclude_each_other_by_the_bytes_that_they_take() -> None:
    """A field takes all bytes of its class: what follows decides, also behind fields of several bytes."""
    assert not _overlap("{time} {level}", "{digits}: {text}")
    assert not _overlap("{time:clf} x", "{name}, [x")
    assert not _overlap("{digits}.{digits} [", "{digits}: ")
    assert not _overlap("{level}: x", "info: ")
    assert _overlap("{time} x", "{word} x")
    assert _overlap("{text}: x", "abc")
    assert _overlap("{name}end", "abc")
    assert _overlap("{digits}", "12")


def test_what_stands_behind_a_word_of_an_example_is_expected_there() -> None:
    """What follows the bytes of a class that begin a format's example is never ruled out; most else is."""
    ruled_out = looked = 0
    for blocks, whole in ((BUNDLED.prefixes, False), (BUNDLED.bodies, True), (BUNDLED.messages, False)):
        for block in (block for block in blocks if block.parts and not block.anywhere):
            head, matcher = Rest(0, steps_of(block, whole)).head, expression(block.parts, whole=whole)
            texts = [text.encode() for text in block.examples if matcher.match(text.encode())]
            for text, (members, taken) in product(texts, BYTES.items()):
                if text[0] in taken:
                    expected = behind_run(head, members)
                    assert expected >> _found_behind(text, taken) & 1, (block.name, members)
                    ruled_out += 2 * BEHIND_SPACES - expected.bit_count()
                    looked += 2 * BEHIND_SPACES
    assert looked > 1_000_000
    assert ruled_out > looked / 2


def _found_behind(text: bytes, taken: bytes) -> int:
    rest = text.lstrip(taken)
    if rest[:1] != b" ":
        return rest[0] if rest else ENDS_AT
    rest = rest.lstrip(b" ")
    return BEHIND_SPACES + (rest[0] if rest else ENDS_AT)


def test_fields_say_what_may_stand_behind_a_word() -> None:
    """A run of a wider class ends where the narrower one does; behind what is not known may be anything."""
    assert _behind("{digits}: x", DIGITS) == b":"
    assert _behind("{digits}: x", DIGITS, spaces=True) == b""
    assert _behind("{time} x", DIGITS) == b"-/"
    assert _behind("{client} x", LETTERS) == b".0123456789:"
    assert _behind("{word}{sp}| ", DIGITS, spaces=True) == b"|"
    assert _behind("{word} - x", LETTERS, spaces=True) == b"-"
    assert b"]" not in _behind("{word} {word}[", LETTERS)
    assert (
        len(_behind("{text}: x", LETTERS)) == 256 - 52 - 1
    )  # no letter, and behind a space another byte decides
    assert len(_behind("{text}: x", LETTERS, spaces=True)) == 256 - 1
