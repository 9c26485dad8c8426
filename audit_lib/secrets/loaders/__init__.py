"""How each loader reads an env file: one module a loader, each a function of the text alone.

What a loader takes from the environment of its process is not known here: it is assumed to hold none of the
names that the file sets.
"""

from collections.abc import Callable, Mapping

from audit_lib.secrets.loaders import compose, docker, next_env, node_dotenv, python_dotenv, systemd
from audit_lib.secrets.loaders.statement import Reading, Statement

READERS: Mapping[str, Callable[[str], Reading]] = {
    "python-dotenv": python_dotenv.read,
    "dotenv": node_dotenv.read,
    "next": next_env.read,
    "compose": compose.read,
    "docker": docker.read,
    "systemd": systemd.read,
    # Render's "Add from .env" box. Render says no more of its rules than "the format of a .env file":
    # they are taken to be those of node's dotenv.
    "render": node_dotenv.read,
}

__all__ = ["READERS", "Reading", "Statement"]
