"""Machine code of one choice: the first of some blocks that matches at an address.

Blocks that begin with the same steps are matched together as far as they do, and what stands in the order
of the formats first is tried first, so that the first block that matches is the one that is found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from llvmlite import ir

from audit_lib.logs.kernel.ir_search import I8, I64, PTR, difference, load, write_find, write_run
from audit_lib.logs.kernel.match_steps import BYTES, Do, Rest, Step
from audit_lib.logs.kernel.shared_arrays import (
    AWAY,
    BLOCK,
    BLOCK_AT,
    BLOCKS,
    CAPTURES,
    MISS,
    STATUS_AT,
    TIME_AT,
)
from audit_lib.logs.units import NONE

# What numba compiles for the steps, and how many numbers each takes.
HELPERS = {"time": 3, "time:clf": 3, "time:asctime": 3, "time:syslog": 3, "level": 2}
SYMBOLS = {name: f"audit_lib_{name.replace(':', '_')}" for name in HELPERS}
_CAPTURED = range(1, 6)


class Functions:
    """The functions of one module that all choices share; `helpers` are the names that numba's have."""

    def __init__(self, helpers: Mapping[str, str]) -> None:
        self.module = ir.Module("audit_lib_log_formats")
        self.helpers = {name: self._helper(name, symbol) for name, symbol in helpers.items()}
        self._runs: dict[str, ir.Function] = {}
        self._finds: dict[bytes, ir.Function] = {}

    def new(self, name: str, arguments: int) -> ir.Function:
        """A function without code, of numbers."""
        return ir.Function(self.module, ir.FunctionType(I64, [I64] * arguments), name)

    def run_end(self, name: str) -> ir.Function:
        """The function that says where a run of a class ends."""
        if name not in self._runs:
            self._runs[name] = self.new(f"run_of_{name}", 2)
            write_run(self._runs[name], BYTES[name])
        return self._runs[name]

    def behind(self, text: bytes) -> ir.Function:
        """The function that says where the first place of a text ends."""
        if text not in self._finds:
            self._finds[text] = self.new(f"find_{len(self._finds)}", 2)
            write_find(self._finds[text], text)
        return self._finds[text]

    def _helper(self, name: str, symbol: str) -> ir.Function:
        # numba's own calling convention: places for the result and for an exception, then the arguments.
        kind = ir.FunctionType(ir.IntType(32), (PTR, PTR, *([I64] * HELPERS[name])))
        return ir.Function(self.module, kind, symbol)


@dataclass(frozen=True)
class _Here:
    """How far a match has come: the next address, and what was captured.

    `runs` are the ends of runs that begin there, as far as they are known: blocks that are tried later
    need not look again.
    """

    pos: ir.Value
    captures: dict[int, tuple[ir.Value, ir.Value]] = field(default_factory=dict)
    time: ir.Value | None = None
    status: ir.Value | None = None
    runs: dict[str, ir.Value] = field(default_factory=dict)

    def at(self, pos: ir.Value) -> "_Here":
        """The same, at another address."""
        return replace(self, pos=pos, runs={})


