"""`alerts`: which of the policy's alerts fired since an instant, and which are not known."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pandas as pd

from audit_lib.base.clock import iso, since_instant
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.cli import options
from audit_lib.cli.open_project import opened, with_given_logs
from audit_lib.cli.options import now
from audit_lib.cli.terminal import BAD, DOUBT, GOOD, say
from audit_lib.findings.reviews import last_signed
from audit_lib.ledger import Ledger, read_ledger
from audit_lib.ledger.keys import key_of
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logs.project_logs import read_logs
from audit_lib.report import escape as inert
from audit_lib.settings.dump import difference, digest_of_difference, dump

_STYLES = {"fired": BAD, "unknown": DOUBT, "quiet": GOOD}
FIRED, UNKNOWN = 3, 2  # too little could be read to evaluate the alert: bad input


@click.command()
@options.several(options.project)
@click.option(
    "--since", default="30m", show_default=True, help="From when on, such as 30m, 7d or 2026-09-30T12:00Z."
)
@options.several(options.log, options.policy)
@options.layout("table", "json")
def alerts(folder: Path, since: str, policy: str, **given: Any) -> None:
    """Evaluate the policy's alerts over the latest logs, for cron.

    For example: `audit-lib alerts --project ../my-app --since 1h`.

    It exits with 3 if an alert fired. It exits with 2 if one could not be evaluated, since that is not
    quiet, or if audit.toml, the policy or the log formats changed since the last sign-off.
    """
    until = now()
    start = since_instant(since, until)
    context = opened(folder, None, policy)
    project = with_given_logs(context.project, given["logs"])
    rules, detections = context.policy.alerts, detection_policy(context.policy)
    if not rules:
        raise BadInput.at(f"policy {context.policy.name}", "has no [[alerts]]")
    logs = read_logs(project, None, formats_of(project, context.policy))
    ledger_dir = context.project.ledger_dir
    # Without a ledger there is no key to ask for, and none is made.
    ledger = read_ledger(ledger_dir, key_of(context.project) if ledger_dir.exists() else None, until)
    sources = project.log_sources
    found = evaluate(rules, logs, ledger, start, until, policy=detections, log_sources=sources)
    is_json = given["layout"] == "json"
    if is_json:
        click.echo(_as_json(found), nl=False)
    else:
        _say(found)
    changed = _say_settings(dump(context.policy, project), ledger, is_json)
    unknown = found[found["state"].eq("unknown")]
    for row in rows(unknown):
        click.echo(inert.plain(f"alert {row.alert}: not known: {row.reason}"), err=True)
    sys.exit(FIRED if found["state"].eq("fired").any() else UNKNOWN if len(unknown) or changed else 0)


def _say_settings(now_: tuple[str, ...], ledger: Ledger, is_json: bool) -> bool:
    """Prints the digest of settings and formats; whether they changed since the last sign-off."""
    digest, last = digest_of_difference(now_), last_signed(ledger)
    if last is None or last.settings is None:
        click.echo(f"settings and formats: {digest} (never signed)", err=is_json)
        return False
    changed = difference(last.settings, now_)
    state = "changed since" if changed else "as in"
    click.echo(
        f"settings and formats: {digest} ({state} the sign-off {inert.plain(last.place)})", err=is_json
    )
    for line in changed:
        click.echo(inert.plain(line), err=True)
    return bool(changed)


def _say(alerts: pd.DataFrame) -> None:
    """A line for each alert, what fired first: with its first and last instant and its places."""
    ranked = alerts.sort_values("state", key=lambda states: states.map(list(_STYLES).index), kind="stable")
    for row in rows(ranked):
        state = row.state.upper() if row.state == "fired" else row.state
        span = "" if row.first_at is None else f" from {iso(row.first_at)} to {iso(row.last_at)}"
        why = f" ({row.evidence or row.reason})" if row.evidence or row.reason else ""
        say(f"{' ' * (9 - len(state))}{row.alert}: {row.count}{span}{why}", state, _STYLES[row.state])


def _as_json(alerts: pd.DataFrame) -> str:
    records = [{name: _plain(value) for name, value in row._asdict().items()} for row in rows(alerts)]
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def _plain(value: object) -> object:
    return iso(value) if isinstance(value, datetime) else value
