"""What is audited, and against what: audit.toml, the policy, a first one."""

from audit_lib.project.load import load_project
from audit_lib.project.places import (
    ALIASES,
    ENVIRONMENTS,
    LOADERS,
    DeploySource,
    EnvSource,
    EvidenceSource,
    GivenValues,
    LogSource,
    Project,
    StoreDate,
    environment_name,
)

__all__ = [
    "ALIASES",
    "ENVIRONMENTS",
    "LOADERS",
    "DeploySource",
    "EnvSource",
    "EvidenceSource",
    "GivenValues",
    "LogSource",
    "Project",
    "StoreDate",
    "environment_name",
    "load_project",
]
