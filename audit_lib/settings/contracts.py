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
