"""The ways in which a cell of a notebook can say a value."""

import json
import logging
import os
import subprocess
import sys
import warnings
from base64 import b64encode, encodebytes
from html import escape
from typing import Any

import ipywidgets
from IPython.display import HTML, SVG, Image, display

from audit_lib.secrecy.redact import forms


def streams(value: str) -> None:
    """Print, write, log, warn."""
    print(value, {"value": value}, value.encode())
    sys.stderr.write(f"{value}\n")
    logging.getLogger("canary").warning("%s", value)
    warnings.warn(value, stacklevel=1)


def split(value: str) -> None:
    """One value over several writes and messages of a stream, with other messages between."""
    for step in (1, 2, 7, 11, len(value) - 1):
        for start in range(0, len(value), step):
            print(value[start : start + step], end="", flush=True)
        print()
    for start in range(0, len(value), 8):
        print(value[start : start + 8], end="", flush=True)
        sys.stderr.write(value[start : start + 5])
        sys.stderr.flush()
        if start == 16:
            _show({"text/plain": "between"})
    print()


def raw(value: str) -> None:
    """Raw descriptors and children."""
    for descriptor in (1, 2):
        os.write(descriptor, value.encode() + b"\n")
    for stream in (sys.__stdout__, sys.__stderr__):
        stream.write(value + "\n")
        stream.flush()
    code = f"import sys; print({value!r}); print({value!r}, file=sys.stderr)"
    subprocess.run([sys.executable, "-c", code], check=True)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=sys.stdout.fileno())


def displays(value: str) -> None:
    """Every kind of display data, its metadata, updates, and a display's own fields."""
    long = b"x" * 70 + value.encode()
    for data in (
        {f"text/{kind}": f"<b>{value}</b>" for kind in ("plain", "html", "markdown", "latex")},
        {"application/json": {value: [value, {"deep": value}]}},
        {"application/vnd.any+json": {"a": value}, "image/svg+xml": f"<svg><text>{value}</text></svg>"},
        {"application/javascript": json.dumps(value)},
        {"image/png": encodebytes(long).decode(), "application/pdf": b64encode(long).decode()},
    ):
        _show(data)
    _show({"text/plain": "x"}, metadata={"text/plain": {"note": value}}, transient={"note": value})
    display(HTML(f'<img src="data:text/plain;base64,{b64encode(long).decode()}">'))
    picture = Image(data=b"\x89PNG\r\n\x1a\n" + value.encode(), format="png")
    display(picture, SVG(f"<svg><desc>{escape(value)}</desc></svg>"))
    _show({"text/plain": "first"}, display_id=True).update({"text/plain": value}, raw=True)


def _show(data: dict[str, Any], **more: Any) -> Any:
    return display(data, raw=True, **more)


def widget(value: str) -> None:
    """Widget state and messages."""
    text = ipywidgets.Text(value=value, description=value[:20])
    text.placeholder = value
    text.send({"custom": value}, buffers=[value.encode()])


def encodings(value: str) -> None:
    """Every form of the specification."""
    for _, form in forms(value):
        text = form.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
        print(text)
        _show({"text/plain": text, "text/html": text})


def chained(value: str) -> None:
    """An exception whose cause, notes and locals hold the value."""
    try:
        {}[value]
    except KeyError as error:
        error.add_note(value)
        raise ValueError(f"not {value!r}") from error
