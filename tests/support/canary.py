"""A notebook that tries to say a value in every way an output can."""

from typing import Any

from audit_lib.secrecy.redact import forms
from tests.support.fakes import fake_value

SECRET = fake_value("canary", 40)
PASSWORD = fake_value("canary password", 18) + "/&+"

KNOW = """from audit_lib.secrecy import guard
from audit_lib.secrecy.keeper import Keeper, Key
from tests.support.canary import SECRET, PASSWORD
keeper = Keeper(Key.throw_away())
guard.install(keeper)
keeper.take(SECRET), keeper.take(PASSWORD)
None"""

BOTH = ("streams", "split", "displays", "encodings")
CELLS = (
    "from tests.support import attempts",
    *(f"attempts.{way}({name})" for way in BOTH for name in ("SECRET", "PASSWORD")),
    "attempts.raw(SECRET)", "attempts.widget(SECRET)", "SECRET", "print('done')",
)  # fmt: skip
FAILING = ("int(SECRET)", "raise KeyError({'k': [PASSWORD]})", "attempts.chained(SECRET)")


def notebook(*cells: str, parameters: bool = True) -> Any:
    """A notebook of these cells, runnable by any client."""
    from nbformat.v4 import new_code_cell, new_notebook  # which the kernel that imports this does not need

    sources = [new_code_cell(cell) for cell in cells]
    if parameters:
        sources.insert(0, new_code_cell('project = ""', metadata={"tags": ["parameters"]}))
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(metadata={"kernelspec": kernelspec}, cells=sources)


def disclosed(text: str) -> list[str]:
    """Which forms of the canaries, and which 12 characters of them, stand in an artefact."""
    data = text.encode("utf-8", "surrogatepass")
    found = [name for value in (SECRET, PASSWORD) for name, form in forms(value) if form in data]
    runs = [value[at : at + 12] for value in (SECRET, PASSWORD) for at in range(len(value) - 11)]
    return found + ["run" for run in runs if run in text]
