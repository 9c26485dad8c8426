"""One audit of a quarter as lazy frames: read `Audit` from top to bottom, from sources to what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.base.git import head_of, refuse_part_of_repository
from audit_lib.base.log_kinds import DECLARED, FAILED_REQUESTS
from audit_lib.base.progress import Progress, quiet
from audit_lib.findings.checks import CHECKS
from audit_lib.findings.decisions import (
    Reviews,
    judge_findings,
    tabulate_attestations,
    tabulate_ledger_faults,
    tabulate_ownership,
)
from audit_lib.findings.documents import document_sources
from audit_lib.findings.reviews import (
    PreviousReport,
    last_signed,
    read_previous,
    tabulate_settings_changes,
    tabulate_sign_offs,
)
from audit_lib.leaks.exposure import tabulate_exposure, tabulate_leaked_secrets
from audit_lib.leaks.find_leaks import LeakAudit, LeakOptions, find_leaks
from audit_lib.leaks.tables import tabulate_chosen_passwords
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logins.alerts import evaluate
from audit_lib.logins.declared import tabulate_logins
from audit_lib.logins.detect import Verdict, judge, tabulate
from audit_lib.logins.parameters import detection_policy, formats_of, is_known
from audit_lib.logins.requests import Access, tabulate_requests
from audit_lib.logins.tables import address_label, last_uses, tabulate_log_coverage, with_addresses
from audit_lib.logins.traffic import gather
from audit_lib.logs.contracts import LogEvents
from audit_lib.logs.deploys import DeployRead, read_deploys
from audit_lib.logs.frames import LogRead
from audit_lib.logs.project_logs import read_logs, without_values
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.daily import tabulate_coverage, tabulate_days
from audit_lib.report.package import DUE_DAYS
from audit_lib.report.register import Register, with_lateness
from audit_lib.report.review import publish_review
from audit_lib.report.rules import tabulate_rules
from audit_lib.report.summary import Summary, summarise
from audit_lib.rotation.progress import RotationRead, tabulate_leak_lives
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.rotation.schedule import tabulate_schedule
from audit_lib.rotation.triggers import tabulate_triggers
from audit_lib.secrecy.identities import mask_client
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrets.ages import tabulate_freshness, tabulate_rotation_pairs
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.evidence import collect_evidence
from audit_lib.secrets.history import env_history
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.population import tabulate_population, tabulate_sides
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import read_env_sources
from audit_lib.secrets.stores import read_store_dates
from audit_lib.settings import GivenValues, Policy, Project
from audit_lib.settings.code_reads import CodeRead, read_code
from audit_lib.settings.dump import dump
from audit_lib.settings.platform_files import tabulate_configuration

# The names under which checks know frames that have another name here.
_CHECKED = {
    "freshness": "ages",
    "log_counts": "_counts",
    "log_events": "_events",
    "detections": "_detections",
}


@dataclass(frozen=True)
class Options:
    """How an audit is run, beside what is audited: values for this run, the last report, who is shown."""

    given: tuple[GivenValues, ...] = ()
    previous: Path | None = None
    identities: str = "masked"
    parameters: Mapping[str, str] = field(default_factory=dict)  # of the notebook, for whoever runs it again
    progress: Progress = quiet


@dataclass(eq=False, repr=False)
class Audit:
    """Everything that one audit finds. Each frame is computed when it is asked for, and once.

    No frame holds a value: the keeper does. Columns are described in the `contracts.py` of their rooms.
    """

    project: Project
    policy: Policy
    quarter: Quarter
    as_of: datetime
    keeper: Keeper
    options: Options = field(default_factory=Options)

    def __repr__(self) -> str:
        return f"Audit of {self.project.name}, {self.quarter}, as of {self.as_of:%Y-%m-%d}"

    # ---- What was read ----

    @cached_property
    def _env(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        refuse_part_of_repository(self.project.root)
        return read_env_sources(self.project, self.options.given, self.keeper, self.policy)

    @cached_property
    def entries(self) -> pd.DataFrame:
        """`Entries`: one row for each line of an env file, without its value."""
        return self._env[1]

    @cached_property
    def _previous(self) -> PreviousReport | None:
        path = self.options.previous
        return read_previous(path, self.project.name, self.keeper.key) if path else None

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger's entries by the date of the audit."""
        before = self._previous.heads if self._previous else ()
        known = (*before, *heads_of(self.project.ledger_dir, self.keeper.key))
        return read_ledger(self.project.ledger_dir, self.keeper.key, self.as_of, known)

    @cached_property
    def _history(self) -> pd.DataFrame:
        return env_history(self.project, self.keeper)

    @cached_property
    def _deploys(self) -> DeployRead:
        return read_deploys(self.project, self.keeper, self.as_of)

    @cached_property
    def _stores(self) -> tuple[pd.DataFrame, tuple[Any, ...]]:
        return read_store_dates(self.project, self.options.given)

    @cached_property
    def _logs(self) -> LogRead:
        _ = self._env, self._history  # the keeper must hold the values before a log is read
        formats, progress = formats_of(self.project, self.policy), self.options.progress
        read = read_logs(self.project, self.quarter, formats, progress=progress)
        return without_values(read, Redactor.of(self.keeper))

    @cached_property
    def _lists(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tabulate_triggers(self.project, self.policy, self.ledger, self.ages, self.as_of)

    @cached_property
    def code(self) -> CodeRead:
        """Which variables the code reads, and where."""
        return read_code(self.project)

    @cached_property
    def _places(self) -> pd.DataFrame:
        return Sources.checked(pd.concat([self._env[0], self._deploys.sources, self._stores[0]]))

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources`: one row for each source that was expected or found, with how its lines were read."""
        documents = document_sources(self.project, self.policy, self.ledger)
        own = [self._env[0], self._logs.sources, self._deploys.sources, self._stores[0]]
        return Sources.checked(pd.concat([*own, documents, self._lists[0]]))

    @cached_property
    def configuration(self) -> pd.DataFrame:
        """`Configuration`: what Dockerfiles, ignore files and blueprints say."""
        return tabulate_configuration(self.project, self.policy)

    # ---- Secrets: where, how old, shared with what ----

    @cached_property
    def inventory(self) -> pd.DataFrame:
        """`Inventory`: one row for each variable and place, with what is asked of its value."""
        return tabulate_inventory(self.entries, self.policy, self.project, self.keeper, self._places)

    @cached_property
    def drift(self) -> pd.DataFrame:
        """`Drift`: pairs of places, whether they hold one value, and whether they should."""
        return compare_places(self.inventory, self.entries, self.policy, self.keeper)

    @cached_property
    def evidence(self) -> pd.DataFrame:
        """`Evidence`: each piece that bounds when a value came into use. No log is read for it."""
        return collect_evidence(
            self.inventory,
            self.entries,
            self._places,
            self.ledger,
            log_events=LogEvents.of([]),
            history=self._history,
            dates=self._stores[1],
            as_of=self.as_of,
            keeper=self.keeper,
        )

    @cached_property
    def ages(self) -> pd.DataFrame:
        """`Freshness`: the interval of each secret's age in each place, and the verdict."""
        return tabulate_freshness(self.inventory, self.evidence, self.policy, self.as_of)

    @cached_property
    def schedule(self) -> pd.DataFrame:
        """`Schedule`: when each secret may be overdue, and when it is."""
        return tabulate_schedule(self.ages)

    @cached_property
    def population(self) -> pd.DataFrame:
        """`Population`: who knows each variable: code, policy, files, platform, ledger."""
        requests = tabulate_requests(self._logs.minutes, self._logs.counts, Access.of(self.policy))
        used = last_uses(requests, self.policy, self.as_of)
        return tabulate_population(
            self.project, self.policy, self.code, self._read, self.keeper, last_uses=used
        )

    @cached_property
    def population_sides(self) -> pd.DataFrame:
        """`PopulationSides`: how much of each of these was seen."""
        return tabulate_sides(self.population, self.policy, self.code, self.sources, self.ledger)

    # ---- Rotations ----

    @cached_property
    def _read(self) -> ProjectRead:
        return ProjectRead(
            sources=self.sources,
            logs=self._logs,
            ledger=self.ledger,
            entries=self.entries,
            history=self._history,
            deploys=self._deploys.deploys,
            inventory=self.inventory,
            drift=self.drift,
            evidence=self.evidence,
            freshness=self.ages,
        )

    @cached_property
    def _rotating(self) -> RotationRead:
        return RotationRead(self.as_of, self.inventory, self.ledger)

    @cached_property
    def rotation_pairs(self) -> pd.DataFrame:
        """`RotationPairs`: secrets that must be rotated together."""
        return tabulate_rotation_pairs(self.ages, self.policy)

    @cached_property
    def rotations(self) -> pd.DataFrame:
        """`Rotations` of the quarter: what changed between which days, and whether it was recorded."""
        return tabulate_rotations(self.ledger, self.quarter.start, self.quarter.end)

    @cached_property
    def triggers(self) -> pd.DataFrame:
        """`Triggers`: who left, which provider was breached, and whether secrets were rotated since."""
        return self._lists[1]

    # ---- Logs and logins ----

    @cached_property
    def _detected(self) -> tuple[Verdict, ...]:
        rules, logs = detection_policy(self.policy), self._logs
        period = self.quarter.start, min(self.quarter.end, self.as_of)
        frames = logs.sources, logs.counts, logs.events, logs.minutes
        given = (*frames, self.ledger, rules, *period, self._deploys.deploys)
        return judge(gather(*given, log_sources=self.project.log_sources, as_of=self.as_of))

    @cached_property
    def _label(self) -> Any:
        return address_label(self._logs, self.keeper.key)

    @cached_property
    def _counts(self) -> pd.DataFrame:
        return self._logs.counts

    @cached_property
    def _events(self) -> pd.DataFrame:
        return self._logs.events

    @cached_property
    def _shown(self) -> Mapping[str, pd.DataFrame]:
        frames = {"log_counts": self._logs.counts, "log_events": self._logs.events}
        known = partial(is_known, policy=detection_policy(self.policy))
        return with_addresses(frames, self._label, self.options.identities, known)

    @cached_property
    def _detections(self) -> pd.DataFrame:
        # A finding's id must not change with how addresses are shown.
        return tabulate(self._detected, partial(mask_client, label=self._label))

    @cached_property
    def detections(self) -> pd.DataFrame:
        """`Detections`: each incident that was found, and for each detection whether it could find one."""
        return tabulate(self._detected) if self.options.identities == "full" else self._detections

    @cached_property
    def log_counts(self) -> pd.DataFrame:
        """`LogCounts`: requests and messages by file, day, kind, status, address and route."""
        return self._shown["log_counts"].rename(columns={"client": "address"})

    @cached_property
    def requests(self) -> pd.DataFrame:
        """The requests among `log_counts`; `refused` are those answered with 401, 403 or 429."""
        found = self.log_counts[self.log_counts["kind"].isin((*FAILED_REQUESTS, "other"))]
        return found.assign(refused=found["kind"].isin(FAILED_REQUESTS)).reset_index(drop=True)

    @cached_property
    def events(self) -> pd.DataFrame:
        """`LogEvents`: each failure and message with its place and time."""
        return self._shown["log_events"].rename(columns={"client": "address"})

    @cached_property
    def failed_logins(self) -> pd.DataFrame:
        """Failed logins as the application or a declared login route reported them, by day and address."""
        counts = self.log_counts
        return counts[counts["kind"].isin(("login_failed", DECLARED))].reset_index(drop=True)

    @cached_property
    def declared_logins(self) -> pd.DataFrame:
        """`DeclaredLogins`: each login route with its attempts."""
        return tabulate_logins(self.policy.logins, self._logs.counts, self._logs.events)

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Requests, refusals and failed logins by day; null on a day without a line, which is not zero."""
        return tabulate_days(self.log_counts, self.quarter)

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """`ServiceDays`: on how many days each service with logs has lines, and how they were read."""
        return tabulate_coverage(self.sources, self.log_counts, self.quarter, self.as_of)

    @cached_property
    def alerts(self) -> pd.DataFrame:
        """`Alerts` of the policy over the quarter, as far as it is over."""
        end = min(self.quarter.end, self.as_of)
        given = (self.policy.alerts, self._logs, self.ledger, self.quarter.start, end)
        rules = detection_policy(self.policy)
        return evaluate(*given, policy=rules, log_sources=self.project.log_sources)

    @cached_property
    def log_coverage(self) -> pd.DataFrame:
        """`LogCoverage`: the quarter's days beside the days and lines that were read."""
        return tabulate_log_coverage(self._logs.sources, self._logs.counts, self.quarter, self.as_of)

    # ---- Leaks ----

    @cached_property
    def _leaked(self) -> LeakAudit:
        options = LeakOptions(cache=user_cache(), progress=self.options.progress)
        search = partial(find_leaks, as_of=self.as_of, stays=self._rotating.stays, options=options)
        return search(self.project, self.keeper, self.policy, self.entries, self.inventory)

    @cached_property
    def leaks(self) -> pd.DataFrame:
        """`Leaks`: one row for each leaked value, whatever its names and places."""
        return self._leaked.leaks

    @cached_property
    def leak_places(self) -> pd.DataFrame:
        """`LeakPlaces`: where each leaked value is."""
        return self._leaked.places

    @cached_property
    def leak_coverage(self) -> pd.DataFrame:
        """`LeakCoverage`: what was searched for values, and what was not."""
        return self._leaked.coverage

    @cached_property
    def exposure(self) -> pd.DataFrame:
        """`Exposure`: for each leak and place that had the value, whether it is in use and for how long."""
        stays = self._rotating.stays
        return tabulate_exposure(self.leaks, self.inventory, self.ages, self.as_of, stays)

    @cached_property
    def leak_lives(self) -> pd.DataFrame:
        """`LeakLives`: the clean-up status of each leak."""
        return tabulate_leak_lives(self.leaks, self._rotating)

    @cached_property
    def leaked_secrets(self) -> pd.DataFrame:
        """`LeakedSecrets`: leaks by the secret that has the value."""
        return tabulate_leaked_secrets(self.leaks, self.leak_places, self.exposure)

    @cached_property
    def chosen_passwords(self) -> pd.DataFrame:
        """`ChosenPasswords`: passwords that somebody chose, in files."""
        return tabulate_chosen_passwords(self.leaks, self.leak_places)

    # ---- What people decided ----

    @cached_property
    def attestations(self) -> pd.DataFrame:
        """`Attestations`: each question that no file answers, and who answered it until when."""
        return tabulate_attestations(self.policy, self.ledger, self.as_of)

    @cached_property
    def ownership(self) -> pd.DataFrame:
        """`Ownership`: each secret's owner, purpose, reach and period."""
        return tabulate_ownership(self.policy, self.ledger, self.as_of)

    @cached_property
    def sign_offs(self) -> pd.DataFrame:
        """`SignOffs`: who signed which review, as what and when, and whether it was on time."""
        return with_lateness(tabulate_sign_offs(self.ledger), DUE_DAYS)

    @cached_property
    def ledger_faults(self) -> pd.DataFrame:
        """`LedgerFaults`: entries that do not hold."""
        return tabulate_ledger_faults(self.ledger)

    # ---- The settings, and what is wrong by them ----

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """The settings in force, one to a line."""
        return dump(self.policy, self.project)

    @property
    def doubt(self) -> str:
        """Why the previous report cannot be relied upon; "" if it can, or there is none."""
        return self._previous.doubt if self._previous else ""

    @cached_property
    def settings_changes(self) -> pd.DataFrame:
        """`SettingsChanges`: what the last signed review judged by otherwise."""
        return tabulate_settings_changes(self.project, self.policy, last_signed(self.ledger), self.doubt)

    @cached_property
    def _judged(self) -> dict[str, pd.DataFrame]:
        reviews = Reviews(last_signed(self.ledger), self._previous, str(self.quarter), self.as_of)
        return judge_findings(Frames(self), self.policy, self.ledger, reviews)

    @cached_property
    def findings(self) -> pd.DataFrame:
        """`Findings`: what is wrong or not known, with owner, due, opened, accepted until, change."""
        return self._judged["findings"]

    @cached_property
    def changes(self) -> pd.DataFrame:
        """`Changes` since the previous report; no row without one."""
        return self._judged["changes"]

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """`Decisions`: what somebody answers for by name, until a date, with the entry of the ledger."""
        return self._judged["decisions"]

    @cached_property
    def actions(self) -> pd.DataFrame:
        """`Actions`: what to do, the most urgent first; each closes the findings that name it."""
        return tabulate_actions(self.findings, self.inventory, self.ages, self.as_of)

    @cached_property
    def rules(self) -> pd.DataFrame:
        """`RuleResults`: each of the guide's rules: what decides it, on how much, and what came out."""
        return tabulate_rules(self, Frames(self))

    # ---- The report ----

    @cached_property
    def commit(self) -> str:
        """The commit that the project is at; "" without one."""
        return head_of(self.project.root)

    def summary(self) -> Summary:
        """The first screen: verdict, key figures, five actions, what falls due, what is not known."""
        return summarise(self)

    def register(self) -> Register:
        """The open findings by the action that closes them."""
        return Register(self.actions, self.findings, self.as_of)

    def publish(self, folder: str) -> None:
        """Write every artefact beside the saved notebook in a folder, and search them for every value.

        Raises:
            Refused: a value is in one of them.
        """
        publish_review(self, Path(folder))


class Frames(Mapping[str, pd.DataFrame]):
    """An audit's frames by the names that checks have for them, each still computed when it is asked for."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def __getitem__(self, name: str) -> pd.DataFrame:
        if not hasattr(Audit, name) and name not in _CHECKED:
            raise KeyError(name)
        frame: pd.DataFrame = getattr(self._audit, _CHECKED.get(name, name))
        return frame

    def __iter__(self) -> Iterator[str]:
        return iter({check.table for check in CHECKS})

    def __len__(self) -> int:
        return len(list(iter(self)))
