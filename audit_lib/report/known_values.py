"""Guards the values that a project's env files hold: from then on no output of the process has one."""

from dataclasses import replace
from pathlib import Path

from audit_lib.logs.files import log_files
from audit_lib.secrecy import guard
from audit_lib.secrecy.seal import Classes, classify
from audit_lib.secrets.read_project import ProjectRead


def guard_values(read: ProjectRead) -> Classes:
    """The values of a project by how each is guarded, and searched for. Reads its env files."""
    inventory = read.inventory
    places = (*inventory["environment"].unique(), *inventory["service"].unique())
    # What a report may say anyway: the policy's texts, and names of project, environments, services.
    public = "\n".join([repr(replace(read.policy, path=Path())), read.project.name, *map(str, places)])
    files = [*read.places["source"], *(one.name for _, some in log_files(read.project) for one in some)]
    classes = classify(read.keeper, inventory, public, "\n".join([str(read.project.root), *files]))
    guard.install(read.keeper).classify(classes.sealed, classes.open, classes.public)
    return classes
