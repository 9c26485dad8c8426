"""What the real loaders make of env files: python-dotenv, node's, compose, docker, systemd."""

import ctypes
import io
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from dotenv import dotenv_values

from tests.support.paths import ROOT

Values = dict[str, str | None]
NODE_FOLDER = ROOT / ".cache" / "npm"
_MARK = "MARK_BETWEEN_FILES"


def missing(loader: str) -> str:
    """Why a loader cannot be run here; "" if it can."""
    if loader in ("dotenv", "next"):
        there = shutil.which("node") and (NODE_FOLDER / "node_modules" / "@next" / "env").is_dir()
        return "" if there else f"npm ci of tests/loaders into {NODE_FOLDER.relative_to(ROOT)} is needed"
    if loader == "compose":
        return "" if shutil.which("docker-compose") else "docker-compose is not installed"
    if loader == "docker":
        return "" if shutil.which("docker") else "docker's command line is not installed"
    if loader == "systemd":
        return "" if _systemd() else "libsystemd-shared is not installed"
    return ""


def read_by(loader: str, texts: Sequence[str], refused: Sequence[bool]) -> list[Values | None]:
    """What a loader gives for each text; None if it refuses the file.

    Commands read many files at once if none of them is refused: `refused` says which are expected to be.
    """
    if loader in ("compose", "docker"):
        with _engine() as server:
            run = _compose if loader == "compose" else lambda some: _docker(some, server)
            good = iter(_in_batches([text for text, bad in zip(texts, refused, strict=True) if not bad], run))
            return [
                _in_batches([text], run)[0] if bad else next(good)
                for text, bad in zip(texts, refused, strict=True)
            ]
    return {
        "python-dotenv": _by_python_dotenv,
        "dotenv": lambda texts: [read["dotenv"] for read in _by_node(texts)],
        "next": lambda texts: [read["next"] for read in _by_node(texts)],
        "systemd": _by_systemd,
    }[loader](texts)


def _by_python_dotenv(texts: Sequence[str]) -> list[Values | None]:
    return [
        dict(dotenv_values(stream=io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")))
        for text in texts
    ]


def _by_node(texts: Sequence[str]) -> list[dict[str, Values]]:
    command = ["node", "--stack-size=200", str(ROOT / "tests" / "loaders" / "read.cjs")]
    done = subprocess.run(
        command,
        input=json.dumps(texts).encode(),
        cwd=NODE_FOLDER,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return list(json.loads(done.stdout))


def _in_batches(texts: Sequence[str], run: Any) -> list[Values | None]:
    """The values of each text by a command that reads many files, or fails if one of them is refused."""
    if not texts:
        return []
    read = run(texts)
    if read is not None:
        return list(read)
    if len(texts) == 1:
        return [None]
    half = len(texts) // 2
    return _in_batches(texts[:half], run) + _in_batches(texts[half:], run)


def _compose(texts: Sequence[str]) -> list[Values | None] | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        services = {}
        for number, text in enumerate(texts):
            (folder / f"{number}.env").write_bytes(text.encode())
            services[f"s{number}"] = {"image": "x", "env_file": f"{number}.env"}
        (folder / "compose.json").write_text(json.dumps({"services": services}))
        command = ["docker-compose", "-p", "x", "-f", "compose.json", "config", "--format", "json"]
        done = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": name},
            capture_output=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        return None
    found = json.loads(done.stdout)["services"]
    held = [found[f"s{number}"].get("environment") or {} for number in range(len(texts))]
    # `config` writes a file that can be read again: a dollar sign is doubled.
    return [{name: (value or "").replace("$$", "$") for name, value in one.items()} for one in held]


class _Engine(BaseHTTPRequestHandler):
    """Answers as an engine would that makes a container, and keeps what it is asked for."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self._answer(200, b"OK")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked["Env"] or [])  # type: ignore[attr-defined]
        self._answer(201, b'{"Id": "0123456789ab", "Warnings": []}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("API-Version", "1.43")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _engine() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Engine)
    server.asked = []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def _docker(texts: Sequence[str], server: HTTPServer) -> list[Values | None] | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mark").write_text(f"{_MARK}=\n")
        options = []
        for number, text in enumerate(texts):
            (folder / f"{number}.env").write_bytes(text.encode())
            options += ["--env-file", f"{number}.env", "--env-file", "mark"]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}",
        }
        done = subprocess.run(
            ["docker", "create", *options, "x"],
            cwd=folder,
            env=environ,
            capture_output=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        return None
    found: list[Values | None] = []
    held: Values = {}
    for line in server.asked[-1]:  # type: ignore[attr-defined]
        variable, equals, value = line.partition("=")
        if variable == _MARK:
            found.append(held)
            held = {}
        elif equals:
            held[variable] = value
    return found


def _systemd() -> ctypes.CDLL | None:
    paths = sorted(Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"))
    return ctypes.CDLL(str(paths[-1])) if paths else None


def _by_systemd(texts: Sequence[str]) -> list[Values | None]:
    library = _systemd()
    assert library is not None
    strings = ctypes.POINTER(ctypes.c_char_p)
    library.strv_env_clean_with_callback.argtypes = [strings, ctypes.c_void_p, ctypes.c_void_p]
    library.strv_env_clean_with_callback.restype = strings
    found: list[Values | None] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "env"
        for text in texts:
            path.write_bytes(text.encode())
            got = strings()
            code = library.load_env_file(None, os.fsencode(path), ctypes.byref(got))
            if code < 0 or not got:
                found.append(None if code < 0 else {})
                continue
            cleaned = library.strv_env_clean_with_callback(got, None, None)
            found.append(_pairs(cleaned))
    return found


def _pairs(strings: Any) -> Values:
    held: Values = {}
    number = 0
    while strings[number] is not None:
        variable, _, value = strings[number].decode().partition("=")
        held[variable] = value
        number += 1
    return held
