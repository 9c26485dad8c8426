"""What the real loaders make of env files: python-dotenv, node's, compose, docker, systemd."""

import ctypes
import io
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count, takewhile
from pathlib import Path
from threading import Thread
from typing import Any

from dotenv import dotenv_values

from tests.support.paths import ROOT

Values = dict[str, str | None]
Batch = Callable[[Path, int], list[Values | None] | None]  # of a folder with so many env files by number
NODE_FOLDER = ROOT / ".cache" / "npm"
_MARK = "MARK_BETWEEN_FILES"


def missing(loader: str) -> str:
    """Why a loader cannot be run here; "" if it can."""
    npm = NODE_FOLDER / "node_modules" / "@next" / "env"
    node = (shutil.which("node") and npm.is_dir(), "npm ci of tests/loaders")
    needed = {"dotenv": node, "next": node, "compose": (shutil.which("docker-compose"), "docker-compose")}
    needed |= {"docker": (shutil.which("docker"), "docker's command line")}
    there, what = (needed | {"systemd": (_systemd(), "libsystemd-shared")}).get(loader, (True, ""))
    return "" if there else f"{what} is needed"


def read_by(loader: str, texts: Sequence[str], refused: Sequence[bool]) -> list[Values | None]:
    """What a loader gives for each text; None if it refuses the file.
    Commands read many files at once if none of them is refused: `refused` says which are expected to be."""
    if loader in ("compose", "docker"):
        with _engine() as server:
            run: Batch = _compose if loader == "compose" else partial(_docker, server)
            good = iter(_in_batches([text for text, bad in zip(texts, refused, strict=True) if not bad], run))
            pairs = zip(texts, refused, strict=True)
            return [_in_batches([text], run)[0] if bad else next(good) for text, bad in pairs]
    if loader == "python-dotenv":
        streams = (io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8") for text in texts)
        return [dict(dotenv_values(stream=stream)) for stream in streams]
    return _by_systemd(texts) if loader == "systemd" else [read[loader] for read in _by_node(tuple(texts))]


@cache
def _by_node(texts: Sequence[str]) -> list[dict[str, Values]]:
    """What each of node's loaders gives for each text."""
    command = ["node", "--stack-size=200", str(ROOT / "tests" / "loaders" / "read.cjs")]
    asked = {"input": json.dumps(texts).encode(), "capture_output": True, "timeout": 300}
    done = subprocess.run(command, cwd=NODE_FOLDER, check=False, **asked)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return list(json.loads(done.stdout))


def _in_batches(texts: Sequence[str], run: Batch) -> list[Values | None]:
    """The values of each text by a command that reads many files, or fails if one of them is refused."""
    if not texts:
        return []
    with _folder(texts) as folder:
        read = run(folder, len(texts))
    if read is not None or len(texts) == 1:
        return [None] if read is None else read
    half = len(texts) // 2
    return _in_batches(texts[:half], run) + _in_batches(texts[half:], run)


@contextmanager
def _folder(texts: Sequence[str]) -> Iterator[Path]:
    """A folder with each text in an env file by its number."""
    with tempfile.TemporaryDirectory() as name:
        for number, text in enumerate(texts):
            Path(name, f"{number}.env").write_bytes(text.encode())
        yield Path(name)


def _output(folder: Path, *command: str, **environment: str) -> bytes | None:
    """What a command prints; None if it fails."""
    homes = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOGC": "off", "GOMAXPROCS": "1", **environment}
    done = subprocess.run(command, cwd=folder, env=homes, capture_output=True, timeout=300, check=False)
    return None if done.returncode else done.stdout


def _compose(folder: Path, many: int) -> list[Values | None] | None:
    services = {f"s{number}": {"image": "x", "env_file": f"{number}.env"} for number in range(many)}
    (folder / "compose.json").write_text(json.dumps({"services": services}))
    said = _output(folder, "docker-compose", "-p", "x", "-f", "compose.json", "config", "--format", "json")
    if said is None:
        return None
    read = (json.loads(said)["services"][one].get("environment") or {} for one in services)
    # `config` writes a file that can be read again: a dollar sign is doubled.
    return [{name: (value or "").replace("$$", "$") for name, value in held.items()} for held in read]


class _Engine(BaseHTTPRequestHandler):
    """Answers as an engine would that makes a container, and keeps what it is asked for."""

    def do_POST(self) -> None:
        if length := int(self.headers.get("Content-Length") or 0):
            self.server.asked = json.loads(self.rfile.read(length))["Env"] or []  # type: ignore[attr-defined]
        body = b'{"Id": "0123456789ab", "Warnings": []}' if length else b""
        self.send_response(201 if length else 200)
        self.send_header("API-Version", "1.43")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST  # noqa: N815  so the server calls them

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _engine() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Engine)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _docker(server: HTTPServer, folder: Path, many: int) -> list[Values | None] | None:
    (folder / "mark").write_text(f"{_MARK}=\n")
    files = (file for number in range(many) for file in (f"{number}.env", "mark"))
    words = (word for file in files for word in ("--env-file", file))
    host = f"tcp://127.0.0.1:{server.server_port}"
    if _output(folder, "docker", "create", *words, "x", DOCKER_HOST=host) is None:
        return None
    found: list[Values | None] = [{}]
    for line in server.asked:  # type: ignore[attr-defined]
        variable, equals, value = line.partition("=")
        if variable == _MARK:
            found.append({})
        elif equals:
            found[-1][variable] = value  # type: ignore[index]
    return found[:-1]


def _systemd() -> ctypes.CDLL | None:
    paths = sorted(Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"))
    return ctypes.CDLL(str(paths[-1])) if paths else None


def _by_systemd(texts: Sequence[str]) -> list[Values | None]:
    library: Any = _systemd()
    strings = ctypes.POINTER(ctypes.c_char_p)
    library.strv_env_clean_with_callback.argtypes = [strings, ctypes.c_void_p, ctypes.c_void_p]
    library.strv_env_clean_with_callback.restype = strings
    found: list[Values | None] = []
    with _folder(texts) as folder:
        for number in range(len(texts)):
            got = strings()
            path = os.fsencode(folder / f"{number}.env")
            refused = library.load_env_file(None, path, ctypes.byref(got)) < 0
            clean = library.strv_env_clean_with_callback(got, None, None) if got and not refused else None
            lines = iter(map(clean.__getitem__, count())) if clean else ()
            pairs = (line.decode().partition("=") for line in takewhile(bool, lines))
            found.append(None if refused else {name: value for name, _, value in pairs})
    return found
