"""Searches in LLVM's language that look at many bytes together: for bytes of a class, and for a text."""

from collections.abc import Iterable
from itertools import groupby

from llvmlite import ir

from audit_lib.logs.kernel.shared_arrays import MISS

I8, I64, PTR = ir.IntType(8), ir.IntType(64), ir.PointerType()
_WIDTH = 32  # so many bytes of a run are looked at together; most runs are shorter
_NOT_ZERO = ir.Constant(ir.IntType(1), 1)


def load(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    """What stands at an address, which need not be aligned."""
    return builder.load(builder.inttoptr(address, PTR), align=1, typ=kind)


def marks(builder: ir.IRBuilder, address: ir.Value, members: bytes, size: int) -> ir.Value:
    """One bit for each of so many bytes at an address, the lowest for the first: 1 where it is a member.

    Looks at as many wherever the text ends: see SLACK in layout.py.
    """
    loaded = load(builder, address, ir.VectorType(I8, size))
    others = set(range(256)) - set(members)
    inverted = len(_spans(others)) < len(_spans(members))
    found = None
    for first, last in _spans(others if inverted else members):
        test = _within(builder, loaded, first, last)
        found = test if found is None else builder.or_(found, test)
    bits = builder.bitcast(found, ir.IntType(size))
    bits = builder.not_(bits) if inverted else bits
    return bits if size == I64.width else builder.zext(bits, I64)


def _spans(members: Iterable[int]) -> list[tuple[int, int]]:
    """The stretches of numbers without a gap: first and last of each."""
    runs = groupby(enumerate(sorted(set(members))), key=lambda pair: pair[1] - pair[0])
    stretches = [[value for _, value in run] for _, run in runs]
    return [(stretch[0], stretch[-1]) for stretch in stretches]


def _within(builder: ir.IRBuilder, loaded: ir.Value, first: int, last: int) -> ir.Value:
    if first == last:
        return builder.icmp_unsigned("==", loaded, _all(loaded, first))
    return builder.icmp_unsigned("<=", builder.sub(loaded, _all(loaded, first)), _all(loaded, last - first))


def _all(loaded: ir.Value, value: int) -> ir.Constant:
    return ir.Constant(loaded.type, [value] * loaded.type.count)


def difference(builder: ir.IRBuilder, text: bytes, pos: ir.Value) -> ir.Value:
    """0 where up to eight bytes of a text stand at an address."""
    differs = builder.xor(load(builder, pos, I64), I64(int.from_bytes(text, "little")))
    return differs if len(text) == 8 else builder.and_(differs, I64((1 << 8 * len(text)) - 1))


def write_run(function: ir.Function, members: bytes) -> None:
    """Makes a function of address and end: the first byte that is none of the members, or the end."""
    start, end = function.args
    entry, loop, found, more, none = _blocks(function)
    builder = ir.IRBuilder(entry)
    builder.branch(loop)
    builder.position_at_end(loop)
    pos = builder.phi(I64)
    others = bytes(set(range(256)) - set(members))
    bits = marks(builder, pos, others, _WIDTH)
    builder.cbranch(builder.icmp_unsigned("!=", bits, I64(0)), found, more)
    builder.position_at_end(found)
    at = builder.add(pos, builder.cttz(bits, _NOT_ZERO))
    builder.ret(builder.select(builder.icmp_signed("<", at, end), at, end))
    onward = _write_onward(builder, pos, end, (more, loop, none))
    builder.ret(end)
    for value, block in ((start, entry), (onward, more)):
        pos.add_incoming(value, block)


def write_find(function: ir.Function, text: bytes) -> None:
    """Makes a function of address and end: where the first place of a text ends, or MISS.

    It looks for the first two bytes of the text, and where they stand for the rest.
    """
    start, end = function.args
    entry, loop, found, more, none = _blocks(function)
    again = function.append_basic_block("again")
    builder = ir.IRBuilder(entry)
    builder.branch(loop)
    builder.position_at_end(loop)
    pos = builder.phi(I64)
    bits = marks(builder, pos, text[:1], _WIDTH)
    if len(text) > 1:
        bits = builder.and_(bits, marks(builder, builder.add(pos, I64(1)), text[1:2], _WIDTH))
    builder.cbranch(builder.icmp_unsigned("!=", bits, I64(0)), found, more)
    builder.position_at_end(found)
    at = builder.add(pos, builder.cttz(bits, _NOT_ZERO))
    after = builder.add(at, I64(len(text)))
    with builder.if_then(builder.icmp_signed(">", after, end)):
        builder.branch(none)
    differs = I64(0)
    for place in range(2, len(text), 8):
        rest = difference(builder, text[place : place + 8], builder.add(at, I64(place)))
        differs = builder.or_(differs, rest)
    with builder.if_then(builder.icmp_unsigned("==", differs, I64(0))):
        builder.ret(after)
    builder.branch(again)
    builder.position_at_end(again)
    following = builder.add(at, I64(1))
    builder.branch(loop)
    onward = _write_onward(builder, pos, end, (more, loop, none))
    builder.ret(I64(MISS))
    for value, block in ((start, entry), (following, again), (onward, more)):
        pos.add_incoming(value, block)


def _blocks(function: ir.Function) -> list[ir.Block]:
    return [function.append_basic_block(name) for name in ("entry", "loop", "found", "more", "none")]


def _write_onward(
    builder: ir.IRBuilder, pos: ir.Value, end: ir.Value, blocks: tuple[ir.Block, ir.Block, ir.Block]
) -> ir.Value:
    """Goes on with the bytes that follow; what is written next is for where there are none."""
    more, loop, none = blocks
    builder.position_at_end(more)
    onward = builder.add(pos, I64(_WIDTH))
    builder.cbranch(builder.icmp_signed("<", onward, end), loop, none)
    builder.position_at_end(none)
    return onward
