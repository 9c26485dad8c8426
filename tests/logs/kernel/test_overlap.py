"""Blocks change places in the tree of formats only where no text can match both."""

from itertools import product

from audit_lib.logs.blocks import Block
from audit_lib.logs.formats import load_formats
from audit_lib.logs.kernel.match_steps import steps_of
from audit_lib.logs.kernel.overlap import may_overlap
from audit_lib.logs.kernel.shared_steps import Rest
from audit_lib.logs.templates import expression, parse_template

BUNDLED = load_formats()


def _head(template: str) -> Rest:
    block = Block("x", parse_template(template), b"", False, b"", (), ())
    return Rest(0, steps_of(block, False))


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
