"""The coupling graph of a secret as one drawing: provider, variable, store and service, left to right."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pandas as pd

from audit_lib.report import escape as inert
from audit_lib.report.svg import Axes, Figure, canvas_of, line, style, svg, text
from audit_lib.report.table import as_text, show
from audit_lib.rotation.refreshes import reads
from audit_lib.rotation.scope import RotationScope
from audit_lib.settings import SecretRule

COLUMNS = ("provider", "variable", "store", "service")
_AT = {"provider": 0.0, "variable": 0.22, "store": 0.52, "service": 1.0}
_WIDE, _ROW = 720.0, 23.0
Node = tuple[str, str]  # a column and a name


def coupling_figure(scope: RotationScope) -> Figure:
    """What a secret's rotation touches, with its edges as text."""
    edges = list(dict.fromkeys(_edges(scope)))
    nodes = {name: list(dict.fromkeys(_of(edges, name))) for name in COLUMNS}
    counts = ", ".join(f"{name}: {len(found)}" for name, found in nodes.items())
    alt = f"What a rotation of {scope.rule.name} touches ({counts})."
    table = pd.DataFrame([(*one, *other) for one, other in edges], columns=["from", "name", "to", "place"])
    title = f"What a rotation of {scope.rule.name} touches"
    return Figure(title, "", _draw(edges, nodes, alt), as_text(show(table)), alt, frame=table)


def _edges(scope: RotationScope) -> Iterator[tuple[Node, Node]]:
    here = {store.place.secret for store in scope.stores}
    for rule in scope.rules:
        if rule.name in here or rule == scope.rule:
            yield ("provider", _provider(rule)), ("variable", rule.name)
    for store in scope.stores:
        variable, environment, service = store.place
        where = f"platform: {environment}/{service}" if store.platform else store.source
        yield ("variable", variable), ("store", where)
        for one in scope.consumers:
            if reads(one, store, scope.stores):
                yield ("store", where), ("service", f"{one} ({one.refresh})")


def _provider(rule: SecretRule) -> str:
    return urlsplit(rule.obtain).hostname or "provider" if rule.obtain else "made here"


def _of(edges: list[tuple[Node, Node]], column: str) -> Iterator[str]:
    for edge in edges:
        yield from (name for kind, name in edge if kind == column)


def _draw(edges: list[tuple[Node, Node]], nodes: dict[str, list[str]], alt: str) -> str:
    most = max(map(len, nodes.values()))
    with style():
        canvas, axes = canvas_of(_WIDE, _ROW * (most + 1) + 8)
        heights = {(column, name): _height(row, len(found), most)
                   for column, found in nodes.items() for row, name in enumerate(found)}  # fmt: skip
        for one, other in edges:
            sides = (_AT[one[0]] * _WIDE, _AT[other[0]] * _WIDE)
            line(axes, sides, (heights[one] - 4, heights[other] - 4), "line")
        for column in COLUMNS:
            _text(axes, column, 14, column, "soft")
        for (column, name), height in heights.items():
            _text(axes, column, height, name, "ink")
        return svg(canvas, alt)


def _height(row: int, count: int, most: int) -> float:
    """The nodes of a column spread over the whole height, the first at the top."""
    return _ROW * (1 + (row + 0.5) * most / count) + 4


def _text(axes: Axes, column: str, height: float, name: str, colour: str) -> None:
    side = {"provider": "left", "service": "right"}.get(column, "center")
    text(axes, _AT[column] * _WIDE, height, inert.label(name), colour, ha=side, fontsize=11)
