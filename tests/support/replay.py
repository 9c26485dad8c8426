"""Says where a report's code differs from its source notebook's, before anybody runs it again.

nbval executes what a report holds. A report that came from elsewhere may hold anything, so its code cells
must be the source notebook's, apart from one cell of parameters that sets names to plain values."""

import ast
from pathlib import Path
from typing import Any

import nbformat

from audit_lib.base.errors import BadInput, Fault

INJECTED = "injected-parameters"


def check_code(report: Path, source: Path) -> None:
    """Raise `BadInput` with every place where the report would run something else than its source."""
    # A published notebook lacks the cells for JupyterLab.
    cells, expected = _code(report), [cell for cell in _code(source) if "lab" not in _tags(cell)]
    injected = [cell for cell in cells if INJECTED in _tags(cell)]
    own = [cell for cell in cells if INJECTED not in _tags(cell)]
    faults = [
        Fault(f"{report.name}, code cell {number}", f"differs from {source.name}")
        for number, (cell, wanted) in enumerate(zip(own, expected, strict=False), start=1)
        if cell.source != wanted.source
    ]
    if len(own) != len(expected):
        faults.append(Fault(report.name, f"has {len(own)} code cells, {source.name} has {len(expected)}"))
    if len(injected) > 1:
        faults.append(Fault(report.name, f"has {len(injected)} cells of injected parameters"))
    names = {name for cell in expected if "parameters" in _tags(cell) for name in _assigned(cell) or ()}
    for assigned in map(_assigned, injected):
        said = "do more than set names to plain values" if assigned is None else ""
        if unknown := sorted((assigned or set()) - names):
            said = f"sets {', '.join(unknown)}, which {source.name} does not have"
        faults += [Fault(f"{report.name}, injected parameters", said)] if said else []
    if faults:
        raise BadInput(faults)


def _code(path: Path) -> list[Any]:
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        raise BadInput.at(path.name, "is not a notebook that can be read") from None
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _assigned(cell: Any) -> set[str] | None:
    """The names that a cell sets to literals; None if it does anything else."""
    names = set()
    try:
        for statement in ast.parse(cell.source).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    ast.literal_eval(statement.value)  # type: ignore[arg-type]  # of None it is a fault, too
                    names.add(name)
                case _:
                    return None
    except (SyntaxError, ValueError):
        return None
    return names
