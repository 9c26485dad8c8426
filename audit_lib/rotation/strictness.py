"""Whether a failed validation stops the start, and which environment this is, by a policy's `[startup]`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit_lib.base.bounded_glob import matches_glob
from audit_lib.base.errors import BadInput
from audit_lib.project.policy import Policy

_NO = re.compile(r"\s*(0|false|no|off|)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class StartUp:
    """A policy's `[startup]`: the variable that makes a start strict, and the signs of production."""

    strict_variable: str = ""
    production_signs: Mapping[str, str] = field(default_factory=dict)  # variable: glob of its value

    def is_production(self, environ: Mapping[str, str]) -> bool:
        """Whether any of the signs that a platform documents is there."""
        return any(
            name in environ and matches_glob(environ[name], (glob,))
            for name, glob in self.production_signs.items()
        )

    def environment(self, environ: Mapping[str, str]) -> str:
        """The environment by the platform's signs; without any it is development."""
        return "production" if self.is_production(environ) else "development"

    def is_strict(self, environ: Mapping[str, str], environment: str) -> bool:
        """Whether a failure must stop the start: in production always, elsewhere by the variable.

        What is not a plain no counts as a yes.
        """
        asked = environ.get(self.strict_variable, "") if self.strict_variable else ""
        return environment == "production" or not _NO.fullmatch(asked)


def start_up_of(policy: Policy) -> StartUp:
    """The policy's `[startup]`; `BadInput` with the place of what is no text or no known key."""
    table: Any = policy.options.get("startup", {})
    place = f"policy {policy.name}: startup"
    if not isinstance(table, dict) or set(table) - {"strict_variable", "production_signs"}:
        raise BadInput.at(place, "must be a table with strict_variable and production_signs")
    signs = table.get("production_signs", {})
    if not isinstance(signs, dict) or not all(isinstance(glob, str) for glob in signs.values()):
        raise BadInput.at(f"{place}.production_signs", "must be a table of variable = pattern")
    variable = table.get("strict_variable", "")
    if not isinstance(variable, str):
        raise BadInput.at(f"{place}.strict_variable", "must be the name of a variable")
    return StartUp(variable, signs)
