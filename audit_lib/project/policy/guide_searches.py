"""The policy's [[grep]]: the searches that the guide tells people to run."""

from dataclasses import dataclass

from audit_lib.base.bounded_regex import from_basic, is_expression
from audit_lib.base.toml_table import TomlTable


@dataclass(frozen=True)
class DocumentedGrep:
    """A search that the guide tells people to run: what it would print is compared with what there is."""

    pattern: str  # as grep reads it: a basic regular expression
    path: str  # as the guide gives it, a glob relative to the project; "git log -p" for the history
    looks_for: str
    kinds: tuple[str, ...]  # the log kinds (docs/design.md#kinds-of-log-lines) that it is meant to show
    guide_line: int
    ignore_case: bool = False
    prints_values: bool = False  # it shows secrets on the terminal
    remedy: str = ""


def read_greps(table: TomlTable) -> tuple[DocumentedGrep, ...]:
    """The searches of a policy's table, in its order; each fault is noted there."""
    return tuple(_grep(inner) for inner in table.tables("grep", "pattern"))


def _grep(table: TomlTable) -> DocumentedGrep:
    grep = table.filled(DocumentedGrep, guide_line=table.number("guide_line", 0, 1))
    if not is_expression(from_basic(grep.pattern)):
        table.fault("pattern must be a basic regular expression, as grep reads them")
    if not table.has("guide_line"):
        table.fault("has no guide_line")
    table.close()
    return grep
