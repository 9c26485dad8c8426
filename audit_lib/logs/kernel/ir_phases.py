"""Machine code of log formats: for each phase a function that finds the first block that matches."""

from collections.abc import Mapping, Sequence

from llvmlite import ir

from audit_lib.logs.kernel.ir_choice import Choice, Functions
from audit_lib.logs.kernel.ir_search import I8, I64, load
from audit_lib.logs.kernel.match_steps import SHOWS, Reading, Rest, first_bytes
from audit_lib.logs.kernel.shared_arrays import MISS


def code_of(reading: Reading, helpers: Mapping[str, str]) -> str:
    """LLVM's text of a function for each phase, by its name: takes frame, address and end, gives the end.

    Of the block that matched it leaves its row's address and captures behind, as layout.py says. Beside them
    is SHOWS, which takes address and end, and gives 1 where a text that is sought anywhere stands there.
    `helpers` are the names under which numba compiled what the steps call.
    """
    functions = Functions(helpers)
    choices: dict[tuple[Rest, ...], ir.Function] = {}
    for name, blocks in reading.phases.items():
        by_first = _by_first_byte(blocks)
        for fitting in by_first:
            if fitting not in choices:
                choices[fitting] = functions.new(f"choice_{len(choices)}", 3)
                Choice(functions, choices[fitting]).write(fitting)
        _write_phase(
            functions.new(name, 3), {choices[fitting]: bytes_ for fitting, bytes_ in by_first.items()}
        )
    _write_shows(functions, reading.anywhere)
    return str(functions.module)


def _by_first_byte(blocks: Sequence[Rest]) -> dict[tuple[Rest, ...], list[int]]:
    """The blocks that can begin with a byte, and the bytes for which they are the same."""
    starts = {row: first_bytes(steps) for row, steps in blocks}
    by_first: dict[tuple[Rest, ...], list[int]] = {}
    for byte in range(256):
        fitting = tuple(block for block in blocks if byte in starts[block[0]])
        by_first.setdefault(fitting, []).append(byte)
    by_first.pop((), None)
    return by_first


def _write_phase(function: ir.Function, choices: Mapping[ir.Function, Sequence[int]]) -> None:
    """Goes by the first byte to the choice among the blocks that can begin with it."""
    frame, pos, end = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    none = function.append_basic_block("none")
    with builder.if_then(builder.icmp_signed(">=", pos, end)):
        builder.branch(none)
    turn = builder.switch(load(builder, pos, I8), none)
    for choice, bytes_ in choices.items():
        block = function.append_basic_block()
        for byte in bytes_:
            turn.add_case(I8(byte), block)
        builder.position_at_end(block)
        builder.ret(builder.call(choice, (frame, pos, end)))
    builder.position_at_end(none)
    builder.ret(I64(MISS))


def _write_shows(functions: Functions, texts: Sequence[bytes]) -> None:
    """Looks for one text after another."""
    function = functions.new(SHOWS, 2)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    for text in texts:
        found = builder.call(functions.behind(text), function.args)
        with builder.if_then(builder.icmp_signed("!=", found, I64(MISS))):
            builder.ret(I64(1))
    builder.ret(I64(0))
