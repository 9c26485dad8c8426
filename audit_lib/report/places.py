"""The places that somebody points at: a text such as `backend.log:121`, or a frame's rows."""

import pandas as pd

from audit_lib.base.errors import BadInput

Pointed = str | pd.DataFrame | pd.Series  # a place, rows of a frame, or one row


def places(pointed: Pointed) -> list[str]:
    """The places, each once: of rows those of their `evidence`, else of their `file` and `line`.

    Raises:
        BadInput: the rows have no such columns.
    """
    if isinstance(pointed, str):
        return [place for place in pointed.split("; ") if place]
    rows = pointed.to_frame().T if isinstance(pointed, pd.Series) else pointed
    if "evidence" in rows:
        found = [place for text in rows["evidence"].astype("str") for place in text.split("; ")]
    elif {"file", "line"} <= set(rows):
        found = [f"{file}:{line}" for file, line in zip(rows["file"], rows["line"], strict=True)]
    else:
        raise BadInput.at("place", "must be a place such as backend.log:121, or rows with such places")
    return [place for place in dict.fromkeys(found) if place]
