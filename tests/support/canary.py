"""A notebook that tries to say a value in every way an output can."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from audit_lib.secrecy.redact import forms
from tests.support.fakes import fake_value

SECRET = fake_value("canary", 40)
PASSWORD = fake_value("canary password", 18) + "/&+"

PARAMETERS = 'project = ""'
KNOW = """from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.canary import SECRET, PASSWORD, attempts
keeper = Keeper(Key.throw_away())
guard.install(keeper)
keeper.take(SECRET), keeper.take(PASSWORD)
None"""

CELLS = (
    "attempts.streams(SECRET)",
    "attempts.streams(PASSWORD)",
    "attempts.split(SECRET)",
    "attempts.split(PASSWORD)",
    "attempts.raw(SECRET)",
    "attempts.displays(SECRET)",
    "attempts.displays(PASSWORD)",
    "attempts.widget(SECRET)",
    "attempts.encodings(SECRET)",
    "attempts.encodings(PASSWORD)",
    "SECRET",
    "print('done')",
)
FAILING = ("int(SECRET)", "raise KeyError({'k': [PASSWORD]})", "attempts.chained(SECRET)")


def notebook(*cells: str, parameters: bool = True) -> nbformat.NotebookNode:
    """A notebook of these cells, runnable by any client."""
    sources = [new_code_cell(cell) for cell in cells]
    if parameters:
        sources.insert(0, new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}))
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(metadata={"kernelspec": kernelspec}, cells=sources)


def disclosed(text: str) -> list[str]:
    """Which forms of the canaries, and which 12 characters of them, stand in an artefact."""
    data = text.encode("utf-8", "surrogatepass")
    found = [name for value in (SECRET, PASSWORD) for name, form in forms(value) if form in data]
    runs = [value[at : at + 12] for value in (SECRET, PASSWORD) for at in range(len(value) - 11)]
    return found + ["run" for run in runs if run in text]


class attempts:  # noqa: N801  reads as a module in the cells
    """The ways."""

    @staticmethod
    def streams(value: str) -> None:
        """Print, write, log, warn."""
        import logging
        import sys
        import warnings

        print(value, {"value": value}, value.encode())
        sys.stderr.write(f"{value}\n")
        logging.getLogger("canary").warning("%s", value)
        warnings.warn(value, stacklevel=1)

    @staticmethod
    def split(value: str) -> None:
        """One value over several writes and messages of a stream, with other messages between."""
        import sys

        from IPython.display import display

        for step in (1, 2, 7, 11, len(value) - 1):
            for start in range(0, len(value), step):
                print(value[start : start + step], end="", flush=True)
            print()
        for start in range(0, len(value), 8):
            print(value[start : start + 8], end="", flush=True)
            sys.stderr.write(value[start : start + 5])
            sys.stderr.flush()
            if start == 16:
                display({"text/plain": "between"}, raw=True)
        print()

    @staticmethod
    def raw(value: str) -> None:
        """Raw descriptors and children."""
        import os
        import subprocess
        import sys

        os.write(1, value.encode() + b"\n")
        os.write(2, value.encode() + b"\n")
        for stream in (sys.__stdout__, sys.__stderr__):
            stream.write(value + "\n")
            stream.flush()
        code = f"import sys; print({value!r}); print({value!r}, file=sys.stderr)"
        subprocess.run([sys.executable, "-c", code], check=True)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=sys.stdout.fileno())

    @staticmethod
    def displays(value: str) -> None:
        """Every kind of display data, its metadata, updates, and a display's own fields."""
        import json
        from base64 import b64encode, encodebytes
        from html import escape

        from IPython.display import HTML, SVG, Image, display

        long = b"x" * 70 + value.encode()
        display(
            {f"text/{kind}": f"<b>{value}</b>" for kind in ("plain", "html", "markdown", "latex")}, raw=True
        )
        display({"application/json": {value: [value, {"deep": value}]}}, raw=True)
        display(
            {"application/vnd.any+json": {"a": value}, "image/svg+xml": f"<svg><text>{value}</text></svg>"},
            raw=True,
        )
        display({"application/javascript": json.dumps(value)}, raw=True)
        display(
            {"text/plain": "x"}, raw=True, metadata={"text/plain": {"note": value}}, transient={"note": value}
        )
        display(HTML(f'<img src="data:text/plain;base64,{b64encode(long).decode()}">'))
        display(
            {"image/png": encodebytes(long).decode(), "application/pdf": b64encode(long).decode()}, raw=True
        )
        display(
            Image(data=b"\x89PNG\r\n\x1a\n" + value.encode(), format="png"),
            SVG(f"<svg><desc>{escape(value)}</desc></svg>"),
        )
        handle = display({"text/plain": "first"}, raw=True, display_id=True)
        handle.update({"text/plain": value}, raw=True)

    @staticmethod
    def widget(value: str) -> None:
        """Widget state and messages."""
        import ipywidgets

        text = ipywidgets.Text(value=value, description=value[:20])
        text.placeholder = value
        text.send({"custom": value}, buffers=[value.encode()])

    @staticmethod
    def encodings(value: str) -> None:
        """Every form of the specification."""
        from IPython.display import display

        for _, form in forms(value):
            text = form.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
            print(text)
            display({"text/plain": text, "text/html": text}, raw=True)

    @staticmethod
    def chained(value: str) -> None:
        """An exception whose cause, notes and locals hold the value."""
        try:
            {}[value]
        except KeyError as error:
            error.add_note(value)
            raise ValueError(f"not {value!r}") from error
