"""Projects of a few env files, and what is read of them."""

from pathlib import Path

import pandas as pd

from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import EnvSource, GivenValues, Policy, Project


def read_files(
    root: Path, policy: Policy, *given: GivenValues, **files: str
) -> tuple[pd.DataFrame, pd.DataFrame, Keeper]:
    """Inventory, entries and keeper of env files `environment_service="text"`; `…_more` is one beside it."""
    sources = []
    for name, text in files.items():
        environment, service, *_ = name.split("_")
        (root / f"{name}.env").write_text(text)
        example = environment == "example"
        sources.append(EnvSource("" if example else environment, service, f"{name}.env", example=example))
    project = Project("app", root, environments=("development",), env_sources=tuple(sources))
    keeper = Keeper(Key(b"k" * 32, "demo"))
    read, entries = read_env_sources(project, given, keeper, policy)
    return tabulate_inventory(entries, policy, project, keeper, read), entries, keeper
