"""One incident from sources to explanations: read top to bottom, `investigate` is the program."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import parse_instant
from audit_lib.base.contracts import Clients, LeakPlaces, Leaks
from audit_lib.incident.data import Scene
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.exposure_windows import tabulate_exposure_windows, tabulate_uses
from audit_lib.incident.question import Question, chosen_window, known_secret, seen_first
from audit_lib.incident.timeline import tabulate_timeline, tabulate_written
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.leaks.search import search_leaks
from audit_lib.leaks.tabulate import tabulate_leaks
from audit_lib.leaks.targets import leak_targets
from audit_lib.ledger import Ledger
from audit_lib.ledger.revocations import revocations
from audit_lib.ledger.tenures import tenures
from audit_lib.logins.clients import tabulate_clients, tabulate_daily, tabulate_spans
from audit_lib.logins.requests import Access, Window, bounded, tabulate_requests
from audit_lib.logs.cache import cached_logs
from audit_lib.project import GivenValues, Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.policy import Policy
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import read_project


@dataclass(frozen=True)
class Incident:
    """What is known of an incident; frames by their contracts. Holds no value: the keeper does."""

    project: Project
    scene: Scene
    sources: pd.DataFrame
    freshness: pd.DataFrame
    leak_coverage: pd.DataFrame
    ledger: Ledger
    log_counts: pd.DataFrame  # LogCounts, all that were read
    client: str = ""
    discovered: str = ""  # when it was seen first, as somebody says
    timeline: pd.DataFrame = field(default_factory=pd.DataFrame)  # of the window; by `seen_through`

    @cached_property
    def windows(self) -> pd.DataFrame:
        """`ExposureWindows`, computed where they are asked for: a picker's change need not wait for them."""
        return tabulate_exposure_windows(self.scene)

    @property
    def concerned(self) -> pd.DataFrame:
        """The exposure windows that this incident is about: of a secret that is named, or leaked and used."""
        used = self.explanations.iloc[0]["explanation"] == "leaked and used"
        return self.windows if self.scene.secret or used else self.windows.iloc[:0]

    @cached_property
    def explanations(self) -> pd.DataFrame:
        """`Hypotheses`, computed where they are asked for."""
        return tabulate_explanations(self.scene, self.windows)

    @cached_property
    def detections(self) -> pd.DataFrame:
        """`Detections` of the window, computed where they are asked for."""
        return tabulate_window_detections(self.scene, self.sources, self.log_counts, self.ledger)

    def uses(self, window: Window) -> pd.DataFrame:
        """`Uses` of an exposure window."""
        return tabulate_uses(self.scene, window)

    @property
    def pinned(self) -> bool:
        """Whether it is looked at as of the instant that the sample's audit.toml pins."""
        pinned = self.project.pinned_as_of
        return bool(pinned) and parse_instant(pinned, "pinned_as_of") == self.scene.as_of

    @property
    def window(self) -> Window:
        """The time that is looked at."""
        return self.scene.window

    @property
    def policy(self) -> Policy:
        """The policy by which it is judged."""
        return self.scene.policy

    @property
    def name(self) -> str:
        """A name for the record: project, day, and what is looked into."""
        what = self.scene.secret or self.client or "logins"
        return f"{self.project.name}-{self.window.since:%Y%m%d}-{what}"


def investigate(
    project: Project,
    question: Question,
    as_of: datetime,
    keeper: Keeper,
    *,
    policy: str = "",
    given: tuple[GivenValues, ...] = (),
) -> Incident:
    """The incident as of an instant: by default since the first sighting of the secret's leak, or 7 days.

    Raises:
        BadInput: a date, secret, policy or ledger that cannot be used.
    """
    rules = choose_policy(project, policy)
    discovered = seen_first(question.discovered, as_of)
    read = read_project(project, rules, keeper, as_of, partial(cached_logs, project, keeper), given=given)
    secret = known_secret(question.secret, rules, read.inventory)
    targets = leak_targets(read.entries, read.inventory, rules, keeper)
    requests = tabulate_requests(read.logs.minutes, read.logs.counts, Access.of(rules))
    events = bounded(read.logs.events)
    search = search_leaks(project, keeper, targets, cache=user_cache())
    leaks, places = tabulate_leaks(search.sightings, targets)
    scene = Scene(
        window=chosen_window(question, secret, leaks, read.history, as_of),
        as_of=as_of,
        policy=rules,
        secret=secret,
        requests=requests,
        events=events,
        spans=tabulate_spans(requests),
        daily=tabulate_daily(requests),
        written=tabulate_written(requests, events),
        clients=Clients.of([]),
        stays=tenures(read.ledger),
        revocations=revocations(read.ledger),
        history=read.history,
        deploys=read.deploys,
        inventory=read.inventory,
        drift=read.drift,
        leaks=Leaks.checked(leaks),
        leak_places=LeakPlaces.checked(places),
    )
    found = Incident(
        project=project,
        scene=scene,
        sources=read.sources,
        freshness=read.freshness,
        leak_coverage=search.coverage,
        client=question.client.strip(),
        discovered=discovered,
        ledger=read.ledger,
        log_counts=read.logs.counts,
    )
    return seen_through(found, scene.window)


def seen_through(incident: Incident, window: Window, secret: str | None = None) -> Incident:
    """The incident through another window or about another secret; nothing is read again."""
    about = incident.scene.secret if secret is None else secret
    scene = replace(incident.scene, window=window, secret=about)
    if window == incident.window and not incident.timeline.columns.empty:
        return replace(incident, scene=scene)  # what happened then is the same for every secret
    clients = tabulate_clients(scene.requests, scene.here, scene.said, scene.spans, scene.daily, window)
    scene = replace(scene, clients=clients)
    moved = replace(incident, scene=scene, timeline=tabulate_timeline(scene))
    if about == incident.scene.secret and "windows" in vars(incident):
        vars(moved)["windows"] = incident.windows  # they do not depend on the window that is looked through
    return moved
