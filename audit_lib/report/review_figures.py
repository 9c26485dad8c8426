"""The two figures of the review: production's ages against their limits, and what was refused when."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, whole_days
from audit_lib.findings.audit import Audit
from audit_lib.leaks.tables import PRODUCTION
from audit_lib.report import escape as inert
from audit_lib.report.colours import COLOURS
from audit_lib.report.columns import status_words
from audit_lib.report.days_of_quarter import bursts, day_of, days, refused_in, stretches, undated
from audit_lib.report.review_tables import PRESSING, age_text, by_pressing, place
from audit_lib.report.svg import MONO, Axes, Figure, bar, canvas_of, line, style, svg, text
from audit_lib.report.table import as_text, show

MOST_ROWS = 24  # more would not be read; the table holds all
MOST_BURSTS = 4
KINDS = {"overdue": "bad", "unknown": "unk", "due": "due", "fresh": "ok"}
REASONS = {"straddles": "not known yet", "conflict": "records disagree", "not supplied": "not supplied"}

_WIDE, _ROW, _TOP = 420.0, 20.0, 18.0
_LEFT, _LIMIT, _RIGHT, _PER_DAY = 186.0, 237.0, 318.0, 0.53  # pixels
_FLAT, _LOW, _HIGH = 733.0, 34.0, 130.0  # of the refused requests


def ages_figure(audit: Audit) -> Figure:
    """Each production secret's age as days from its own limit, the most pressing first.

    Without production the ages of every environment are drawn.
    """
    every = by_pressing(audit.tables["freshness"])
    every = every[every["max_age_days"].notna() & every["status"].ne("exempt")]
    there = every[every["environment"].eq(PRODUCTION)]
    chosen = (there if len(there) else every).reset_index(drop=True)
    shown = chosen.head(MOST_ROWS)
    kind = "production secret" if len(there) else "secret"
    late = int(chosen["status"].eq("overdue").sum())
    title = f"{late} of {counted(len(chosen), kind)} past {'its' if len(chosen) == 1 else 'their own'} limit"
    counts = chosen["status"].value_counts()
    words = ", ".join(f"{counts.get(status, 0)} {status_words(status)}" for status in PRESSING[:-1])
    cut = f" The {len(shown)} most pressing are drawn." if len(shown) < len(chosen) else ""
    alt = f"Age of {counted(len(chosen), kind)} against their limits: {words}.{cut}"
    table = shown.assign(place=place(shown), age=age_text(shown), said=[_said(row) for row in rows(shown)])
    data = show(
        table[["secret", "place", "status", "age", "max_age_days", "said"]].rename(columns={"said": "seen"}),
        empty="no secret has an age limit",
    )
    note = "In days. A bar is all that the age can be; an arrow has no known end; dashed is not decided."
    return Figure(title, note + cut, _draw_ages(shown, alt), as_text(data), alt, "right", chosen)


def _said(row: Any) -> str:
    """The age in days from the limit, rounded so that it claims no more than is known."""
    if row.status == "unknown":
        return REASONS.get(row.reason, "not known")
    low, high = _from_limit(row)
    if row.status == "overdue":
        return f"+{low} d or more" if high is None else f"+{low} to +{high} d"
    left = f"{-(high or 0)}–{-low} d" if high != low else f"{-low} d"
    return f"due in {left}" if row.status == "due" else f"{left} left"


def _from_limit(row: Any) -> tuple[int, int | None]:
    """At least and at most so many days beyond the limit, negative within it; no end is None."""
    least = 0 if row.age_days_min is None else whole_days(row.age_days_min, "_min")
    most = None if row.age_days_max is None else whole_days(row.age_days_max, "_max")
    return least - row.max_age_days, None if most is None else most - row.max_age_days


def _draw_ages(shown: pd.DataFrame, alt: str) -> str:
    bottom = _TOP + _ROW * max(len(shown), 1)
    with style():
        canvas, axes = canvas_of(_WIDE, bottom + 4)
        for days_, words in ((-90, "90 left"), (0, "limit"), (90, "90 over")):
            at = _LIMIT + days_ * _PER_DAY
            line(axes, (at, at), (_TOP - 4, bottom), "line" if days_ else "ink", 1 if days_ else 1.4)
            text(axes, at, 11, words, "soft" if days_ else "ink", ha="center", fontsize=11.5)
        several = shown.duplicated("secret", keep=False)
        for number, (row, more) in enumerate(zip(rows(shown), several, strict=True)):
            base = _TOP + _ROW * number + 15
            name = f"{row.secret} {row.service}" if more else row.secret
            text(axes, 0, base, inert.label(name, 29), "ink", fontsize=10, family=MONO)
            _draw_age(axes, row, base - 8)
            text(axes, _WIDE, base, _said(row), KINDS[row.status], ha="right", fontsize=11.5)
        return svg(canvas, alt)


def _draw_age(axes: Axes, row: Any, top: float) -> None:
    """A bar from the least to the greatest age; a point on a side on which it goes on."""
    low, high = _from_limit(row)
    begin, end = _at(low), _RIGHT if high is None else max(_at(high), _at(low) + 3)
    begin = min(begin, _RIGHT - 14)
    tip = end - 7 if high is None or _LIMIT + high * _PER_DAY > _RIGHT else end
    back = begin + 7 if _LIMIT + low * _PER_DAY < _LEFT and end - begin > 14 else begin
    shape = [(back, top), (tip, top), (end, top + 4), (tip, top + 8), (back, top + 8), (begin, top + 4)]
    kind = KINDS[row.status]
    xs, ys = zip(*shape, strict=True)
    if row.status == "unknown":
        axes.fill(xs, ys, fill=False, edgecolor=COLOURS["unkb"], linewidth=1.2, linestyle=(0, (2.5, 2)))
    else:
        axes.fill(xs, ys, facecolor=COLOURS[f"{kind}b"], linewidth=0)
    if high is None:
        line(axes, (begin, begin), (top - 2, top + 10), kind, 2)


def _at(days_: float) -> float:
    return min(max(_LIMIT + days_ * _PER_DAY, _LEFT), _RIGHT)


def refused_figure(audit: Audit) -> Figure:
    """Refused requests a day, each burst with its name; days of which nothing was read are marked."""
    table = days(audit)
    table["refused"] = refused_in(table)
    found = bursts(audit)
    total, within = int(table["refused"].sum()), int(found["refused"].sum())
    read = int(table["requests"].notna().sum())
    title = f"{counted(total, 'request')} refused"
    if len(found):
        title += f", {within:,} of them on {counted(len(found), 'day')}"
    if not read:
        title = "Refused requests are not known"
    data = as_text(
        show(
            stretches(table, audit.as_of.year).drop(columns="other"),
            note="not known: no request and no known message of these days was read",
        )
    )
    names = [f"{day_words(day_of(row.day), audit.as_of.year)}: {row.refused} refused, {row.what}"
             for row in rows(found)]  # fmt: skip
    lost = undated(audit.tables["log_counts"])
    without = f" {lost} more have no date and are not drawn." if lost else ""
    alt = (
        f"Refused requests a day in {audit.quarter}: {total} in all; {'; '.join(names) or 'no burst'}. "
        f"{read} of {len(table)} days have a log line.{without}"
    )
    note = f"Answered with 401, 403 or 429, a day, in UTC. {_unread(table, audit.as_of.year)}{without}"
    drawing = _draw_refused(table, found.assign(name=names), alt)
    return Figure(title, note.strip(), drawing, data, alt, "left", table)


def _unread(table: pd.DataFrame, year: int) -> str:
    """Which days were not read, as the figure marks them."""
    runs = stretches(table, year)
    silent = list(runs.loc[runs["requests"].isna(), "day"])
    if not silent:
        return ""
    return f"Shaded: no line was read ({', '.join(silent[:3])}{', …' if len(silent) > 3 else ''})."


def _draw_refused(table: pd.DataFrame, found: pd.DataFrame, alt: str) -> str:
    named = found.nlargest(MOST_BURSTS, "refused").sort_values("day")
    top = 15.0 * len(named) + 8
    most = max(int(table["refused"].max() if table["refused"].notna().any() else 0), 1)
    wide = (_FLAT - _LOW) / max(len(table), 1)
    height = (_HIGH - top) / most
    with style():
        canvas, axes = canvas_of(_FLAT, 150)
        for mark in _marks(most):
            level = _HIGH - mark * height
            line(axes, (_LOW, _FLAT), (level, level), "line")
            text(axes, _LOW - 6, level + 4, str(mark), ha="right")
        for number, row in enumerate(rows(table)):
            left = _LOW + wide * number
            if row.requests is None:
                bar(axes, (left, top), (wide, _HIGH - top), "shade")
            elif row.refused:
                kind = "badb" if row.day in set(found["day"]) else "unkb"
                tall = max(row.refused * height, 1)
                bar(axes, (left + 0.8, _HIGH - tall), (wide - 1.6, tall), kind)
            if row.day.endswith("-01"):
                line(axes, (left, left), (_HIGH, _HIGH + 4), "unkb")
                text(axes, left, 147, day_words(day_of(row.day), day_of(row.day).year))
        line(axes, (_LOW, _FLAT), (_HIGH, _HIGH), "unkb")
        _name_bursts(axes, table, named, height)
        return svg(canvas, alt)


def _marks(most: int) -> Iterator[int]:
    """Two round numbers of the scale; one if there is no room for two."""
    step = next(
        size * 10**power for power in range(9) for size in (1, 2, 4, 5) if size * 10**power * 2.6 > most
    )
    yield from (mark for mark in (step, 2 * step) if mark <= most)


def _name_bursts(axes: Axes, table: pd.DataFrame, named: pd.DataFrame, height: float) -> None:
    """A line of text for each, the later the higher, so that no leader crosses another's text."""
    wide = (_FLAT - _LOW) / max(len(table), 1)
    places = {day: _LOW + wide * (number + 0.5) for number, day in enumerate(table["day"])}
    for number, row in enumerate(rows(named)):
        at, base = places[row.day], 15.0 * (len(named) - number) - 3
        left = at > _FLAT * 0.45
        line(axes, (at, at), (base - 8, _HIGH - row.refused * height - 2), "unkb")
        side = "right" if left else "left"
        text(axes, at + (-5 if left else 5), base, inert.label(row.name, 90), "ink", ha=side, fontweight=500)
