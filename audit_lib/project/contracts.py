"""The columns of the frames about settings."""

import pandas as pd

from audit_lib.base.frames import Contract, Field, Series

TOPICS = (
    "file", "blueprint value", "blueprint name", "blueprint preview", "baseline entry", "image context",
    "example kept",
)  # fmt: skip


class Configuration(Contract):
    """One row for each question that the project's own configuration answers; yes is as it should be."""

    topic: Series[str] = Field(isin=TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable, a file, or a place in one
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    service: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


GUIDE_TOPICS = (
    "text", "minima", "example rule", "example value", "formats", "placeholder", "generator", "periods",
    "next review", "days between reviews", "period and review", "published", "called public", "required",
    "set by hand", "list", "validation", "unlisted", "rebuild", "overlap", "command", "history search",
    "copy", "assignment", "obsolete", "ignored", "head", "contents", "snippet", "claim", "need",
    "public report", "permissions",
)  # fmt: skip


class GuideStatements(Contract):
    """One row for each question that a guide's text answers about itself; yes: nothing speaks against it."""

    topic: Series[str] = Field(isin=GUIDE_TOPICS)
    source: Series[str]
    subject: Series[str]  # a variable, a program, a heading, or what is missing
    answer: Series[str] = Field(isin=("yes", "no", "unknown"))
    line: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]
    secret: Series[str]  # the variable; "" if it is not about one
