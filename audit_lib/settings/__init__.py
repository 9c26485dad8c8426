"""What is audited, and against what: audit.toml and the policy that it extends.

`models` says what may be written and what the audit makes of it, `load` reads it; `discover` finds out what
nobody wrote yet, `variables` and `platform_files` what the project's files say.
"""

from audit_lib.settings.load import (
    bundled_policy as bundled_policy,
    choose_policy as choose_policy,
    load_policy as load_policy,
    load_project as load_project,
)
from audit_lib.settings.models import (
    ENVIRONMENTS as ENVIRONMENTS,
    DeploySource as DeploySource,
    EnvSource as EnvSource,
    GivenValues as GivenValues,
    Login as Login,
    LogSource as LogSource,
    Policy as Policy,
    Project as Project,
    SecretRule as SecretRule,
    StoreDate as StoreDate,
    environment_name as environment_name,
)
