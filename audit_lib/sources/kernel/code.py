"""Machine code of log formats: for each phase a function that finds the first block that matches.

Blocks that begin with the same steps are matched together as far as they do, and what stands in the order
of the formats first is tried first, so that the first block that matches a line is the one that is found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from llvmlite import ir

from audit_lib.sources.kernel.classes import BYTES
from audit_lib.sources.kernel.layout import BLOCK, BLOCK_AT, BLOCKS, CAPTURES, NONE, STATUS_AT, TIME_AT
from audit_lib.sources.kernel.steps import Do, Step, first_bytes
from audit_lib.sources.kernel.vectors import stops

_SIZE = 32  # so many bytes of a run are looked at together; most runs are shorter
MISS, AWAY = -1, -2  # for the end of a match: there is none; the naive reader decides
I8, I32, I64, PTR = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.PointerType()
_CAPTURED = range(1, 6)

# A block of one phase: its row, and its steps from here on.
Rest = tuple[int, tuple[Step, ...]]


@dataclass(frozen=True)
class _Here:
    """How far a match has come: the next address, and what was captured."""

    pos: ir.Value
    captures: dict[int, tuple[ir.Value, ir.Value]] = field(default_factory=dict)
    time: ir.Value | None = None
    status: ir.Value | None = None

    def at(self, pos: ir.Value) -> "_Here":
        """The same, at another address."""
        return replace(self, pos=pos)


def code_of(phases: dict[str, Sequence[Rest]], helpers: dict[str, str]) -> str:
    """LLVM's text of a function for each phase, by its name: takes frame, address and end, gives the end.

    Of the block that matched it leaves the address and captures behind, as layout.py says. `helpers` are the
    names under which numba compiled what the steps call.
    """
    code = _Code(helpers)
    for name, blocks in phases.items():
        code.phase(name, blocks)
    return str(code.module)


class _Code:
    """A module in the making, with the functions that are shared in it."""

    def __init__(self, helpers: dict[str, str]) -> None:
        self.module = ir.Module("audit_lib_log_formats")
        self._helpers = {name: self._helper(name, symbol) for name, symbol in helpers.items()}
        self._runs: dict[str, ir.Function] = {}
        self._finds: dict[bytes, ir.Function] = {}
        self._choices: dict[tuple[Rest, ...], ir.Function] = {}

    def phase(self, name: str, blocks: Sequence[Rest]) -> None:
        """The function of one phase, which chooses by the first byte."""
        starts = {row: first_bytes(steps) for row, steps in blocks}
        by_first: dict[tuple[Rest, ...], list[int]] = {}
        for byte in range(256):
            fitting = tuple(block for block in blocks if byte in starts[block[0]])
            by_first.setdefault(fitting, []).append(byte)
        function = self._function(name, (I64, I64, I64))
        frame, pos, end = function.args
        builder = ir.IRBuilder(function.append_basic_block())
        none = function.append_basic_block("none")
        with builder.if_then(builder.icmp_signed(">=", pos, end)):
            builder.ret(I64(MISS))
        choice = builder.switch(_load(builder, pos, I8), none)
        for fitting, bytes_ in by_first.items():
            if not fitting:
                continue
            block = function.append_basic_block()
            for byte in bytes_:
                choice.add_case(I8(byte), block)
            builder.position_at_end(block)
            builder.ret(builder.call(self._choice(fitting), (frame, pos, end)))
        builder.position_at_end(none)
        builder.ret(I64(MISS))

    def run_end(self, name: str) -> ir.Function:
        """The function that says where a run of a class ends."""
        if name not in self._runs:
            function = self._runs[name] = self._function(f"run_of_{name.replace(' ', '_')}", (I64, I64))
            _write_run(function, BYTES[name])
        return self._runs[name]

    def behind(self, text: bytes) -> ir.Function:
        """The function that says where the first place of a text ends."""
        if text not in self._finds:
            function = self._finds[text] = self._function(f"find_{len(self._finds)}", (I64, I64))
            _write_find(function, text)
        return self._finds[text]

    def helper(self, name: str) -> ir.Function:
        """A function that numba compiled."""
        return self._helpers[name]

    def _choice(self, blocks: tuple[Rest, ...]) -> ir.Function:
        if blocks not in self._choices:
            function = self._function(f"choice_{len(self._choices)}", (I64, I64, I64))
            self._choices[blocks] = function
            _Choice(self, function).write(blocks)
        return self._choices[blocks]

    def _helper(self, name: str, symbol: str) -> ir.Function:
        # numba's own calling convention: places for the result and for an exception, then the arguments.
        kind = ir.FunctionType(I32, (PTR, PTR, *([I64] * HELPERS[name])))
        return ir.Function(self.module, kind, symbol)

    def _function(self, name: str, arguments: Sequence[ir.Type]) -> ir.Function:
        return ir.Function(self.module, ir.FunctionType(I64, arguments), name)


# What numba compiles for the steps, and how many arguments each takes.
HELPERS = {"time": 3, "time:clf": 3, "time:asctime": 3, "time:syslog": 3, "level": 2}


class _Choice:
    """One function: the first of some blocks that matches."""

    def __init__(self, code: _Code, function: ir.Function) -> None:
        self.code, self.function = code, function
        self.frame, self.start, self.end = function.args
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.room = self.builder.alloca(ir.ArrayType(I64, 2))
        self.failed: ir.Block = self.builder.block

    def write(self, blocks: Sequence[Rest]) -> None:
        """The whole function."""
        self._alternatives(blocks, _Here(self.start))
        self.builder.ret(I64(MISS))

    def _alternatives(self, blocks: Sequence[Rest], here: _Here) -> None:
        """Tries blocks in turn; goes on behind them where none matches."""
        for step, group in groupby(blocks, key=lambda block: block[1][:1]):
            if not step:
                self._matched(next(group)[0], here)
                self.builder.position_at_end(self._block())  # nothing comes here
                return
            outer, self.failed = self.failed, self._block()
            after = self._step(step[0], here)
            if after is None:
                self.builder.ret(I64(AWAY))
            else:
                otherwise = self.failed
                self._alternatives([(row, steps[1:]) for row, steps in group], after)
                self.failed = otherwise
                self.builder.branch(self.failed)
            self.builder.position_at_end(self.failed)
            self.failed = outer

    def _matched(self, row: int, here: _Here) -> None:
        """Leaves behind what was found, and returns."""
        builder, zero = self.builder, I64(0)
        blocks, captures = (self._word(self.frame, I64(place)) for place in (BLOCKS, CAPTURES))
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
                end = self.builder.call(self.code.behind(step.text), (here.pos, self.end))
                self._need(self._is("!=", end, I64(MISS)))
                return here.at(end)
            case Do.RUN:
                return self._run(step, here, here.pos)
            case Do.HEAD:
                return self._head(step, here)
            case Do.TIME:
                end = self._helped(step.name, self.frame, here.pos, self.end)
                time = here.time if step.name == "time:syslog" else self._result(1)
                return replace(here, pos=end, time=time)
            case Do.LEVEL:
                return here.at(self._helped("level", here.pos, self.end))
            case Do.STATUS:
                return self._status(here)
            case Do.REST:
                space = self.builder.icmp_unsigned("==", _load(self.builder, here.pos, I8), I8(32))
                self._need(self.builder.or_(self._is("==", here.pos, self.end), space))
                return here.at(self.end)
            case Do.LAST:
                self._need(self._is("==", here.pos, self.end))
                return here
            case Do.ALL:
                return here.at(self.end)
        return None

    def _literal(self, text: bytes, pos: ir.Value) -> ir.Value:
        """Eight bytes are compared at once; those behind the first eight only where those are right."""
        after = self.builder.add(pos, I64(len(text)))
        differs = _difference(self.builder, text[:8], pos)
        fits = self.builder.icmp_unsigned("==", differs, I64(0))
        self._need(self.builder.and_(self._is("<=", after, self.end), fits))
        differs = I64(0)
        for place in range(8, len(text), 8):
            at = self.builder.add(pos, I64(place))
            differs = self.builder.or_(differs, _difference(self.builder, text[place : place + 8], at))
        if len(text) > 8:
            self._need(self.builder.icmp_unsigned("==", differs, I64(0)))
        return after

    def _run(self, step: Step, here: _Here, start: ir.Value) -> _Here:
        stop = self.builder.call(self.code.run_end(step.name), (start, self.end))
        if step.least:
            self._need(self._is(">", stop, start))
        return self._captured(step, here, here.pos, stop)

    def _head(self, step: Step, here: _Here) -> _Here:
        """The bytes behind the head are counted; the head stands in the text."""
        first, zero = _load(self.builder, here.pos, I8), I64(0)
        inside = zero
        for byte in BYTES[f"head of {step.name}"]:
            same = self.builder.icmp_unsigned("==", first, I8(byte))
            inside = self.builder.or_(inside, self.builder.zext(same, I64))
        inside = self.builder.icmp_unsigned("!=", inside, zero)
        self._need(self.builder.and_(inside, self._is("<", here.pos, self.end)))
        start = self.builder.add(here.pos, I64(1))
        stop = self.builder.call(self.code.run_end(step.name), (start, self.end))
        count = self.builder.sub(stop, start)
        self._need(self._is(">=", count, I64(step.least)))
        self._need(self._is("<=", count, I64(step.most)))
        return self._captured(step, here, here.pos, stop)

    def _captured(self, step: Step, here: _Here, start: ir.Value, stop: ir.Value) -> _Here:
        if not step.capture:
            return here.at(stop)
        return replace(here, pos=stop, captures=here.captures | {step.capture: (start, stop)})

    def _status(self, here: _Here) -> _Here:
        """Three digits, the first from 1 to 5, that no digit follows."""
        builder, pos = self.builder, here.pos
        after = builder.add(pos, I64(3))
        bytes_ = [_load(builder, builder.add(pos, I64(place)), I8) for place in range(4)]
        digits = [builder.sub(byte, I8(48)) for byte in bytes_]
        hundreds = builder.icmp_unsigned("<", builder.sub(digits[0], I8(1)), I8(5))
        tens, ones, more = (builder.icmp_unsigned("<", digit, I8(10)) for digit in digits[1:])
        more = builder.and_(more, self._is("<", after, self.end))
        fits = builder.and_(builder.and_(hundreds, tens), builder.and_(ones, builder.not_(more)))
        self._need(builder.and_(fits, self._is("<=", after, self.end)))
        status = I64(0)
        for digit in digits[:3]:
            status = builder.add(builder.mul(status, I64(10)), builder.zext(digit, I64))
        return replace(here, pos=after, status=status)

    def _helped(self, name: str, *arguments: ir.Value) -> ir.Value:
        """The end that a helper gives; a failure where it gives MISS."""
        builder = self.builder
        builder.call(self.code.helper(name), (self.room, self.room, *arguments))
        end = self._result(0)
        self._need(builder.icmp_signed("!=", end, I64(MISS)))
        return end

    def _result(self, place: int) -> ir.Value:
        address = self.builder.ptrtoint(self.room, I64)
        return self._word(address, I64(place))

    def _word(self, base: ir.Value, place: ir.Value) -> ir.Value:
        address = self.builder.add(base, self.builder.shl(place, I64(3)))
        return _load(self.builder, address, I64)

    def _is(self, how: str, one: ir.Value, two: ir.Value) -> ir.Value:
        return self.builder.icmp_signed(how, one, two)

    def _need(self, condition: ir.Value) -> None:
        """Goes on where a condition holds; else what is tried here has failed."""
        block = self._block()
        self.builder.cbranch(condition, block, self.failed)
        self.builder.position_at_end(block)

    def _block(self) -> ir.Block:
        return self.function.append_basic_block()


def _load(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type) -> ir.Value:
    return builder.load(builder.inttoptr(address, PTR), align=1, typ=kind)


def _difference(builder: ir.IRBuilder, text: bytes, pos: ir.Value) -> ir.Value:
    """0 where up to eight bytes of a text stand at an address."""
    differs = builder.xor(_load(builder, pos, I64), I64(int.from_bytes(text, "little")))
    return differs if len(text) == 8 else builder.and_(differs, I64((1 << 8 * len(text)) - 1))


def _write_find(function: ir.Function, text: bytes) -> None:
    """Looks for the first bytes of the text at 32 places at a time, and for the rest where they stand."""
    start, end = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    entry = builder.block
    loop, found, again, more, none = (
        function.append_basic_block(name) for name in ("loop", "found", "again", "more", "none")
    )
    builder.branch(loop)
    builder.position_at_end(loop)
    pos = builder.phi(I64)
    hits = None
    for place in range(min(2, len(text))):
        others = bytes(set(range(256)) - {text[place]})
        here = stops(builder, builder.add(pos, I64(place)), others, _SIZE)
        hits = here if hits is None else builder.and_(hits, here)
    builder.cbranch(builder.icmp_unsigned("!=", hits, I64(0)), found, more)
    builder.position_at_end(found)
    at = builder.add(pos, builder.cttz(hits, ir.Constant(ir.IntType(1), 1)))
    after = builder.add(at, I64(len(text)))
    with builder.if_then(builder.icmp_signed(">", after, end)):
        builder.branch(none)
    differs = I64(0)
    for place in range(2, len(text), 8):
        rest = _difference(builder, text[place : place + 8], builder.add(at, I64(place)))
        differs = builder.or_(differs, rest)
    with builder.if_then(builder.icmp_unsigned("==", differs, I64(0))):
        builder.ret(after)
    builder.branch(again)
    builder.position_at_end(again)
    following = builder.add(at, I64(1))
    builder.branch(loop)
    builder.position_at_end(more)
    onward = builder.add(pos, I64(_SIZE))
    builder.cbranch(builder.icmp_signed("<", onward, end), loop, none)
    builder.position_at_end(none)
    builder.ret(I64(MISS))
    for value, block in ((start, entry), (following, again), (onward, more)):
        pos.add_incoming(value, block)


def _write_run(function: ir.Function, members: bytes) -> None:
    """Looks at 32 bytes at a time, up to the first that is none of the members, or the end."""
    start, end = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    entry, loop, found, more = builder.block, *(function.append_basic_block(name) for name in ("loop", "found", "more"))
    builder.branch(loop)
    builder.position_at_end(loop)
    pos = builder.phi(I64)
    pos.add_incoming(start, entry)
    bits = stops(builder, pos, members, _SIZE)
    builder.cbranch(builder.icmp_unsigned("!=", bits, I64(0)), found, more)
    builder.position_at_end(found)
    at = builder.add(pos, builder.cttz(bits, ir.Constant(ir.IntType(1), 1)))
    builder.ret(builder.select(builder.icmp_signed("<", at, end), at, end))
    builder.position_at_end(more)
    following = builder.add(pos, I64(_SIZE))
    pos.add_incoming(following, more)
    done = function.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", following, end), loop, done)
    builder.position_at_end(done)
    builder.ret(end)
