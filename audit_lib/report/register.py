"""What to do and what was signed, for readers: the register of open findings, dates, lateness."""

from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import rows
from audit_lib.base.in_words import day_words
from audit_lib.report import escape as inert


def with_lateness(sign_offs: pd.DataFrame, due_days: int) -> pd.DataFrame:
    """The sign-offs with when each review was due, so many days after its quarter, and if it was on time."""
    due: list[Any] = [
        None if pd.isna(at) else Quarter.last_over(at.to_pydatetime()).end + timedelta(days=due_days)
        for at in sign_offs["as_of"]
    ]
    due_at = pd.Series(pd.to_datetime(due, utc=True), sign_offs.index, dtype="datetime64[us, UTC]")
    on_time = sign_offs["at"].le(due_at).astype("boolean").mask(due_at.isna())
    return sign_offs.assign(due_at=due_at, on_time=on_time)


class Register:
    """The open findings by the action that closes them, each folded: for a notebook and its page."""

    def __init__(self, actions: pd.DataFrame, findings: pd.DataFrame, as_of: datetime) -> None:
        self._actions, self._findings, self._as_of = actions, findings, as_of

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text()}

    def html(self) -> str:
        """One fold for each action with its findings, every text inert."""
        return template("register.html.j2").render(
            actions=self._actions, findings_of=self._findings_of, by=self._by, day=self._day
        )

    def text(self) -> str:
        """One line for each action."""
        lines = [
            f"{row.number}. {row.action}: {row.severity}, {row.owner}, {self._by(row)}, closes {row.closes}"
            for row in rows(self._actions)
        ]
        return inert.plain_lines("\n".join(lines))

    def _findings_of(self, action: Any) -> pd.DataFrame:
        return self._findings[self._findings["action"].eq(action.id) & self._findings["status"].eq("open")]

    def _by(self, action: Any) -> str:
        return due_words(action.due_at, self._as_of)

    def _day(self, at: datetime | None) -> str:
        return "" if at is None else day_words(at, self._as_of.year)


def due_words(due_at: datetime, as_of: datetime) -> str:
    """`by 1 Oct`, or `overdue since 7 Jul`."""
    day = day_words(due_at, as_of.year)
    return f"overdue since {day}" if due_at < as_of else f"by {day}"


@cache
def template(name: str) -> jinja2.Template:
    """A template of this room, in which every text of an audit is made inert and escaped."""
    source = resources.files("audit_lib.report").joinpath(name).read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals["rows"] = rows
    environment.finalize = lambda value: inert.plain(value) if isinstance(value, str) else value
    return environment.from_string(source)
