"""`leaks`: every place to which a value of the project has leaked."""

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from audit_lib.base.errors import BadInput, Fault
from audit_lib.cli import options
from audit_lib.cli.options import PATH
from audit_lib.cli.terminal import progress_bar, say
from audit_lib.settings import load_project

FAIL_ON = ("in-force", "not-known", "not-in-force", "possible")  # the most urgent first
_PATIENCE = 1.0  # seconds without a word; a longer search shows that it works
# The parts of a search, as they report themselves, each with its share of the time.
_WORK = {"shapes in git objects": 40, "files": 20, "git objects": 40}
# Options of the search of a project.
_OF_PROJECT = ("layout", "places", "every_provider", "fresh", "also", "reports", "fail_on")
_HELP = """
Find every place to which a secret has leaked.

Searches git's objects, the working tree, .git files, logs, bundles and archives. It looks for every
value of the project's env files (and --env), past and present, in every form.

Prints one line for each leak, the most urgent first, never a value. What could not be searched is listed
and never counts as clean.

With --also, searches folders outside the project, too: transcripts of coding assistants, shell histories,
exports of chats. With --import, each result of another scanner becomes one leak.

With PATHs, searches only these notebooks, pages and folders, for known values, before you give them away.
It exits with 4 if there is one.

With --staged, searches only what is staged for the next commit: for known values, those in the ledger,
and new secrets by pattern. Then it prints one line for each place, and exits with 3 if there is one.
"""


@click.command(help=_HELP)
@click.argument("paths", nargs=-1, type=PATH, metavar="[PATH...]")
@options.several(options.project)
@options.layout("table", "json", "sarif")
@options.several(options.env, options.policy, options.ledger)
@click.option("--places", default=3, show_default=True, help="Places shown for each leak in the table.")
@click.option(
    "--patterns/--no-patterns",
    default=True,
    show_default=True,
    help="Also look for unknown secrets by pattern.",
)
@click.option(
    "--every-provider",
    is_flag=True,
    help="Add the key patterns of about 480 more providers; takes 2 s longer.",
)
@click.option("--fresh", is_flag=True, help="Search everything again, even what was clean last time.")
@click.option(
    "--also",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="Also search this folder or file outside the project; it is only read.",
)
@click.option(
    "--import",
    "reports",
    multiple=True,
    metavar="FILE",
    type=PATH,
    help="Also take another scanner's results, in SARIF.",
)
@click.option(
    "--fail-on",
    type=click.Choice(FAIL_ON),
    help="Exit with 3 if there is such a leak or a more urgent one, else with 2 if the search is incomplete.",
)
@click.option(
    "--staged",
    is_flag=True,
    help="Search only what is staged for the next commit; exit with 3 if it has a secret.",
)
@click.pass_context
def leaks(
    context: click.Context, /, *, paths: tuple[Path, ...], folder: Path, fail_on: str | None, **given: Any
) -> None:
    """Find leaked secrets."""
    project = load_project(folder, given["ledger"])
    _require_outside(given["also"], project.root)
    env, policy, patterns = given["env"], given["policy"], given["patterns"]
    if paths:
        _refuse(context, "PATH", *_OF_PROJECT, "patterns", "staged")
        from audit_lib.cli.leaks_paths import search_paths  # noqa: PLC0415  imports what makes tables

        search_paths(project, policy, env, paths)
        return
    if given["staged"]:
        _refuse(context, "--staged", *_OF_PROJECT)
        from audit_lib.cli.leaks_staged import report_staged  # noqa: PLC0415  imports what makes tables

        sys.exit(report_staged(project, given=env, policy=policy, patterns=patterns))
    # The import of what makes tables takes long.
    from audit_lib.cli.leaks_run import answer_of, search  # noqa: PLC0415

    with progress_bar(_WORK, _PATIENCE) as progress:
        found = search(project, progress, given)
    _say(answer_of(found, given["layout"], given["places"], _stops(fail_on)))


def _refuse(context: click.Context, beside: str, *names: str) -> None:
    """Raises `BadInput` for each of these options that is given beside one that does not use it."""
    options_ = {option.name: option.opts[0] for option in context.command.params}
    wrong = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if wrong:
        raise BadInput(Fault(options_[name], f"cannot be combined with {beside}") for name in wrong)


def _say(answer: dict[str, Any]) -> None:
    """Say what was found, and end with its exit code."""
    for line in answer["lines"]:
        say(**line)
    click.echo(answer["text"], nl=False)
    if answer["code"]:
        sys.exit(answer["code"])


def _stops(fail_on: str | None) -> tuple[str, ...]:
    """A class of leaks and all that are more urgent; none for none."""
    return FAIL_ON[: FAIL_ON.index(fail_on) + 1] if fail_on else ()


def _require_outside(also: tuple[Path, ...], root: Path) -> None:
    """Raises `BadInput` for a folder that has the project in it, or is in it: its files are no leaks."""
    project = root.resolve()
    for path in also:
        known = path.resolve()
        if known.is_relative_to(project):
            raise BadInput.at("--also", f"{path} is in the project, which is searched anyway")
        if project.is_relative_to(known):
            raise BadInput.at("--also", f"{path} holds the project itself: name a folder beside it")
