"""The frames behind an audit or an investigation: which there are, what they hold, and each by its name."""

from collections.abc import Callable, Mapping

import pandas as pd

from audit_lib.base.errors import BadInput
from audit_lib.base.in_words import nearest
from audit_lib.findings.audit import Audit
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.record import exposed_uses, tabulate_record
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.timeline import tabulate_timeline
from audit_lib.incident.where_to_look import tabulate_suspicions
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.report.meanings import contract_of, summary, tabulate_columns
from audit_lib.report.table import Table, show

_READ = (
    "requests", "events", "log_counts", "sources", "history", "deploys", "inventory", "freshness", "drift",
    "leaks", "leak_places", "leak_coverage", "clients",
)  # fmt: skip
_COMPUTED: dict[str, Callable[[Investigation], pd.DataFrame]] = {
    "timeline": tabulate_timeline,
    "explanations": tabulate_explanations,
    "detections": tabulate_window_detections,
    "exposure_windows": tabulate_exposure_windows,
    "uses": exposed_uses,
    "steps": tabulate_steps,
    "symptoms": tabulate_symptoms,
    "suspicions": tabulate_suspicions,
    "record": tabulate_record,
}
# What frames without a contract hold: they are made for a reader.
_OTHERS = {
    "suspicions": "One row for each thing that stands out in all logs, with parameters that look into it.",
    "record": "One row for each field of the incident's record.",
}


def frames(content: Audit | Investigation, name: str = "") -> Table:
    """Each frame with what it holds; with a name, each column of that frame with its meaning.

    Raises:
        BadInput: no frame has the name.
    """
    if name:
        chosen = frame(content, name)
        return show(tabulate_columns(chosen), f"{name}: {_holds(name, chosen)}")
    every = frames_of(content)
    told = pd.DataFrame(
        [(name, _holds(name, one), len(one), ", ".join(map(str, one))) for name, one in every.items()],
        columns=["frame", "holds", "rows", "columns"],
    )
    note = 'report.frame(…, "NAME") is the frame, report.frames(…, "NAME") says what its columns mean.'
    return show(told, "Frames", note)


def frame(content: Audit | Investigation, name: str) -> pd.DataFrame:
    """One frame by its name, with its types; a copy, so that nothing changes what is shown elsewhere.

    Raises:
        BadInput: no frame has the name.
    """
    every = content.tables if isinstance(content, Audit) else (*_READ, *_COMPUTED)
    if name not in every:
        raise BadInput.at("name", f"is not a frame{nearest(name, every)}: report.frames lists them")
    if isinstance(content, Audit):
        return content.tables[name].copy()
    return (_COMPUTED[name](content) if name in _COMPUTED else getattr(content, name)).copy()


def frames_of(content: Audit | Investigation) -> Mapping[str, pd.DataFrame]:
    """The frames by name; of an investigation those that were read, and those of its window."""
    if isinstance(content, Audit):
        return content.tables
    return {name: frame(content, name) for name in (*_READ, *_COMPUTED)}


def _holds(name: str, one: pd.DataFrame) -> str:
    contract = contract_of(tuple(map(str, one)))
    return summary(contract) if contract else _OTHERS.get(name, "")
