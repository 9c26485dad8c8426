"""What each frame holds: one pandera model a frame, validated by the function that builds it.

Times are UTC and end in `_at`; ages end in `_days`. A null says "not known", never "no".
No column of any frame holds a secret value: values are in the keeper, frames hold fingerprints.
"""

from audit_lib.base.contracts.base import (
    FRESHNESS,
    LINE_STATES,
    STATUSES,
    Contract,
    Instant,
    rows,
)
from audit_lib.base.contracts.findings import (
    CHANGES,
    Acceptances,
    Attestations,
    Changes,
    Findings,
    LedgerFaults,
    RuleResults,
)
from audit_lib.base.contracts.incident import (
    Clients,
    Couplings,
    Explanations,
    ExposureWindows,
    Requests,
    Steps,
    Symptoms,
    Timeline,
    Uses,
)
from audit_lib.base.contracts.inputs import Configuration, Deploys, EnvEntries, EnvHistory, Sources
from audit_lib.base.contracts.leaks import (
    PLACES,
    CleanUp,
    Exposure,
    LeakCoverage,
    LeakedSecrets,
    LeakPlaces,
    Leaks,
    LeakTargets,
    Sightings,
)
from audit_lib.base.contracts.logs import (
    Alerts,
    Detections,
    GuideSearches,
    LogCounts,
    LogCoverage,
    LogEvents,
    LogMinutes,
)
from audit_lib.base.contracts.rotations import (
    HalfRotations,
    LeakLives,
    RotationPairs,
    Rotations,
    Schedule,
)
from audit_lib.base.contracts.secrets import Drift, Evidence, Freshness, Inventory

__all__ = [
    "CHANGES",
    "FRESHNESS",
    "LINE_STATES",
    "PLACES",
    "STATUSES",
    "Acceptances",
    "Alerts",
    "Attestations",
    "Changes",
    "CleanUp",
    "Clients",
    "Configuration",
    "Contract",
    "Couplings",
    "Deploys",
    "Detections",
    "Drift",
    "EnvEntries",
    "EnvHistory",
    "Evidence",
    "Explanations",
    "Exposure",
    "ExposureWindows",
    "Findings",
    "Freshness",
    "GuideSearches",
    "HalfRotations",
    "Instant",
    "Inventory",
    "LeakCoverage",
    "LeakLives",
    "LeakPlaces",
    "LeakTargets",
    "LeakedSecrets",
    "Leaks",
    "LedgerFaults",
    "LogCounts",
    "LogCoverage",
    "LogEvents",
    "LogMinutes",
    "Requests",
    "RotationPairs",
    "Rotations",
    "RuleResults",
    "Schedule",
    "Sightings",
    "Sources",
    "Steps",
    "Symptoms",
    "Timeline",
    "Uses",
    "rows",
]
