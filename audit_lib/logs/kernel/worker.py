"""The fast reader: chunks of a log through the compiled kernel in threads; the same sums as the naive one."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from audit_lib.base.compiled.load_code import Entry, load_entry
from audit_lib.base.log_kinds import DECLARED, LOG_LINE_STATES, MESSAGE_KINDS, NOTICE
from audit_lib.logs.declared_logins import LOGIN_MOVED, LOGIN_SENT
from audit_lib.logs.formats import SECRET_IN_URL, LogFormats
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.chunks import ChunkRead, Filled, buffer_size, chunks
from audit_lib.logs.kernel.formats_as_arrays import program_of, settings_of
from audit_lib.logs.kernel.limit_routes import thin
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL, Frame
from audit_lib.logs.kernel.match_steps import Do
from audit_lib.logs.kernel.shared_arrays import CountTables, Groups, Program, Strings, Work
from audit_lib.logs.line_events import Line, LogEvent
from audit_lib.logs.read_line import read_line
from audit_lib.logs.read_options import Plan
from audit_lib.logs.units import NONE, YEARLESS, ZONELESS, Bytes, Ints
from audit_lib.logs.w3c_columns import DeclaredColumns


class Worker:
    """One thread's tables. It reads one chunk at a time."""

    reads_on = True

    def __init__(self, plan: Plan, entry: Entry) -> None:
        self.plan = plan
        self._formats, self._program = plan.formats, program_of(plan.formats, plan.zone.key)
        self.tables = layout.new_tables()
        self._work = Work(
            state=np.zeros(layout.STATES, np.int64),
            settings=settings_of(plan),
            events=np.zeros((1024, layout.EVENT), np.int64),
            onces=np.zeros((64, layout.ONCE), np.int64),
            caps=np.zeros(layout.CAPS, np.int64),
            trail=_trail(self._program),
            scratch=np.zeros(2 * layout.STRING_LIMIT, np.uint8),
            inner=np.zeros(4 * layout.STRING_LIMIT, np.uint8),
            cleaned=np.zeros(2 * layout.STRING_LIMIT, np.uint8),
            found=np.zeros(layout.FOUND_SIZE, np.int64),
            memo=np.zeros(3, np.int64),
        )
        self._buffer = np.zeros(1, np.uint8)
        self._frame = Frame(entry)
        self._chunks = 0
        self._link_all()

    def restart(self) -> None:
        """Begins afresh; the tables stay, since new ones cost memory."""
        strings, groups, _, minutes = self.tables
        for array in (strings.slots, strings.size, groups.rows, groups.size, minutes.rows, minutes.size):
            array[:] = 0
        self._chunks = 0

    def read(self, buffer: Bytes, begin: int, end: int, formats: LogFormats) -> ChunkRead:
        """Reads the whole lines between two places of a buffer."""
        if formats is not self._formats:
            self._formats, self._program = formats, program_of(formats, self.plan.zone.key)
            self._work = self._work._replace(trail=_trail(self._program))
            self._link_all()
        state = self._work.state
        state[:] = 0
        state[layout.LAST] = state[layout.FIRST] = NONE
        state[layout.HELD] = 1
        state[layout.OPEN] = state[layout.INSIDE] = layout.CARRIED
        state[layout.CHUNK] = self._chunks
        self._chunks += 1
        self.tables = self.tables._replace(head=layout.new_groups(256))
        self._buffer = buffer
        self._frame.link(layout.BUFFER, [buffer])
        self._frame.link(layout.HEADS, self.tables.head)
        pos = self._frame.call(layout.SCAN, begin, end)
        while state[layout.WHY] != layout.DONE:
            if state[layout.WHY] == layout.GROW:
                self._grow()
            else:
                stop = int(state[layout.STOP])
                raw = buffer[pos:stop].tobytes()
                self._take(read_line(raw, formats, self.plan.zone, self.plan.written))
                pos = stop
            pos = self._frame.call(layout.SCAN, pos, end)
        return self._chunk()

    def _chunk(self) -> ChunkRead:
        state = self._work.state
        return ChunkRead(
            self,
            state.copy(),
            layout.rows_in(self.tables.head),
            self._work.onces[: state[layout.ONCES]].copy(),
            self._work.events[: state[layout.EVENTS]].copy(),
        )

    def _link_all(self) -> None:
        self._frame.link(layout.BUFFER, layout.arrays(self._buffer, self._program, self.tables, self._work))

    def _grow(self) -> None:
        """Room for one line more in every table."""
        strings, *groups = self.tables
        self.tables = CountTables(
            self._roomy_strings(strings), *(self._roomy_groups(each) for each in groups)
        )
        events = self._work.events
        if self._work.state[layout.EVENTS] + 4 >= len(events):
            self._work = self._work._replace(events=np.concatenate([events, np.zeros_like(events)]))
        onces = self._work.onces
        if self._work.state[layout.ONCES] + 4 >= len(onces):
            self._work = self._work._replace(onces=np.concatenate([onces, np.zeros_like(onces)]))
        self._link_all()

    def _roomy_groups(self, groups: Groups) -> Groups:
        if 4 * (groups.size[0] + 4) < 3 * len(groups.rows):
            return groups
        larger = layout.new_groups(2 * len(groups.rows))
        self._frame.link(layout.GROUPS, larger)
        self._frame.call(layout.REFILL, groups.rows.ctypes.data, len(groups.rows))
        return larger

    def _roomy_strings(self, strings: Strings) -> Strings:
        count = int(strings.size[0])
        slots, starts, arena, size = strings
        if count + 8 >= len(slots) // 2:
            slots = np.zeros(2 * len(slots), np.int64)
            self._frame.link(layout.SLOTS, [slots])
            self._frame.call(layout.RELINK)
            starts = np.concatenate([starts, np.zeros(len(slots) // 2 + 8 - len(starts), np.int64)])
        if starts[count + 1] + layout.STRING_ROOM >= len(arena):
            arena = np.concatenate([arena, np.zeros(len(arena), np.uint8)])
        return Strings(slots, starts, arena, size)

    def _take(self, line: Line) -> None:
        """Counts a line that the naive reader has read."""
        at = NONE if line.at is None else line.at
        place = layout.REQUESTS + LOG_LINE_STATES.index(line.state)
        self._frame.call(layout.TAKE, at, line.record, place, line.continues)
        self._work.state[layout.NO_ZONE] |= line.lacks & ZONELESS
        self._work.state[layout.NO_YEAR] |= line.lacks & YEARLESS
        for event in line.events:
            self._grow()
            self._frame.call(layout.SIGHT, at, *self._shown(event))

    def _shown(self, event: LogEvent) -> tuple[int, ...]:
        message = self.plan.formats.message_numbers.get(event.message, -1) + 1
        if event.message == SECRET_IN_URL:
            message = layout.URL_NUMBER
        elif event.status:
            message = self._login_number(event)
        once = 1 << MESSAGE_KINDS.index(event.kind) if event.once else 0
        fields = (event.method, event.client, event.route, event.subject)
        numbers = [self._number(text) for text in fields]
        return event.status or 0, message, *numbers, event.kind == NOTICE, once

    def _login_number(self, event: LogEvent) -> int:
        """The number of what a request is to declared logins; 0 if it is nothing."""
        if event.kind == DECLARED and self.plan.formats.kind_of(event.status or 0) != DECLARED:
            return layout.LOGIN_NUMBER
        return {LOGIN_MOVED: layout.MOVED_NUMBER, LOGIN_SENT: layout.SENT_NUMBER}.get(event.message, 0)

    def _number(self, text: str) -> int:
        encoded = text.encode()
        content = np.frombuffer(encoded + bytes(layout.SLACK), np.uint8)
        self._frame.link(layout.BUFFER, [content])
        number = self._frame.call(layout.NUMBER_OF, len(encoded))
        self._frame.link(layout.BUFFER, [self._buffer])
        return number


def _trail(program: Program) -> Ints:
    """Room for the way through the tree of the formats."""
    nodes = program.nodes
    steps = int(np.max(nodes[nodes[:, layout.N_DO] == Do.MATCHED, layout.N_SIZE], initial=0)) + 2
    return np.zeros(layout.TRAIL_STEP * steps, np.int64)


def read_once(buffer: Bytes, size: int, plan: Plan) -> ChunkRead:
    """One chunk, with tables of its own that can be sent elsewhere: of routes no more than may be kept."""
    worker = Worker(plan, load_entry(LOG_KERNEL))
    read = worker.read(buffer, 0, size, plan.formats)
    tables, head = thin(worker.tables, read.head, read.events, read.onces, plan.routes)
    return replace(read, worker=Filled(tables), head=head)


def read_chunks(file: BinaryIO, plan: Plan) -> Iterator[ChunkRead]:
    """Every chunk of a stream, in order, read by as many threads as the plan says."""
    entry, columns = load_entry(LOG_KERNEL), DeclaredColumns(plan.formats)
    idle = deque(Worker(plan, entry) for _ in range(plan.threads))
    # Of each thread one, and those of the chunk that waits and of the one that is being read.
    free = deque(np.empty(buffer_size(plan.chunk), np.uint8) for _ in range(plan.threads + 2))
    waiting: deque[tuple[Future[ChunkRead], Worker, Bytes | None]] = deque()

    def buffers() -> Iterator[Bytes]:
        while True:
            yield free.popleft()

    def finished() -> ChunkRead:
        future, worker, buffer = waiting.popleft()
        read = future.result()
        if buffer is not None:
            free.append(buffer)
        idle.append(worker)
        return read

    with ThreadPoolExecutor(plan.threads) as pool:
        for buffer, size in chunks(file, buffers(), plan.chunk):
            for begin, end, formats in columns.pieces(buffer.data[:size]):
                if not idle:
                    yield finished()
                task = pool.submit(idle[0].read, buffer, begin, end, formats)
                waiting.append((task, idle.popleft(), buffer if end == size else None))
        while waiting:
            yield finished()
