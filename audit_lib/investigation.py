"""One investigation from its sources: read top to bottom, `investigate` is the program."""

from dataclasses import replace
from datetime import datetime
from functools import partial

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.frames import Sources
from audit_lib.base.progress import Progress, quiet
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question, chosen_window, known_address, known_secret, seen_first
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.ledger.timeline import tenures
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logins.requests import Window, bounded, tabulate_requests
from audit_lib.logs.project_logs import cached_logs
from audit_lib.rotation.triggers import tabulate_triggers
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import read_project
from audit_lib.settings import GivenValues, Project, choose_policy


def investigate(
    project: Project,
    question: Question,
    as_of: datetime,
    keeper: Keeper,
    *,
    policy: str = "",
    given: tuple[GivenValues, ...] = (),
    progress: Progress = quiet,
) -> Investigation:
    """The investigation as of an instant: by default since the secret's leak was first seen, or 7 days.

    Raises:
        BadInput: a date, secret, address, policy or ledger that cannot be used.
    """
    rules, address = choose_policy(project, policy), known_address(question.client)
    discovered = seen_first(question.discovered, as_of)
    detections = detection_policy(rules)
    formats = formats_of(project, rules)
    logs = partial(cached_logs, project, keeper, formats=formats, progress=progress)
    read = read_project(project, rules, keeper, as_of, logs, given=given)
    secret = known_secret(question.secret, rules, read.inventory)
    options = LeakOptions(cache=user_cache(), patterns=False, progress=progress)
    leaked = find_leaks(
        project,
        keeper,
        rules,
        read.entries,
        read.inventory,
        stays=tenures(read.ledger),
        options=options,
    )
    lists, triggers = tabulate_triggers(project, rules, read.ledger, read.freshness, as_of)
    return Investigation(
        project=project,
        policy=rules,
        as_of=as_of,
        window=chosen_window(question, secret, leaked.leaks, read.history, as_of),
        secret=secret,
        client=address,
        discovered=discovered,
        sources=Sources.checked(pd.concat([read.sources, lists], ignore_index=True)),
        requests=tabulate_requests(
            read.logs.minutes, read.logs.counts, detections.access, detections.refused_statuses
        ),
        events=bounded(read.logs.events),
        log_counts=read.logs.counts,
        ledger=read.ledger,
        history=read.history,
        deploys=read.deploys,
        inventory=read.inventory,
        freshness=read.freshness,
        drift=read.drift,
        leaks=leaked.leaks,
        leak_places=leaked.places,
        leak_coverage=leaked.coverage,
        triggers=triggers,
    )


def seen_through(
    investigation: Investigation,
    window: Window | None = None,
    *,
    secret: str | None = None,
    client: str | None = None,
) -> Investigation:
    """The investigation through another window, or of another secret or address.

    What is None stays as it is, and nothing is read again.
    """
    return replace(
        investigation,
        window=window or investigation.window,
        secret=investigation.secret if secret is None else secret,
        client=investigation.client if client is None else client,
    )
