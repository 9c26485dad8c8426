"""What the incident notebooks import: open an investigation, then show one table or figure a cell.

Importing it installs the guard (by `audit_lib.notebook`): from then on no output holds a value.
"""

import atexit
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.getipython import get_ipython

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.in_words import nearest
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.notes import Pointed, add_note
from audit_lib.incident.question import Question
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.opening import current_instant, refuse_values
from audit_lib.report.focus import Focus
from audit_lib.report.frames import frame as frame, frames as frames
from audit_lib.report.incident_answers import incident_answers as incident_answers
from audit_lib.report.incident_screen import (
    incident_explanations as incident_explanations,
    incident_headline as incident_headline,
    incident_not_known as incident_not_known,
    incident_stands_out as incident_stands_out,
    incident_steps as incident_steps,
)
from audit_lib.report.incident_sections import (
    addresses_section as addresses_section,
    explanations_section as explanations_section,
    exposure_section as exposure_section,
    read_section as read_section,
    record_section as record_section,
    steps_section as steps_section,
    symptoms_section as symptoms_section,
    timeline_section as timeline_section,
)
from audit_lib.report.incident_tables import (
    lines_table,
    notes_table as notes_table,
    read_table as read_table,
    steps_table as steps_table,
    where_to_look_table as where_to_look_table,
)
from audit_lib.report.pickers import pickers as pickers
from audit_lib.report.publish.incident_evidence import package, search_package, searched
from audit_lib.report.publish.publication import Content, Publication, guarded
from audit_lib.report.publish.scratch import scratch_folder
from audit_lib.report.rich_table import show as show
from audit_lib.report.table import Table
from audit_lib.report.timeline_figure import timeline_figure as timeline_figure
from audit_lib.sample import build_sample
from audit_lib.secrecy import guard, kernel_pipe as handoff
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import instant_of, load_project

# Of the investigations opened here: what a package is searched for before it is written.
_keepers: list[Keeper] = []
_focused: list[Focus] = []  # the last is what lines and notes go by
_opened = ExitStack()
atexit.register(_opened.close)


def focus(investigation: Investigation) -> Focus:
    """What is looked at: the pickers change it, and what is shown of `focus.seen` follows."""
    _focused.append(Focus(investigation))
    return _focused[-1]


def lines(place: Pointed, around: int = 2) -> Table:
    """The log lines at a place such as "backend.log:121", or at those of a frame's rows, and those around.

    Raises:
        BadInput: nothing was opened yet, or the rows name no places.
    """
    return lines_table(_seen().project, place, around)


def note(text: str, evidence: Pointed = "") -> Table:
    """All observations of this incident, with a new one: a text with its place, or the rows that show it."""
    add_note(_seen(), text, evidence)
    return notes_table(_seen())


def _seen() -> Investigation:
    if not _focused:
        raise BadInput.at("investigation", "is not open yet: call open_investigation first")
    return _focused[-1].seen


def write_package(investigation: Investigation, folder: str, notebook: str = "") -> Table:
    """Write this session's evidence package (tables, quoted lines, notes) as evidence.zip into a folder.

    `notebook` is the file that JupyterLab has saved, to be packed as well; "" packs none.

    Raises:
        BadInput: the folder does not exist, or holds an evidence.zip already; the notebook cannot be read.
        Refused: a secret value would be in it; nothing is written.
    """
    path = Path(folder).expanduser() / "evidence.zip"
    if not path.parent.is_dir() or path.exists():
        raise BadInput.at("folder", "is not a folder, or has an evidence.zip already: name another")
    if not _keepers:
        raise BadInput.at("investigation", "was opened by `investigate`, which has packed it already")
    content = package(investigation, {"incident.ipynb": _saved(notebook)} if notebook else {})
    search_package(content, investigation, _keepers[-1])
    path.write_bytes(content)
    return notes_table(investigation)


def _saved(notebook: str) -> str:
    """A saved notebook without values; `BadInput` if it is not one."""
    try:
        text = Path(notebook).expanduser().read_text("utf-8")
        nbformat.reads(text, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        raise BadInput.at("notebook", "cannot be read as a notebook: save it, and name its file") from None
    return guard.scrub(text)


def open_investigation(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    since: str = "",
    until: str = "",
    secret: str = "",
    client: str = "",
    as_of: str = "",
    policy: str = "",
    discovered: str = "",
) -> Investigation:
    """The investigation that a notebook's parameters name: handed over by `investigate`, or computed here.

    The notebook says what each parameter means; "" is none, and for the project the sample.

    Raises:
        BadInput: one fault for each parameter that cannot be used.
    """
    given = {
        "project": project,
        "since": since,
        "until": until,
        "secret": secret,
        "client": client,
        "as_of": as_of,
        "policy": policy,
        "discovered": discovered,
    }
    refuse_misspelt(given)
    handed = handoff.receive(given)
    if isinstance(handed, Investigation):
        return focus(handed).seen
    refuse_unusable(given)
    # Lines are quoted from the logs later on, so the sample stays until the kernel ends.
    opened = load_project(_opened.enter_context(project_folder(project)), sample=not project)
    keeper = keeper_of(opened)
    moment = instant_of(opened, as_of or opened.pinned_as_of or current_instant())
    question = Question(since, until, secret, client, discovered)
    found = open_guarded(
        given, keeper, lambda: searched(investigate(opened, question, moment, keeper, policy=policy), keeper)
    )
    _keepers.append(keeper)
    return focus(found).seen


def open_guarded(
    parameters: Mapping[str, str], keeper: Keeper, make: Callable[[], Publication[Content]]
) -> Content:
    """What `make` gives, once the guard knows its values; `BadInput` if a parameter is one of them."""
    made = guarded(keeper, make)
    refuse_values(parameters)
    return made.content


def refuse_misspelt(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` for each text that a notebook has set under nearly the name of a parameter.

    papermill passes on what the notebook does not have; the default would be reviewed without a word.
    """
    shell = get_ipython()
    texts = [name for name, value in shell.user_ns.items() if isinstance(value, str)] if shell else []
    hints = {name: nearest(name, parameters) for name in texts if name not in parameters and name[0] != "_"}
    if any(hints.values()):
        raise BadInput(Fault(name, f"is not a parameter{hint}") for name, hint in hints.items() if hint)


def refuse_unusable(parameters: Mapping[str, Any]) -> None:
    """Raise `BadInput` for each parameter that is not a text, and for a project that is not a folder."""
    wrong = [name for name, text in parameters.items() if not isinstance(text, str)]
    if wrong:
        raise BadInput(Fault(name, "is not a text: write it in quotes") for name in wrong)
    if parameters["project"] and not Path(parameters["project"]).expanduser().is_dir():
        raise BadInput.at("project", "is not a folder")


@contextmanager
def project_folder(project: str) -> Iterator[Path]:
    """The project's folder; for "" the bundled sample, built in a folder that is removed afterwards."""
    if project:
        yield Path(project).expanduser().resolve()
        return
    with scratch_folder("audit-sample-") as folder:
        root = folder / "sample"
        build_sample(root)
        yield root
