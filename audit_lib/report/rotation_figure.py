"""The coupling graph of a secret as one drawing: provider, variable, store and service, left to right."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pandas as pd

from audit_lib.project.policy import SecretRule
from audit_lib.report import escape as inert
from audit_lib.report.svg import INK, MUTED, Axes, Figure, panels, style, svg
from audit_lib.report.table import as_text, show
from audit_lib.rotation.refreshes import reads
from audit_lib.rotation.scope import RotationScope

COLUMNS = ("provider", "variable", "store", "service")
_AT = {"provider": 0.0, "variable": 0.22, "store": 0.52, "service": 1.0}
Node = tuple[str, str]  # a column and a name


def coupling_figure(scope: RotationScope) -> Figure:
    """What a secret's rotation touches, with its edges as text."""
    edges = list(dict.fromkeys(_edges(scope)))
    nodes = {name: list(dict.fromkeys(_of(edges, name))) for name in COLUMNS}
    counts = ", ".join(f"{name}: {len(found)}" for name, found in nodes.items())
    alt = f"What a rotation of {scope.rule.name} touches ({counts})."
    table = pd.DataFrame([(*one, *other) for one, other in edges], columns=["from", "name", "to", "place"])
    return Figure(_draw(edges, nodes, alt), as_text(show(table)), alt)


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
        canvas, (axes,) = panels([0.32 * (most + 1)], 0.2, 9.2, 0.2, 0.15)
        axes.set_axis_off()
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.8, most)
        heights = {(column, name): _height(row, len(found), most)
                   for column, found in nodes.items() for row, name in enumerate(found)}  # fmt: skip
        for one, other in edges:
            _line(axes, one, other, heights)
        for column in COLUMNS:
            _text(axes, column, most - 0.4, column, MUTED)
        for (column, name), height in heights.items():
            _text(axes, column, height, name, INK)
        return svg(canvas, alt)


def _height(row: int, count: int, most: int) -> float:
    """The nodes of a column spread over the whole height, the first at the top."""
    return most - 1 - (row + 0.5) * most / count + 0.5 - 0.3


def _line(axes: Axes, one: Node, other: Node, heights: dict[Node, float]) -> None:
    xs = (_AT[one[0]] + 0.005, _AT[other[0]] - 0.005)
    axes.plot(xs, (heights[one], heights[other]), "-", color=MUTED, linewidth=0.8, alpha=0.5, zorder=1)


def _text(axes: Axes, column: str, height: float, name: str, colour: str) -> None:
    side = {"provider": "left", "service": "right"}.get(column, "center")
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    axes.text(
        _AT[column], height, inert.label(name), ha=side, va="center", fontsize=8, color=colour, bbox=box
    )
