"""What was computed once about an incident, for all explanations."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.tables import incident_facts as facts
from audit_lib.tables.scene import Scene
from audit_lib.tables.value_changes import Change, changes_near

COLLAPSE, ENOUGH = 0.95, 50  # detections.md, 2, "Common gates"


@dataclass(frozen=True)
class Facts:
    """What was computed once, for all explanations."""

    scene: Scene
    windows: pd.DataFrame  # ExposureWindows
    changes: tuple[Change, ...]
    longest_break: facts.Break | None
    newcomers: tuple[facts.Newcomer, ...]
    bursts: dict[str, int]
    share_internal: float
    requests: int
    unpaired: tuple[str, ...]
    refused: int
    failed_logins: int
    limited: int
    unnamed_routes: int

    @property
    def collapsed(self) -> bool:
        """Whether the addresses are a proxy's."""
        return self.share_internal > COLLAPSE and self.requests >= ENOUGH

    @property
    def stale(self) -> set[str]:
        """The sources that had succeeded and failed after a change."""
        return {client for change in self.changes for client in change.stale}

    @property
    def broken(self) -> bool:
        """Whether for five minutes or more nearly everyone failed."""
        gap = self.longest_break
        return gap is not None and gap.minutes >= 5 and gap.failures >= 5 and gap.clients >= 2


def gathered(scene: Scene, windows: pd.DataFrame) -> Facts:
    """The facts about a scene."""
    share, requests = facts.collapsed(scene)
    refused, failed, limited = facts.failures_in(scene)
    return Facts(
        scene=scene,
        windows=windows,
        changes=changes_near(scene),
        longest_break=facts.longest_break(scene),
        newcomers=facts.newcomers(scene),
        bursts=facts.burst_sources(scene),
        share_internal=share,
        requests=requests,
        unpaired=facts.unpaired(scene),
        refused=refused,
        failed_logins=failed,
        limited=limited,
        unnamed_routes=facts.unnamed_routes(scene),
    )