class Choice:
    """One function in the making: the first of some blocks that matches."""

    def __init__(self, functions: Functions, function: ir.Function) -> None:
        self._functions, self._function = functions, function
        self._frame, self._start, self._end = function.args
        self._builder = ir.IRBuilder(function.append_basic_block("entry"))
        self._room = self._builder.alloca(ir.ArrayType(I64, 2))
        self._failed: ir.Block = self._builder.block  # where a failure goes

    def write(self, blocks: Sequence[Rest]) -> None:
        """The whole function."""
        self._alternatives(blocks, _Here(self._start))
        self._builder.ret(I64(MISS))

    def _alternatives(self, blocks: Iterable[Rest], here: _Here) -> None:
        """Tries blocks in turn, those with the same next step together; goes on where none matches."""
        outer = self._failed
        for step, group in groupby(blocks, key=lambda block: block[1][:1]):
            self._failed = self._block()
            if not step:
                self._matched(next(group)[0], here)
            elif (after := self._step(step[0], here)) is None:
                self._builder.ret(I64(AWAY))
            else:
                self._alternatives([(row, steps[1:]) for row, steps in group], after)
                self._builder.branch(self._failed)
            self._builder.position_at_end(self._failed)
        self._failed = outer

    def _matched(self, row: int, here: _Here) -> None:
        """Leaves behind what was found, and returns."""
        builder, zero = self._builder, I64(0)
        blocks, captures = (self._word(self._frame, place) for place in (BLOCKS, CAPTURES))
        kept = {BLOCK_AT: builder.add(blocks, I64(8 * BLOCK * row))}
        for capture in _CAPTURED:
            kept[2 * capture], kept[2 * capture + 1] = here.captures.get(capture, (zero, zero))
        kept[TIME_AT] = I64(NONE) if here.time is None else here.time
        kept[STATUS_AT] = zero if here.status is None else here.status
        for place, value in kept.items():
            builder.store(value, builder.inttoptr(builder.add(captures, I64(8 * place)), PTR))
        builder.ret(here.pos)

    def _step(self, step: Step, here: _Here) -> _Here | None:
        """Takes one step, or branches to where a failure goes; None where the naive reader is asked."""
        match step.do:
            case Do.LITERAL:
                return here.at(self._literal(step.text, here.pos))
            case Do.FIND:
                return here.at(self._found(self._functions.behind(step.text), here.pos, self._end))
            case Do.RUN:
                return self._run(step, here)
            case Do.HEAD:
                return self._head(step, here)
            case Do.TIME:
                end = self._helped(step.name, self._frame, here.pos, self._end)
                time = here.time if step.name == "time:syslog" else self._result(1)
                return replace(here.at(end), time=time)
            case Do.LEVEL:
                return here.at(self._helped("level", here.pos, self._end))
            case Do.STATUS:
                return self._status(here)
            case Do.REST:
                space = self._builder.icmp_unsigned("==", load(self._builder, here.pos, I8), I8(32))
                self._need(self._builder.or_(self._is("==", here.pos, self._end), space))
                return here.at(self._end)
            case Do.LAST:
                self._need(self._is("==", here.pos, self._end))
                return here
            case Do.ALL:
                return here.at(self._end)
        return None

    def _literal(self, text: bytes, pos: ir.Value) -> ir.Value:
        """Eight bytes are compared at once; those behind the first eight only where those are right."""
        builder = self._builder
        after = builder.add(pos, I64(len(text)))
        begins = builder.icmp_unsigned("==", difference(builder, text[:8], pos), I64(0))
        self._need(builder.and_(self._is("<=", after, self._end), begins))
        differs = I64(0)
        for place in range(8, len(text), 8):
            rest = difference(builder, text[place : place + 8], builder.add(pos, I64(place)))
            differs = builder.or_(differs, rest)
        if len(text) > 8:
            self._need(builder.icmp_unsigned("==", differs, I64(0)))
        return after

    def _run(self, step: Step, here: _Here) -> _Here:
        if step.name not in here.runs:
            run_end = self._functions.run_end(step.name)
            here.runs[step.name] = self._builder.call(run_end, (here.pos, self._end))
        stop = here.runs[step.name]
        if step.least:
            self._need(self._is(">", stop, here.pos))
        return self._captured(step, here, stop)

    def _head(self, step: Step, here: _Here) -> _Here:
        """`least` and `most` count the bytes behind the head."""
        builder = self._builder
        first, inside = load(builder, here.pos, I8), ir.Constant(ir.IntType(1), 0)
        for byte in BYTES[f"head of {step.name}"]:
            inside = builder.or_(inside, builder.icmp_unsigned("==", first, I8(byte)))
        self._need(builder.and_(inside, self._is("<", here.pos, self._end)))
        start = builder.add(here.pos, I64(1))
        stop = builder.call(self._functions.run_end(step.name), (start, self._end))
        count = builder.sub(stop, start)
        self._need(self._is(">=", count, I64(step.least)))
        self._need(self._is("<=", count, I64(step.most)))
        return self._captured(step, here, stop)

    def _captured(self, step: Step, here: _Here, stop: ir.Value) -> _Here:
        captures = here.captures | ({step.capture: (here.pos, stop)} if step.capture else {})
        return replace(here.at(stop), captures=captures)

    def _status(self, here: _Here) -> _Here:
        """Three digits, the first from 1 to 5, that no digit follows."""
        builder, pos = self._builder, here.pos
        after = builder.add(pos, I64(3))
        bytes_ = [load(builder, builder.add(pos, I64(place)), I8) for place in range(4)]
        digits = [builder.sub(byte, I8(48)) for byte in bytes_]
        hundreds = builder.icmp_unsigned("<", builder.sub(digits[0], I8(1)), I8(5))
        tens, ones, more = (builder.icmp_unsigned("<", digit, I8(10)) for digit in digits[1:])
        more = builder.and_(more, self._is("<", after, self._end))
        fits = builder.and_(builder.and_(hundreds, tens), builder.and_(ones, builder.not_(more)))
        self._need(builder.and_(fits, self._is("<=", after, self._end)))
        status = I64(0)
        for digit in digits[:3]:
            status = builder.add(builder.mul(status, I64(10)), builder.zext(digit, I64))
        return replace(here.at(after), status=status)

    def _helped(self, name: str, *arguments: ir.Value) -> ir.Value:
        """The end that a helper gives."""
        self._builder.call(self._functions.helpers[name], (self._room, self._room, *arguments))
        return self._there(self._result(0))

    def _found(self, function: ir.Function, *arguments: ir.Value) -> ir.Value:
        return self._there(self._builder.call(function, arguments))

    def _there(self, end: ir.Value) -> ir.Value:
        """Goes on where an end is none but MISS."""
        self._need(self._is("!=", end, I64(MISS)))
        return end

    def _result(self, place: int) -> ir.Value:
        return self._word(self._builder.ptrtoint(self._room, I64), place)

    def _word(self, base: ir.Value, place: int) -> ir.Value:
        return load(self._builder, self._builder.add(base, I64(8 * place)), I64)

    def _is(self, how: str, one: ir.Value, two: ir.Value) -> ir.Value:
        return self._builder.icmp_signed(how, one, two)

    def _need(self, condition: ir.Value) -> None:
        """Goes on where a condition holds; else what is tried here has failed."""
        block = self._block()
        self._builder.cbranch(condition, block, self._failed)
        self._builder.position_at_end(block)

    def _block(self) -> ir.Block:
        return self._function.append_basic_block()
