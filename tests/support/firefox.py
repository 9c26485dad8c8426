"""Debian's Firefox by WebDriver BiDi, for what a person sees and presses; skipped where there is none."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import websocket

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox") or ""
KEYS = {"Tab": "\ue004", "Enter": "\ue007"}
_SCHEME = 'user_pref("layout.css.prefers-color-scheme.content-override", {});\n'


@dataclass
class Firefox:
    """One tab of a headless Firefox."""

    socket: websocket.WebSocket
    tab: str = ""
    asked: list[str] = field(default_factory=list)  # the addresses that pages asked for
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def do(self, method: str, **given: Any) -> Any:
        """The answer to a command of WebDriver BiDi; AssertionError with Firefox's own words if it fails."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": given}))
        while (said := json.loads(self.socket.recv())).get("id") != number:
            if said.get("method") == "network.beforeRequestSent":
                self.asked.append(said["params"]["request"]["url"])
        assert said["type"] == "success", said
        return said["result"]

    def open(self, address: str, wide: int) -> None:
        """Go to an address in a window of that width."""
        self.do("browsingContext.setViewport", context=self.tab, viewport={"width": wide, "height": 900})
        self.do("browsingContext.navigate", context=self.tab, url=address, wait="complete")

    def run(self, script: str) -> Any:
        """What an expression, or a promise, comes to, by way of JSON."""
        wrapped = f"Promise.resolve({script}).then(done => JSON.stringify(done ?? null))"
        target = {"context": self.tab}
        said = self.do("script.evaluate", expression=wrapped, target=target, awaitPromise=True)
        assert said["type"] == "success", said["exceptionDetails"]["text"]
        return json.loads(said["result"]["value"])

    def press(self, key: str) -> None:
        """A key by its name, or the keys of a text, one after the other."""
        signs = [KEYS[key]] if key in KEYS else list(key)
        actions = [{"type": way, "value": sign} for sign in signs for way in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.do("input.performActions", context=self.tab, actions=[source])

    def tab_to(self, wanted: str, most: int = 60) -> None:
        """Press Tab until an expression about the focused element `at` holds."""
        for _ in range(most):
            self.press("Tab")
            if self.run(f"(at => Boolean({wanted}))(document.activeElement)"):
                return
        pytest.fail(f"Tab does not lead to {wanted}")


@contextmanager
def firefox(dark: bool = False) -> Iterator[Firefox]:
    """A headless Firefox with a profile of its own, in light or dark; a skip without Firefox."""
    if not FIREFOX:
        pytest.skip("there is no Firefox: apt install firefox-esr")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "user.js").write_text(_SCHEME.format(0 if dark else 1), "utf-8")
        command = [FIREFOX, "--headless", "--no-remote", "--profile", folder, "--remote-debugging-port=0"]
        home = os.environ | {"HOME": folder}
        started = subprocess.Popen(
            command, env=home, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            yield _session(_address(started))
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def _address(started: "subprocess.Popen[str]") -> str:
    """Where it listens; what it says later is read away, so that it never waits to say it."""
    assert started.stderr is not None
    found = next((line.split()[-1] for line in started.stderr if "BiDi listening on" in line), "")
    Thread(target=started.stderr.read, daemon=True).start()
    return found


def _session(address: str) -> Firefox:
    one = Firefox(websocket.create_connection(f"{address}/session", timeout=120, suppress_origin=True))
    one.do("session.new", capabilities={})
    one.do("session.subscribe", events=["network.beforeRequestSent"])
    one.tab = one.do("browsingContext.create", type="tab")["context"]
    return one
