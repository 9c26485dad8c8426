"""Debian's Chromium under playwright, and a real JupyterLab on loopback: for what a person sees."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from audit_lib.base.cache import user_cache

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
PATIENCE = 60_000  # milliseconds for what takes one second on a machine at rest
LAB = "import audit_lib.report, jupyterlab.labapp; jupyterlab.labapp.main()"  # as -m, but without grammars
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Pages of the address bar, which each window else loads unseen.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,OptimizationHints",
)  # fmt: skip


@contextmanager
def browser() -> "Iterator[Browser]":
    """A headless browser without network of its own; a skip without Chromium, with CI=true a failure."""
    if not CHROMIUM:
        reason = "there is no Chromium: apt install chromium"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=PATIENCE)
        yield chromium
        chromium.close()


def new_page(chromium: "Browser", **options: Any) -> "Page":
    """A page in a context of its own, in which every wait may take long."""
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE)
    return context.new_page()


@contextmanager
def jupyterlab(folder: Path, scratch: Path) -> Iterator[str]:
    """The address of a JupyterLab that serves a folder on loopback; its pages have it as `jupyterapp`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    names = ("HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    environment = os.environ | {name: str(scratch / name.lower()) for name in names}
    environment["XDG_CACHE_HOME"] = str(user_cache().parent)
    # Of all programs it finds git alone: node, if it is there, is asked for settings three times.
    (scratch / "git").symlink_to(shutil.which("git") or "git")
    environment["PATH"] = str(scratch)
    # Cells out of sight are otherwise taken out of the page, and no test finds them.
    settings = scratch / "jupyter_config_dir/lab/user-settings/@jupyterlab/notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}', "utf-8")
    command = [sys.executable, "-c", LAB, "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    command += ["--ServerApp.port_retries=0", "--LabApp.extension_manager=readonly"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (scratch / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/api/status?token={token}", server)
            yield f"http://127.0.0.1:{port}/lab?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait(address: str, server: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab did not start")
