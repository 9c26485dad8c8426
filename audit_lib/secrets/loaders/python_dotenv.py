"""Reads an env file as python-dotenv's `load_dotenv()` does, with its own parser: `${NAME}` is filled in.

Source: python-dotenv 1.2, parser.py, variables.py and main.py (resolve_variables).
"""

import io
from dataclasses import replace

from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

from audit_lib.secrets.loaders.statement import MAX_VALUE_CHARACTERS, Reading, Statement


def read(text: str) -> Reading:
    """The statements of a text. A name without an equals sign sets nothing, and undoes what did before."""
    held: dict[str, str | None] = {}
    found: list[Statement] = []
    for binding in parse_stream(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"))):
        own = binding.original.string.lstrip()
        first = binding.original.line + binding.original.string.removesuffix(own).count("\n")
        last = first + own.rstrip("\n").count("\n")
        if binding.error:
            found.append(Statement(first, last, None))
        elif binding.key is not None and binding.value is not None:
            held[binding.key] = _filled_in(binding.value, held)
            found.append(Statement(first, last, binding.key, held[binding.key]))
        elif binding.key in held:
            del held[binding.key]
    return Reading(tuple(one if one.name in held else replace(one, name=None, value=None) for one in found))


def _filled_in(value: str, held: dict[str, str | None]) -> str | None:
    # Behind the last brace no reference ends, and looking for one would take the square of the length.
    end = value.rfind("}") + 1
    parts: list[str] = []
    for atom in parse_variables(value[:end]):
        part = held.get(atom.name) if isinstance(atom, Variable) else atom.resolve({})
        if part is None:
            return None
        parts.append(part)
    parts.append(value[end:])
    return "".join(parts) if sum(map(len, parts)) <= MAX_VALUE_CHARACTERS else None
