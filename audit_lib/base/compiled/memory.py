"""Compiled reading and writing of memory at addresses: arguments stay numbers, so calls cost little.

What numba has no word for is said to LLVM here, in a few lines each, and nowhere else: loads and stores that
need not be aligned, fetching what is wanted soon, and comparing 32 or 64 bytes at once. Each of these
functions also says it in Python: with NUMBA_DISABLE_JIT=1 the whole kernel runs in Python, where a debugger
can follow it.
"""

import ctypes
from itertools import groupby

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_OPTIONS = {
    "boundscheck": False,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
jit = njit(**_OPTIONS)
# For what is called for every byte or block: a call would cost more than what it does.
inlined = njit(**_OPTIONS, forceinline=True)
# For what would leave its callers too few registers; it calls `stay_apart` first. numba hands `forceinline`
# on to all that an inlined function calls, unless that says otherwise.
apart = njit(**_OPTIONS, forceinline=False)

_INT = types.int64
WIDTH = 32  # so many bytes are looked at together, where nothing else is said


def _loaded(kind, at):
    return np.int64(kind.from_address(int(at)).value)


def _stored(kind, at, value):
    kind.from_address(int(at)).value = int(value)


def _marks(at, members, size):
    found = sum(1 << place for place, value in enumerate(ctypes.string_at(int(at), size)) if value in members)
    return np.uint64(found).astype(np.int64)


def _in_python(function):
    """Makes an intrinsic of what tells LLVM the same as a function, which stands in where none is wanted."""

    def chosen(told):
        return function if config.DISABLE_JIT else intrinsic(told)

    return chosen


def _pointer(builder, address, bits):
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


@_in_python(lambda at: _loaded(ctypes.c_uint8, at))
def byte(typingctx, at):
    """The byte at an address."""

    def code(context, builder, signature, arguments):
        return builder.zext(builder.load(_pointer(builder, arguments[0], 8)), ir.IntType(64))

    return _INT(_INT), code


@_in_python(lambda at: _loaded(ctypes.c_int64, at))
def eight(typingctx, at):
    """Eight bytes at an address that need not be aligned, the first one lowest."""

    def code(context, builder, signature, arguments):
        return builder.load(_pointer(builder, arguments[0], 64), align=1)

    return _INT(_INT), code


@_in_python(lambda base, place: _loaded(ctypes.c_int64, base + 8 * place))
def word(typingctx, base, place):
    """The number at a place of an array."""

    def code(context, builder, signature, arguments):
        offset = builder.shl(arguments[1], ir.Constant(ir.IntType(64), 3))
        return builder.load(_pointer(builder, builder.add(arguments[0], offset), 64))

    return _INT(_INT, _INT), code


@_in_python(lambda base, place, value: _stored(ctypes.c_int64, base + 8 * place, value))
def put(typingctx, base, place, value):
    """Writes a number at a place of an array."""

    def code(context, builder, signature, arguments):
        offset = builder.shl(arguments[1], ir.Constant(ir.IntType(64), 3))
        builder.store(arguments[2], _pointer(builder, builder.add(arguments[0], offset), 64))
        return context.get_dummy_value()

    return types.void(_INT, _INT, _INT), code


@_in_python(lambda at, value: _stored(ctypes.c_uint8, at, value))
def put_byte(typingctx, at, value):
    """Writes a byte at an address."""

    def code(context, builder, signature, arguments):
        builder.store(builder.trunc(arguments[1], ir.IntType(8)), _pointer(builder, arguments[0], 8))
        return context.get_dummy_value()

    return types.void(_INT, _INT), code


@_in_python(lambda at, value: _stored(ctypes.c_int64, at, value))
def put_eight(typingctx, at, value):
    """Writes eight bytes at an address that need not be aligned, the lowest first."""

    def code(context, builder, signature, arguments):
        builder.store(arguments[1], _pointer(builder, arguments[0], 64), align=1)
        return context.get_dummy_value()

    return types.void(_INT, _INT), code


@_in_python(lambda at: None)
def prefetch(typingctx, at):
    """Has the memory at an address fetched, without waiting for it."""

    def code(context, builder, signature, arguments):
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_write, near, data = (ir.Constant(number, value) for value in (1, 3, 1))
        builder.call(fetch, [_pointer(builder, arguments[0], 8), to_write, near, data])
        return context.get_dummy_value()

    return types.void(_INT), code


@_in_python(lambda: None)
def stay_apart(typingctx):
    """Keeps the function that calls it from being copied into its callers, for which numba has no option."""

    def code(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), code


def marks_of(members, size):
    """Compiled: one bit for each of so many bytes at an address, the lowest for the first: 1 for a member.

    Looks at as many wherever the text ends: see SLACK.
    """
    others = bytes(set(range(256)) - set(members))
    inverted = len(_spans(others)) < len(_spans(members))

    @_in_python(lambda at: _marks(at, members, size))
    def marks_at(typingctx, at):
        def code(context, builder, signature, arguments):
            loaded = _vector(builder, arguments[0], size)
            bits = ir.Constant(ir.IntType(size), 0)
            for first, last in _spans(others if inverted else members):
                found = builder.icmp_unsigned(
                    "<=", builder.sub(loaded, _all(size, first)), _all(size, last - first)
                )
                bits = builder.or_(bits, builder.bitcast(found, ir.IntType(size)))
            bits = builder.not_(bits) if inverted else bits
            return bits if size == 64 else builder.zext(bits, ir.IntType(64))

        return _INT(_INT), code

    return marks_at


def _spans(members):
    """The stretches of numbers without a gap: first and last of each."""
    runs = groupby(enumerate(sorted(set(members))), key=lambda pair: pair[1] - pair[0])
    stretches = [[value for _, value in run] for _, run in runs]
    return [(stretch[0], stretch[-1]) for stretch in stretches]


def _vector(builder, address, size):
    kind = ir.VectorType(ir.IntType(8), size)
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def _all(size, value):
    return ir.Constant(ir.VectorType(ir.IntType(8), size), [value] * size)


@_in_python(lambda at, value: _marks(at, bytes([value]), WIDTH))
def marks_equal(typingctx, at, value):
    """One bit for each of 32 bytes at an address, the lowest for the first: 1 for this value."""

    def code(context, builder, signature, arguments):
        loaded = _vector(builder, arguments[0], WIDTH)
        one = builder.insert_element(
            ir.Constant(loaded.type, ir.Undefined),
            builder.trunc(arguments[1], ir.IntType(8)),
            ir.Constant(ir.IntType(32), 0),
        )
        none = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        same_ = builder.icmp_unsigned("==", loaded, builder.shuffle_vector(one, one, none))
        return builder.zext(builder.bitcast(same_, ir.IntType(WIDTH)), ir.IntType(64))

    return _INT(_INT, _INT), code


@_in_python(lambda bits: np.int64((int(bits) & -int(bits)).bit_length() - 1))
def lowest(typingctx, bits):
    """The place of the lowest bit of a number that is not 0."""

    def code(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return _INT(_INT), code


@inlined
def find_byte(pos, end, value):
    """Where a byte stands first, or `end`."""
    while pos < end:
        marks = marks_equal(pos, value)
        if marks:
            return min(end, pos + lowest(marks))
        pos += WIDTH
    return end


@inlined
def same(one, two, size):
    """Whether so many bytes at two addresses are the same. Looks at up to 7 bytes beyond: see SLACK."""
    while size >= 8:
        if eight(one) != eight(two):
            return False
        one, two, size = one + 8, two + 8, size - 8
    return size == 0 or (eight(one) ^ eight(two)) << (64 - 8 * size) == 0
