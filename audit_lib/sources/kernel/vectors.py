"""Where bytes of a class stop, in LLVM's language: up to 64 bytes are looked at together."""

from collections.abc import Iterable
from itertools import groupby

from llvmlite import ir

_BYTE, _NUMBER = ir.IntType(8), ir.IntType(64)


def spans(members: Iterable[int]) -> list[tuple[int, int]]:
    """The stretches of numbers without a gap: first and last of each."""
    runs = groupby(enumerate(sorted(set(members))), key=lambda pair: pair[1] - pair[0])
    stretches = [[value for _, value in run] for _, run in runs]
    return [(stretch[0], stretch[-1]) for stretch in stretches]


def stops(builder: ir.IRBuilder, address: ir.Value, members: bytes, size: int) -> ir.Value:
    """One bit for each of so many bytes at an address, the lowest for the first: 1 for none of `members`.

    Looks at as many wherever the text ends: see SLACK in layout.py.
    """
    others = set(range(256)) - set(members)
    inverted = len(spans(others)) > len(spans(members))
    pointer = builder.inttoptr(address, ir.PointerType())
    loaded = builder.load(pointer, align=1, typ=ir.VectorType(_BYTE, size))
    found = None
    for first, last in spans(members if inverted else others):
        test = _within(builder, loaded, first, last)
        found = test if found is None else builder.or_(found, test)
    bits = builder.bitcast(found, ir.IntType(size))
    bits = builder.not_(bits) if inverted else bits
    return bits if size == _NUMBER.width else builder.zext(bits, _NUMBER)


def _within(builder: ir.IRBuilder, loaded: ir.Value, first: int, last: int) -> ir.Value:
    if first == last:
        return builder.icmp_unsigned("==", loaded, _all(loaded, first))
    return builder.icmp_unsigned("<=", builder.sub(loaded, _all(loaded, first)), _all(loaded, last - first))


def _all(loaded: ir.Value, value: int) -> ir.Constant:
    return ir.Constant(loaded.type, [value] * loaded.type.count)
