"""Compiled reading and writing of memory at addresses: arguments stay numbers, so calls cost little."""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from audit_lib.logs.kernel.ir_search import marks

jit = njit(boundscheck=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)

# For what is called for every byte or block: a call would cost more than what it does.
inlined = njit(
    boundscheck=False, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
)

memchr = types.ExternalFunction("memchr", types.uintp(types.uintp, types.int32, types.uintp))
_INT = types.int64


def _pointer(builder, address, bits):
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


@intrinsic
def byte(typingctx, at):
    """The byte at an address."""

    def code(context, builder, signature, arguments):
        return builder.zext(builder.load(_pointer(builder, arguments[0], 8)), ir.IntType(64))

    return _INT(_INT), code


@intrinsic
def eight(typingctx, at):
    """Eight bytes at an address that need not be aligned, the first one lowest."""

    def code(context, builder, signature, arguments):
        return builder.load(_pointer(builder, arguments[0], 64), align=1)

    return _INT(_INT), code


@intrinsic
def word(typingctx, base, place):
    """The number at a place of an array."""

    def code(context, builder, signature, arguments):
        offset = builder.shl(arguments[1], ir.Constant(ir.IntType(64), 3))
        return builder.load(_pointer(builder, builder.add(arguments[0], offset), 64))

    return _INT(_INT, _INT), code


@intrinsic
def put(typingctx, base, place, value):
    """Writes a number at a place of an array."""

    def code(context, builder, signature, arguments):
        offset = builder.shl(arguments[1], ir.Constant(ir.IntType(64), 3))
        builder.store(arguments[2], _pointer(builder, builder.add(arguments[0], offset), 64))
        return context.get_dummy_value()

    return types.void(_INT, _INT, _INT), code


@intrinsic
def put_byte(typingctx, at, value):
    """Writes a byte at an address."""

    def code(context, builder, signature, arguments):
        builder.store(builder.trunc(arguments[1], ir.IntType(8)), _pointer(builder, arguments[0], 8))
        return context.get_dummy_value()

    return types.void(_INT, _INT), code


@intrinsic
def put_eight(typingctx, at, value):
    """Writes eight bytes at an address that need not be aligned, the lowest first."""

    def code(context, builder, signature, arguments):
        builder.store(arguments[1], _pointer(builder, arguments[0], 64), align=1)
        return context.get_dummy_value()

    return types.void(_INT, _INT), code


def marks_of(members, size):
    """Compiled: one bit for each of so many bytes at an address, 1 where it is one of `members`."""

    @intrinsic
    def marks_at(typingctx, at):
        def code(context, builder, signature, arguments):
            return marks(builder, arguments[0], members, size)

        return _INT(_INT), code

    return marks_at


@intrinsic
def lowest(typingctx, bits):
    """The place of the lowest bit of a number that is not 0."""

    def code(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return _INT(_INT), code


@inlined
def find_byte(pos, end, value):
    """Where a byte stands first, or `end`."""
    if pos >= end:
        return end
    found = memchr(pos, value, end - pos)
    return end if found == 0 else types.int64(found)


@inlined
def same(one, two, size):
    """Whether so many bytes at two addresses are the same. Looks at up to 7 bytes beyond: see SLACK."""
    while size >= 8:
        if eight(one) != eight(two):
            return False
        one, two, size = one + 8, two + 8, size - 8
    return size == 0 or (eight(one) ^ eight(two)) << (64 - 8 * size) == 0
