"""Lets no known value out of this process: a kernel's messages, its raw streams, a command's output.

The guard wraps `session.send`, through which every message of an IPython kernel goes out
(SECURITY.md#the-guard). It holds in papermill, nbclient, JupyterLab and nbval alike, because it sits in the
kernel. Cell source is not a message of the kernel: values never belong there.
"""

import atexit
import codecs
import io
import os
import resource
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from inspect import signature
from typing import Any, TextIO

from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor, Tail

_CHUNK = 65536


class Guard:
    """What this process knows and must not say. One a process, made by `install`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Know nothing any more, once a command has written everything."""
        with self.lock:
            self._keepers: list[Keeper] = []
            self._strong: frozenset[str] | None = None  # None: not yet classified, so all are
            self._open: frozenset[str] = frozenset()
            self._public = ""
            self._built_from: object = None
            self._redactor = Redactor({})

    def watch(self, keeper: Keeper) -> None:
        """Scrub what this keeper holds, also what it takes later."""
        with self.lock:
            if not any(known is keeper for known in self._keepers):
                self._keepers.append(keeper)

    def classify(self, strong: Iterable[str], open_: Iterable[str], public: str) -> None:
        """Of the strong values any 12 characters are scrubbed, unless public text holds them; the open
        ones (settings, identifiers, placeholders) are no secrets and stay readable."""
        with self.lock:
            self._strong, self._open, self._public = frozenset(strong), frozenset(open_), public

    def redactor(self) -> Redactor:
        """The redactor for what is known now."""
        with self.lock:
            known = (pair for keeper in self._keepers for pair in keeper.values())
            secret = {name: value for name, value in known if name not in self._open}
            strong = [name for name in secret if self._strong is None or name in self._strong]
            # Compared by the values themselves: as many of another keeper are other values.
            built_from = (secret, strong, self._public)
            if built_from != self._built_from:
                self._redactor, self._built_from = Redactor(*built_from), built_from
            return self._redactor


_guard = Guard()


def scrub(text: str) -> str:
    """The text without any value that this process knows."""
    return _guard.redactor().text(text)


def install(keeper: Keeper | None = None) -> Guard:
    """Guard this process once: in a kernel its messages, elsewhere stdout, stderr and tracebacks."""
    if keeper is not None:
        _guard.watch(keeper)
    forbid_core_dumps()
    shell = None
    if "ipykernel" in sys.modules:
        from IPython.core.getipython import get_ipython  # noqa: PLC0415  only where a kernel has loaded it

        shell = get_ipython()
    if kernel := getattr(shell, "kernel", None):
        _guard_kernel(kernel)
    else:
        _guard_command()
    return _guard


