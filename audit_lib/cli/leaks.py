"""`leaks --project DIR`: every place where a value of the project has leaked."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import click

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import BadInput
from audit_lib.leaks.git_objects import begin_listing
from audit_lib.leaks.secret_patterns import begin_rules
from audit_lib.project import load_project

_PATIENCE = 2.0  # seconds without a word; a longer search shows that it works
_HELP = """
Searches git's objects, the working tree, .git files, logs, bundles and archives for every value that
the project's env files (and --env) hold, past and present, in every form.

Prints one line a leak, never a value. What could not be searched is listed, and never counts as clean.

With --staged it searches what is staged for the next commit instead, for known values alone, those that
only the ledger has seen among them: one line a place, and exit code 3 if there is one.
"""


@click.command(help=_HELP)
@click.option(
    "--project",
    "root",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Folder of the application.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json", "sarif"]),
    default="table",
    show_default=True,
    help="How leaks are printed.",
)
@click.option(
    "--env",
    "given",
    multiple=True,
    metavar="ENV/SERVICE=FILE|-|environ",
    help="Values that live only on a platform.",
)
@click.option("--policy", default="", help="A bundled policy's name or a policy file.")
@click.option("--ledger", type=click.Path(path_type=Path), help="A ledger folder other than .audit/ledger.")
@click.option(
    "--places", "most", default=3, show_default=True, help="Places shown for each leak in the table."
)
@click.option(
    "--patterns/--no-patterns",
    default=None,
    help="Search by shape for values nobody gave. By default on, with --staged off.",
)
@click.option(
    "--every-provider", is_flag=True, help="Add the shapes of some 480 providers' keys, in 2 s more."
)
@click.option("--fresh", is_flag=True, help="Search everything anew, whatever was found clean before.")
@click.option(
    "--staged",
    is_flag=True,
    help="Search only what is staged for the next commit; exit with 3 if a known value is in it.",
)
def leaks(
    *,
    root: Path,
    layout: str,
    given: tuple[str, ...],
    policy: str,
    ledger: Path | None,
    most: int,
    patterns: bool | None,
    every_provider: bool,
    fresh: bool,
    staged: bool,
) -> None:
    """Find leaked secrets."""
    project = load_project(root, ledger)
    if staged:
        if patterns or every_provider or layout != "table":
            raise BadInput.at("--staged", "goes with neither --patterns nor --every-provider nor --format")
        from audit_lib.cli.leaks_staged import report_staged  # noqa: PLC0415  imports what makes tables

        sys.exit(report_staged(project, given=given, policy=policy))
    patterns = patterns is not False
    listing = begin_listing(project.root)
    if patterns:
        begin_rules(user_cache() / "rules", every_provider=every_provider)
    # The import of what makes tables takes longer than git, which goes on meanwhile.
    from audit_lib.cli.leaks_run import printed, search  # noqa: PLC0415

    with _progress() as progress:
        found = search(
            project,
            listing,
            progress,
            given=given,
            policy=policy,
            patterns=patterns,
            every_provider=every_provider,
            fresh=fresh,
        )
    click.echo(printed(found, layout, most), nl=False)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Says on a terminal's stderr how far a long search is; nothing elsewhere."""
    started = monotonic()
    shown = 0.0

    def show(what: str, done: int, of: int) -> None:
        nonlocal shown
        now = monotonic()
        if now - started > _PATIENCE and now - shown > 0.1:
            shown = now
            share = f" of {of:,}" if of else ""
            click.echo(f"\r\x1b[K{what}: {done:,}{share}", nl=False, err=True)

    if not sys.stderr.isatty():
        yield lambda what, done, of: None
        return
    yield show
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)
