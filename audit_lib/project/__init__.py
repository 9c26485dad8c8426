"""What is audited, and against what: audit.toml, the policy, a first one.

Begin with `load` and `places`, which say what a project is, and `policy`, what is demanded of it.
`onboarding` writes a first audit.toml and policy; `variables` reads which names the code uses, `guide` and
`configuration` what the project's own files say.
"""

from audit_lib.project.load import load_project as load_project
from audit_lib.project.places import (
    ALIASES as ALIASES,
    ENVIRONMENTS as ENVIRONMENTS,
    LOADERS as LOADERS,
    DeploySource as DeploySource,
    EnvSource as EnvSource,
    EvidenceSource as EvidenceSource,
    GivenValues as GivenValues,
    LogSource as LogSource,
    Project as Project,
    StoreDate as StoreDate,
    environment_name as environment_name,
)
