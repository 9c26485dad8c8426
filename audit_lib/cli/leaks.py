"""`leaks`: every place to which a value of the project has leaked."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import click

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.errors import BadInput
from audit_lib.cli.options import env_option, ledger_option, options, policy_option, project_option
from audit_lib.leaks.git_objects import begin_listing
from audit_lib.leaks.secret_patterns import begin_rules
from audit_lib.project import load_project

_PATIENCE = 2.0  # seconds without a word; a longer search shows that it works
_HELP = """
Find every place to which a secret has leaked.

Searches git's objects, the working tree, .git files, logs, bundles and archives. It looks for every
value of the project's env files (and --env), past and present, in every form.

Prints one line for each leak, never a value. What could not be searched is listed and never counts as
clean.

With --staged, searches only what is staged for the next commit, for known values and those in the
ledger. Then it prints one line for each place, and exits with 3 if there is one.
"""


@click.command(help=_HELP)
@options(project_option)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json", "sarif"]),
    default="table",
    show_default=True,
    help="Format of the output.",
)
@options(env_option, policy_option, ledger_option)
@click.option(
    "--places", "most", default=3, show_default=True, help="Places shown for each leak in the table."
)
@click.option(
    "--patterns/--no-patterns",
    default=None,
    help="Also look for unknown secrets by pattern (default: yes, but not with --staged).",
)
@click.option(
    "--every-provider",
    is_flag=True,
    help="Add the key patterns of about 480 more providers; takes 2 s longer.",
)
@click.option("--fresh", is_flag=True, help="Search everything again, even what was clean last time.")
@click.option(
    "--staged",
    is_flag=True,
    help="Search only what is staged for the next commit; exit with 3 if it has a known value.",
)
def leaks(
    *,
    folder: Path,
    layout: str,
    env: tuple[str, ...],
    policy: str,
    ledger: Path | None,
    most: int,
    patterns: bool | None,
    every_provider: bool,
    fresh: bool,
    staged: bool,
) -> None:
    """Find leaked secrets."""
    project = load_project(folder, ledger)
    if staged:
        if patterns or every_provider or layout != "table":
            raise BadInput.at("--staged", "cannot be combined with --patterns, --every-provider or --format")
        from audit_lib.cli.leaks_staged import report_staged  # noqa: PLC0415  imports what makes tables

        sys.exit(report_staged(project, given=env, policy=policy))
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
            given=env,
            policy=policy,
            patterns=patterns,
            every_provider=every_provider,
            fresh=fresh,
        )
    click.echo(printed(found, layout, most), nl=False)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Reports on a terminal's stderr how far a long search is; nothing elsewhere."""
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
