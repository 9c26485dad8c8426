"""A frame as an investigation's tables show it: instants brief, columns by the words that readers know."""

from datetime import datetime

import pandas as pd

from audit_lib.base.clock import briefly

_WORDS = {
    "client": "address",
    "classification": "class",
    "not_before_at": "from",
    "not_after_at": "to",
    "successes": "answered",
    "successes_before": "answered before",
    "may_be": "perhaps outside",
}
UNKNOWN = "not known"


def with_brief_instants(frame: pd.DataFrame, as_of: datetime, **words: str) -> pd.DataFrame:
    """The frame for a reader: `first_at` becomes `first`, `20 Aug 03:00`; `words` name columns anew."""
    shown = frame.copy()
    for name in frame:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            texts = [UNKNOWN if pd.isna(at) else briefly(at, as_of) for at in frame[name]]
            shown[name] = pd.Series(texts, index=frame.index, dtype="object")
    named = {name: (_WORDS | words).get(name, name.removesuffix("_at")) for name in map(str, frame)}
    return shown.rename(columns=named)
