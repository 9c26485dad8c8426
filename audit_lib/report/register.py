"""What is on record about each finding: owner, dates, change, and the ledger's entry behind a decision."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Contract, Field, Instant, Series, rows
from audit_lib.base.in_words import day_words
from audit_lib.ledger import Ledger
from audit_lib.report import escape as inert


class Decisions(Contract):
    """One row for each decision that somebody answers for by name, with its entry in the ledger."""

    decision: Series[str] = Field(isin=("accepted", "answered"))
    about: Series[str]  # the id of a finding, or a question
    by: Series[str]
    reason: Series[str]
    until_at: Series[Instant] = Field(nullable=True)
    state: Series[str]  # in effect | expired | no finding has this id | attested | answered no | open
    entry: Series[str] = Field(nullable=True)


_REGISTERED = ("owner", "ticket", "opened_at", "opened_in", "due_at", "overdue")


def with_register(
    findings: pd.DataFrame, exceptions: pd.DataFrame, changes: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """The findings with what the register has of each; `change` is "" without an earlier report."""
    register = exceptions.drop_duplicates("id").set_index("id")[list(_REGISTERED)]
    change = changes.drop_duplicates("id").set_index("id")["change"]
    joined = findings.join(register, on="id").assign(
        change=findings["id"].map(change).fillna("").astype("str"),
        accepted_in=findings["id"].map(entries_of(ledger, "acceptance", "id")).fillna("").astype("str"),
    )
    texts = {name: joined[name].fillna("").astype("str") for name in ("owner", "ticket", "opened_in")}
    return joined.assign(**texts, overdue=joined["overdue"].fillna(False).astype(bool))


def entries_of(ledger: Ledger, kind: str, subject: str) -> Mapping[str, str]:
    """By subject the place of the last entry of a kind, such as `ledger alice#5`."""
    return {str(entry.body[subject]): entry.place for entry in ledger.of_kind(kind)}


def tabulate_decisions(ledger: Ledger, acceptances: pd.DataFrame, attestations: pd.DataFrame) -> pd.DataFrame:
    """`Decisions`, in the order of their ends."""
    answered = attestations[attestations["by"].ne("")]
    accepted = pd.DataFrame(
        {
            "decision": "accepted",
            "about": acceptances["accepted_id"],
            "by": acceptances["by"],
            "reason": acceptances["reason"],
            "until_at": acceptances["until_at"],
            "state": acceptances["expired"]
            .map({True: "expired", False: "in effect"})
            .where(acceptances["matches"], "no finding has this id"),
            "entry": acceptances["accepted_id"].map(entries_of(ledger, "acceptance", "id")),
        }
    )
    answers = pd.DataFrame(
        {
            "decision": "answered",
            "about": answered["rule"],
            "by": answered["by"],
            "reason": answered["reason"],
            "until_at": answered["until_at"],
            "state": answered["status"],
            "entry": answered["rule"].map(entries_of(ledger, "attestation", "rule")),
        }
    )
    both = pd.concat([accepted, answers], ignore_index=True)
    return Decisions.checked(both.sort_values(["until_at", "about"], kind="stable"))


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
            actions=self._actions, findings=self._findings, by=self._by, day=self._day
        )

    def text(self) -> str:
        """One line for each action."""
        lines = [
            f"{row.number}. {row.action}: {row.severity}, {row.owner}, {self._by(row)}, closes {row.closes}"
            for row in rows(self._actions)
        ]
        return inert.plain_lines("\n".join(lines))

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
