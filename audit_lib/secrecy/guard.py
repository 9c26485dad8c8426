"""Lets no known value out of this process (SECURITY.md#the-guard): of a kernel or a command."""

import atexit
import io
import os
import resource
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from inspect import signature
from typing import Any

from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor, Tail


class Guard:
    """What this process knows and must not say. One a process, made by `install`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Know nothing any more, once a command has written everything."""
        self._keepers: list[Keeper] = []
        self._built_from: Any = None
        self.classify(None, (), "")

    def watch(self, keeper: Keeper) -> None:
        """Scrub what this keeper holds, also what it takes later."""
        self._keepers.append(keeper)

    def classify(self, strong: Iterable[str] | None, open_: Iterable[str], public: str) -> None:
        """Set by fingerprints what is scrubbed: values of 8 characters or more as a whole, but no open ones.

        Of strong values (None: of all) any 12 characters are scrubbed, too, if public text lacks them.
        """
        self._strong = None if strong is None else frozenset(strong)
        self._open, self._public = frozenset(open_), public

    def redactor(self) -> Redactor:
        """The redactor for what is known now."""
        with self.lock:
            known = dict(pair for one in self._keepers for pair in one.values())
            opened = {value for name, value in known.items() if name in self._open}  # under whatever key
            secret = {name: value for name, value in known.items() if value not in opened}
            strong = [name for name in secret if self._strong is None or name in self._strong]
            # Compared by the values themselves: as many of another keeper are other values.
            if (built_from := (secret, strong, self._public)) != self._built_from:
                self._built_from, self._redactor = built_from, Redactor(*built_from)
            return self._redactor


_guard = Guard()


def scrub(said: Any) -> Any:
    """The text, or a copy of the document, without any value that this process knows."""
    return _guard.redactor().tree(said)


def install(keeper: Keeper | None = None) -> Guard:
    """The guard of this process, which covers its messages in a kernel, elsewhere its streams.

    Tracebacks, warnings and logs go to the streams. A second call adds its keeper and wraps nothing twice.
    """
    if keeper is not None:
        _guard.watch(keeper)
    forbid_core_dumps()
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        for name in ("stdout", "stderr"):
            target = getattr(sys, name)
            if target is not None and not isinstance(target, GuardedStream):
                stream = GuardedStream(_guard, target)
                setattr(sys, name, stream)
                atexit.register(stream.flush, last=True)
    elif not isinstance(getattr(kernel.session.send, "__self__", None), _Messages):
        kernel.session.send = _Messages(kernel.session).send
        _cover_raw_stream(sys.stdout, 1)
        _cover_raw_stream(sys.stderr, 2)
        if history := getattr(shell, "history_manager", None):
            history.enabled = False  # cells are written to a database otherwise
    return _guard


def forbid_core_dumps() -> None:
    """Set RLIMIT_CORE to 0 for this process and all that it starts: a dump would hold the values."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # whoever lowers a limit may


class _Messages:
    """All that the kernel sends: of streams whole lines, and before another message what is left of them."""

    def __init__(self, session: Any) -> None:
        self._session, self._send, self._signature = session, session.send, signature(session.send)
        self._tails: dict[str, Tail] = defaultdict(Tail)
        self._routes: dict[str, dict[str, Any]] = {}

    def send(self, *args: Any, **named: Any) -> Any:
        """As `Session.send`, without known values."""
        given = dict(self._signature.bind(*args, **named).arguments)
        message = given["msg_or_type"]
        if not isinstance(message, Mapping):
            message = self._session.msg(message, *map(given.get, ("content", "parent", "header", "metadata")))
        content = message["content"]
        with _guard.lock:
            redactor = _guard.redactor()
            if message["header"]["msg_type"] == "stream":
                self._routes[content["name"]] = {**given, "msg_or_type": message}
                whole = self._tails[content["name"]].feed(redactor, content["text"])
                return self._say(content["name"], whole)
            for name, tail in self._tails.items():  # nothing of the cell follows behind its end
                self._say(name, tail.flush(redactor, last=content.get("execution_state") == "idle"))
            parts = {part: redactor.tree(message.get(part, {})) for part in ("content", "metadata")}
            buffers = map(bytes, given.get("buffers") or message.get("buffers") or [])
            clean = {"msg_or_type": {**message, **parts}, "buffers": list(map(redactor.binary, buffers))}
            return self._send(**given | clean)

    def _say(self, name: str, text: str) -> Any:
        parent = self._routes[name]["msg_or_type"]["parent_header"]
        message = self._session.msg("stream", {"name": name, "text": text}, parent)
        return self._send(**self._routes[name] | {"msg_or_type": message}) if text else message


def _cover_raw_stream(stream: Any, number: int) -> None:
    """Lead what is written to a raw descriptor, by a child too, into the kernel's stream alone."""
    if (terminal := getattr(stream, "_original_stdstream_copy", None)) is not None:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), terminal)
    if not getattr(stream, "_should_watch", False):
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(writer)
        lines = open(reader, encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115  as long as the kernel
        threading.Thread(target=stream.writelines, args=(lines,), daemon=True).start()


class GuardedStream(io.TextIOBase):
    """Text in, redacted text out, line by line, and at a flush what may go out of one. It has no `buffer`."""

    def __init__(self, guard: Guard, target: Any) -> None:
        self._guard, self._target, self._tail = guard, target, Tail()
        self.isatty, self.fileno = target.isatty, target.fileno  # type: ignore[method-assign]

    encoding = property(lambda self: self._target.encoding)

    def write(self, text: str) -> int:
        """The number of characters taken, held back or not."""
        with self._guard.lock:
            self._target.write(self._tail.feed(self._guard.redactor(), text))
        return len(text)

    def flush(self, *, last: bool = False) -> None:
        """Pass on what is held back, but for what may go on as a value unless it is the last."""
        with self._guard.lock, suppress(*(OSError, ValueError) if last or self._target.closed else ()):
            self._target.write(self._tail.flush(self._guard.redactor(), last=last))
            self._target.flush()

    def __del__(self) -> None:
        """Flushes nothing: that was done, and the interpreter may have ended."""


@contextmanager
def guarded_command() -> Iterator[None]:
    """Guard what a command writes in this block, also what ends it; no core is dumped from now on."""
    before = sys.stdout, sys.stderr
    install()
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, GuardedStream):
                stream.flush(last=True)
        sys.stdout, sys.stderr = before
        _guard.forget()
