"""The steps of a rotation in their order, from runbook.toml and the project's coupling graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from audit_lib.base.bounded_toml import parse_toml
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.toml_table import TomlTable
from audit_lib.rotation.runbook_words import Words, consumer_words, environment_words, holding
from audit_lib.rotation.scope import RotationScope

MODES = ("scheduled", "compromised", "grace")
PHASES = ("first", "in_each_environment", "last")
CONDITIONS = (
    "unseen", "shown", "entered", "issued", "setting", "unlisted", "secret",
    "files", "platforms", "counterpart", "public", "breaks", "asked", "not asked",
    "overlap", "no overlap", "overlap not known", "not overlap",
    "restart", "rebuild", "reload", "never", "committed", "not committed", "elsewhere",
)  # fmt: skip


@dataclass(frozen=True)
class RunbookStep:
    """One step: what to do and where, what to type, how to see that it worked, what it breaks."""

    name: str
    environment: str  # "" for one that is done once
    consumer: str  # "" for one that concerns none, or all
    text: str
    commands: tuple[str, ...]
    verify: str
    breaks: str


@dataclass(frozen=True)
class _Template:
    name: str
    text: str
    verify: str
    command: str = ""
    breaks: str = ""
    conditions: tuple[str, ...] = ()
    each: str = ""  # consumer, or ""

    def filled(self, words: Words, environment: str, consumer: str) -> RunbookStep:
        commands = self.command.format_map(words).splitlines()
        texts = (text.format_map(words) for text in (self.verify, self.breaks))
        text = self.text.format_map(words)
        return RunbookStep(self.name, environment, consumer, text, tuple(filter(None, commands)), *texts)


@dataclass(frozen=True)
class _Runbook:
    templates: tuple[_Template, ...]
    orders: Mapping[str, Mapping[str, tuple[str, ...]]]


def runbook_steps(scope: RotationScope, common: Words, *, mode: str) -> tuple[RunbookStep, ...]:
    """The steps for a project; `common` are the words that say how its commands are typed.

    Scheduled goes from development to production, compromised the other way: there it is most urgent.
    """
    book = _runbook()
    order = book.orders[mode]
    environments = scope.environments[::-1] if mode == "compromised" else scope.environments
    steps = [*_phase(book, order["first"], scope, "", common)]
    for environment in environments:
        here = scope.within(environment)
        steps += _phase(book, order["in_each_environment"], here, environment, common)
    return (*steps, *_phase(book, order["last"], scope, "", common))


def _phase(
    book: _Runbook, names: tuple[str, ...], scope: RotationScope, environment: str, common: Words
) -> Iterator[RunbookStep]:
    words = {**common, **environment_words(scope, environment, common)}
    for template in (one for name in names for one in book.templates if one.name == name):
        for consumer in scope.consumers if template.each else (None,):
            own = consumer_words(consumer) if consumer else {}
            if holding(scope, consumer, common).issuperset(template.conditions):
                name = consumer.consumer.name if consumer else ""
                yield template.filled({**words, **own}, environment, name)


@cache
def _runbook() -> _Runbook:
    """The content of runbook.toml; `BadInput` with every fault of the file."""
    place = "runbook.toml"
    content = resources.files("audit_lib.rotation").joinpath(place).read_bytes()
    faults: list[Fault] = []
    table = TomlTable(parse_toml(content, place), place, faults)
    templates = tuple(map(_template, table.tables("step")))
    known = tuple(dict.fromkeys(one.name for one in templates))
    orders = {}
    for mode in MODES:
        inner = TomlTable(table.anything(mode) or {}, f"{place}: {mode}", faults)
        orders[mode] = {phase: inner.texts(phase, known) for phase in PHASES}
        inner.close()
    table.close()
    if faults:
        raise BadInput(faults)
    return _Runbook(templates, orders)


def _template(table: TomlTable) -> _Template:
    conditions = table.texts("if", CONDITIONS)
    found = table.filled(_Template, {"each": ("consumer",)}, conditions=conditions)
    table.close()
    return found