def forbid_core_dumps() -> None:
    """Set RLIMIT_CORE to 0 for this process and all that it starts: a dump would hold the values."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


# --- a kernel ---


def _guard_kernel(kernel: Any) -> None:
    session = kernel.session
    if isinstance(getattr(session.send, "__self__", None), _Messages):
        return
    session.send = _Messages(session).send
    _cover_raw_stream(sys.stdout, 1)
    _cover_raw_stream(sys.stderr, 2)
    if history := getattr(kernel.shell, "history_manager", None):
        history.enabled = False  # cells are written to a database otherwise


class _Messages:
    """All that the kernel sends: of streams whole lines, and before another message what is left of them."""

    def __init__(self, session: Any) -> None:
        self._session, self._send = session, session.send
        self._signature = signature(session.send)
        self._tails: dict[str, Tail] = {}
        self._routes: dict[str, tuple[Any, Any, Any]] = {}

    def send(self, *args: Any, **named: Any) -> Any:
        """As `Session.send`, without known values."""
        given = self._signature.bind(*args, **named).arguments
        message, stream, ident = given["msg_or_type"], given["stream"], given.get("ident")
        if not isinstance(message, Mapping):
            fields = (given.get(part) for part in ("content", "parent", "header", "metadata"))
            message = self._session.msg(message, *fields)
        with _guard.lock:
            redactor = _guard.redactor()
            if message["header"]["msg_type"] == "stream":
                name = message["content"]["name"]
                self._routes[name] = (stream, message["parent_header"], ident)
                text = self._tails.setdefault(name, Tail()).feed(redactor, message["content"]["text"])
                clean = {**message, "content": {"name": name, "text": text}}
                return self._send(stream, clean, ident=ident) if text else clean
            # Nothing of the cell follows behind its end.
            self._flush(redactor, last=message["content"].get("execution_state") == "idle")
            parts = {part: redactor.tree(message.get(part, {})) for part in ("content", "metadata")}
            buffers = given.get("buffers") or message.get("buffers") or []
            covered = [redactor.binary(bytes(buffer)) for buffer in buffers]
            track = given.get("track", False)
            return self._send(stream, {**message, **parts}, ident=ident, buffers=covered, track=track)

    def _flush(self, redactor: Redactor, *, last: bool) -> None:
        for name, tail in self._tails.items():
            if text := tail.flush(redactor, last=last):
                stream, parent, ident = self._routes[name]
                message = self._session.msg("stream", {"name": name, "text": text})
                message["parent_header"] = parent
                self._send(stream, message, ident=ident)


def _cover_raw_stream(stream: Any, number: int) -> None:
    """Lead what is written to a raw descriptor, by a child too, into the kernel's stream alone.

    ipykernel copies it to the terminal of whoever started the kernel as well, and under pytest leads
    nothing through the stream (`OutStream.__init__`).
    """
    terminal = getattr(stream, "_original_stdstream_copy", None)
    if terminal is not None:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), terminal)
    if not getattr(stream, "_should_watch", False):
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(writer)
        threading.Thread(target=_pump, args=(reader, stream), daemon=True).start()


def _pump(reader: int, stream: TextIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := os.read(reader, _CHUNK):
        stream.write(decoder.decode(chunk))


# --- a command ---


class GuardedStream(io.TextIOBase):
    """Text in, redacted text out, line by line; a question at the end of a line goes out at a flush.

    It has no `buffer`: what is written there, as to the descriptor beneath, is not guarded.
    """

    def __init__(self, guard: Guard, target: TextIO) -> None:
        self._guard, self._target = guard, target
        self._tail = Tail()
        self.isatty, self.fileno = target.isatty, target.fileno  # type: ignore[method-assign]

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding beneath."""
        return self._target.encoding

    def write(self, text: str) -> int:
        """The number of characters taken, held back or not."""
        with self._guard.lock:
            self._target.write(self._tail.feed(self._guard.redactor(), text))
        return len(text)

    def flush(self) -> None:
        """Pass on a question; any other part of a line waits for its end."""
        if not self._target.closed:  # a stream that is thrown away flushes once more
            self._pass_on(whole=False)

    def release(self) -> None:
        """Write what was held back, at the end of the process."""
        with suppress(OSError, ValueError):  # closed already, or nobody reads
            self._pass_on(whole=True)

    def _pass_on(self, *, whole: bool) -> None:
        with self._guard.lock:
            if whole or self._tail.is_question:
                self._target.write(self._tail.flush(self._guard.redactor(), last=whole))
            self._target.flush()


@contextmanager
def guarded_command() -> Iterator[None]:
    """Guard what a command writes in this block, also what ends it; no core is dumped from now on."""
    before = sys.stdout, sys.stderr
    forbid_core_dumps()
    streams = _guard_command()
    try:
        yield
    finally:
        for stream in streams:
            stream.release()
        sys.stdout, sys.stderr = before
        _guard.forget()


def _guard_command() -> list[GuardedStream]:
    """Wrap the streams; tracebacks, warnings and log records are written to them, too."""
    streams = []
    for name in ("stdout", "stderr"):
        target = getattr(sys, name)
        if target is not None and not isinstance(target, GuardedStream):
            streams.append(GuardedStream(_guard, target))
            setattr(sys, name, streams[-1])
            atexit.register(streams[-1].release)
    return streams
