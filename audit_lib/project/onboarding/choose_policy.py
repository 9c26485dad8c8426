"""Chooses the policy by which a project is audited."""

import os
from dataclasses import replace
from pathlib import Path

from audit_lib.base.errors import BadInput
from audit_lib.project.audit_toml import leads_out
from audit_lib.project.logins import joined
from audit_lib.project.places import Project
from audit_lib.project.policy.load import bundled_names, bundled_policy, load_policy
from audit_lib.project.policy.rules import Policy

OWN_PLACES = ("policy.toml", ".audit/policy.toml")


def choose_policy(project: Project, override: str = "") -> Policy:
    """The policy named by `--policy`, by audit.toml, or lying in the project; else the bundled one that
    recognises the project by its variables' names; else the generic one. `BadInput` if it is broken.

    It has the logins that audit.toml adds, too.
    """
    policy = _chosen(project, override)
    return replace(policy, logins=joined(policy.logins, project.logins))


def _chosen(project: Project, override: str) -> Policy:
    if override:
        return (
            bundled_policy(override) if override in bundled_names() else load_policy(Path(override), override)
        )
    if project.policy.endswith(".toml") or "/" in project.policy:
        return _own(project, project.policy)
    if project.policy:
        return bundled_policy(project.policy)
    there = [place for place in OWN_PLACES if os.path.lexists(project.root / place)]
    if len(there) == 2:
        raise BadInput.at("policy.toml", "exists twice, in the project and in its .audit/: keep one")
    if there:
        return _own(project, there[0])
    return _recognised(project)


def _own(project: Project, place: str) -> Policy:
    if leads_out(place, project.root):
        raise BadInput.at(place, "leads out of the project through a symbolic link")
    return load_policy(project.root / place, place)


def _recognised(project: Project) -> Policy:
    # A project that names its policy does not wait for what reads names from files and code.
    from audit_lib.project.variables import code_variables, env_variables  # noqa: PLC0415

    others = [bundled_policy(name) for name in bundled_names() if name != "generic"]
    telling = {name for policy in others for name in policy.recognised_by}
    held = set(env_variables(project))
    # The code is searched only where the env files and examples do not tell: it takes longer.
    return (
        _knows(others, held)
        or _knows(others, held | set(code_variables(project, telling)))
        or bundled_policy("generic")
    )


def _knows(policies: list[Policy], names: set[str]) -> Policy | None:
    for policy in policies:
        known = set(policy.recognised_by)
        if known and len(known & names) >= min(policy.recognised_at_least, len(known)):
            return policy
    return None
