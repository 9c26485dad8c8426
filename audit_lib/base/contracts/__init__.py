"""What each frame holds: one contract a frame, checked by the function that builds it.

Times are UTC and end in `_at`; ages end in `_days`. A null says "not known", never "no".
No column of any frame holds a secret value: values are in the keeper, frames hold fingerprints.
"""

from audit_lib.base.contracts.base import (
    FRESHNESS as FRESHNESS,
    LINE_STATES as LINE_STATES,
    STATUSES as STATUSES,
    Contract as Contract,
    Instant as Instant,
    rows as rows,
)
from audit_lib.base.contracts.findings import (
    CHANGES as CHANGES,
    Acceptances as Acceptances,
    Actions as Actions,
    Attestations as Attestations,
    Changes as Changes,
    Exceptions as Exceptions,
    Findings as Findings,
    LedgerFaults as LedgerFaults,
    RuleChanges as RuleChanges,
    RuleResults as RuleResults,
    SignOffs as SignOffs,
)
from audit_lib.base.contracts.incident import (
    Clients as Clients,
    Couplings as Couplings,
    Explanations as Explanations,
    ExposureWindows as ExposureWindows,
    Requests as Requests,
    Steps as Steps,
    Symptoms as Symptoms,
    Timeline as Timeline,
    Uses as Uses,
)
from audit_lib.base.contracts.inputs import (
    Configuration as Configuration,
    Deploys as Deploys,
    EnvEntries as EnvEntries,
    EnvHistory as EnvHistory,
    GuideStatements as GuideStatements,
    Sources as Sources,
)
from audit_lib.base.contracts.leaks import (
    PLACES as PLACES,
    ChosenPasswords as ChosenPasswords,
    CleanUp as CleanUp,
    Exposure as Exposure,
    LeakCoverage as LeakCoverage,
    LeakedSecrets as LeakedSecrets,
    LeakPlaces as LeakPlaces,
    Leaks as Leaks,
    LeaksElsewhere as LeaksElsewhere,
    LeakTargets as LeakTargets,
    Sightings as Sightings,
)
from audit_lib.base.contracts.logs import (
    Alerts as Alerts,
    Daily as Daily,
    DeclaredLogins as DeclaredLogins,
    Detections as Detections,
    GuideSearches as GuideSearches,
    LogCounts as LogCounts,
    LogCoverage as LogCoverage,
    LogEvents as LogEvents,
    LogMinutes as LogMinutes,
)
from audit_lib.base.contracts.rotations import (
    HalfRotations as HalfRotations,
    LeakLives as LeakLives,
    RotationPairs as RotationPairs,
    Rotations as Rotations,
    Schedule as Schedule,
    Triggers as Triggers,
)
from audit_lib.base.contracts.secrets import (
    SIDES as SIDES,
    Drift as Drift,
    Evidence as Evidence,
    Freshness as Freshness,
    Inventory as Inventory,
    Ownership as Ownership,
    Population as Population,
    PopulationSides as PopulationSides,
)
