"""One audit of a quarter as lazy frames: read `Audit` from top to bottom, from sources to what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.base.in_words import Progress, quiet
from audit_lib.findings import decisions, reviews
from audit_lib.findings.documents import document_sources
from audit_lib.leaks import tables as leaked
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logins import traffic
from audit_lib.logins.detect import Verdict, judge, tabulate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logs.read import LogRead, read_logs, tabulate_log_coverage, without_values
from audit_lib.report import notebook, tables
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.judge import mark_items, tabulate_rules
from audit_lib.report.package import publish_review
from audit_lib.report.render import Screen
from audit_lib.report.summary import show_register, summarise
from audit_lib.rotation.progress import RotationRead, tabulate_leak_lives
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.rotation.schedule import tabulate_schedule
from audit_lib.rotation.triggers import tabulate_triggers
from audit_lib.secrecy.identities import mask_client
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrets.ages import tabulate_rotation_pairs
from audit_lib.secrets.population import tabulate_population
from audit_lib.secrets.read_project import ProjectRead, frame
from audit_lib.settings.load import dump
from audit_lib.settings.platform_files import tabulate_configuration
from audit_lib.settings.variables import read_code

# The frames that checks know by the names that they have here.
CHECKED = (
    "sources", "entries", "inventory", "drift", "population", "triggers", "leaks",
    "leak_places", "leak_coverage", "settings_changes", "attestations", "ownership",
)  # fmt: skip


@dataclass(eq=False, repr=False, kw_only=True)
class Audit(ProjectRead):
    """Everything that one audit finds. Each frame is computed when it is asked for, and once.

    No frame holds a value: the keeper does. Times are in UTC. The contract that is named describes a frame's
    columns. `drift`, `evidence` and `ledger` are described where `ProjectRead` has them.

    entries          `EnvEntries`: each line of each env source by its state; values are fingerprints
    inventory        `Inventory`: what each variable's place holds, beside what the policy expects
    ages             `Freshness`: the interval of each secret's age in each place, and the verdict
    sources          `Sources`: each source that was expected or found, with how its lines were read
    population       `Population`: who knows each variable: code, policy, files, platform, ledger
    schedule         `Schedule`: when each secret may be overdue, and when it is
    rotations        `Rotations` of the quarter: what changed between which days, and whether it was recorded
    triggers         `Triggers`: who left, which provider was breached, and whether secrets were rotated since
    detections       `Detections`: each incident that was found, and whether each detection could find one
    log_counts       `LogCounts`: requests and messages by file, day, kind, status, address and route
    requests         the requests among them; `refused`: 401, 403, 429, or as a declared login fails
    failed_logins    failed logins as application or declared route reported them, with time and address;
                     what both reported is one
    daily            requests, refusals, failed logins by day; null, not zero, on a day without a line
    coverage         `ServiceDays`: on how many days each service with logs has lines, and how they were read
    leaks            `Leaks`: each leaked value, whatever its names and places
    leak_places      `LeakPlaces`: where each leaked value is
    leak_coverage    `LeakCoverage`: what was searched for values, and what not
    exposure         `Exposure`: for each leak and place that had the value, whether it is in use
    leak_lives       `LeakLives`: the clean-up status of each leak
    attestations     `Attestations`: each question that no file answers, and who answered it until when
    ownership        `Ownership`: each secret's owner, purpose, reach and period
    sign_offs        `SignOffs`: who signed which review, as what and when, and whether it was on time
    settings_changes `SettingsChanges`: what the last signed review judged by otherwise
    findings         `Findings`: what is wrong or not known, with owner, due, opened, accepted until, change
    changes          `Changes` since the previous report; no row without one
    decisions        `Decisions`: what somebody answers for until a date, with the entry of the ledger
    actions          `Actions`: what to do, the most urgent first; each closes the findings that name it
    rules            `RuleResults`: each of the guide's rules: what decides it, on how much, and its result
    marks            what is `good`, `bad` or `unknown`, by item: what verdict and score are made of
    settings         the settings in force, one to a line
    doubt            why the previous report cannot be relied upon; "" if it can, or there is none
    """

    quarter: Quarter
    previous: Path | None = None  # the last review's report.json
    identities: str = "masked"
    parameters: Mapping[str, str] = field(default_factory=dict)  # of the notebook, for whoever runs it again
    progress: Progress = quiet

    def __repr__(self) -> str:
        return f"Audit of {self.project.name}, {self.quarter}, as of {self.as_of:%Y-%m-%d}"

    # ---- What was read ----

    @cached_property
    def _previous(self) -> reviews.PreviousReport | None:
        name, key = self.project.name, self.keeper.key
        return reviews.read_previous(self.previous, name, key) if self.previous else None

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger's entries by the date of the audit."""
        before = self._previous.heads if self._previous else ()
        known = (*before, *heads_of(self.project.ledger_dir, self.keeper.key))
        return read_ledger(self.project.ledger_dir, self.keeper.key, self.as_of, known)

    @cached_property
    def logs(self) -> LogRead:
        """The logs of the quarter, read once the keeper has the values."""
        _ = self.entries
        formats = formats_of(self.project, self.policy)
        read = read_logs(self.project, self.quarter, formats, progress=self.progress)
        return without_values(read, Redactor.of(self.keeper))

    _csv = cached_property(lambda it: tabulate_triggers(it.project, it.policy, it.ledger, it.ages, it.as_of))

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources`: one row for each source that was expected or found, with how its lines were read."""
        documents = document_sources(self.project, self.policy, self.ledger)
        return Sources.checked(pd.concat([super().sources, documents, self._csv[0]]))

    # ---- Secrets and rotations ----
    _code = cached_property(lambda it: read_code(it.project))
    population = frame(lambda it: tabulate_population(it, it._code))
    schedule = frame(lambda it: tabulate_schedule(it.ages))
    rotations = frame(lambda it: tabulate_rotations(it.ledger, it.quarter.start, it.quarter.end))
    triggers = frame(lambda it: it._csv[1])

    # ---- Logs and logins ----
    watch = cached_property(lambda it: detection_policy(it.policy))
    _label = cached_property(lambda it: traffic.address_label(it.logs, it.keeper.key))

    @cached_property
    def _detected(self) -> tuple[Verdict, ...]:
        window = traffic.Window(self.quarter.start, min(self.quarter.end, self.as_of))
        activity = traffic.tabulate_activity(self.logs, self.watch)
        changes = traffic.recorded_changes(self.ledger, activity.events, self.deploys, window)
        declared = self.project.log_sources
        return judge(traffic.Traffic(activity, self.watch, window, declared, changes, self.as_of))

    # A finding's id must not change with how addresses are shown.
    _detections = frame(lambda it: tabulate(it._detected, partial(mask_client, label=it._label)))
    detections = frame(lambda it: tabulate(it._detected) if it.identities == "full" else it._detections)

    def _shown(self, logs: pd.DataFrame) -> pd.DataFrame:
        """A frame of logs with addresses as they may be shown."""
        return traffic.with_addresses(logs, self._label, self.identities, self.watch.is_known).rename(
            columns={"client": "address"}
        )

    log_counts = frame(lambda it: it._shown(it.logs.counts))
    requests = frame(lambda it: tables.requests_of(it.log_counts))
    failed_logins = frame(lambda it: it._shown(traffic.failed_logins(it.logs.events, it.policy.logins)))
    daily = frame(lambda it: tables.tabulate_days(it.log_counts, it.failed_logins, it.quarter))
    coverage = frame(lambda it: tables.tabulate_coverage(it.sources, it.log_counts, it.quarter, it.as_of))

    # ---- Leaks ----
    _rotating = cached_property(lambda it: RotationRead(it.as_of, it.inventory, it.ledger))

    @cached_property
    def _leaked(self) -> leaked.LeakAudit:
        options = LeakOptions(cache=user_cache(), progress=self.progress)
        search = partial(find_leaks, as_of=self.as_of, stays=self._rotating.stays, options=options)
        return search(self.project, self.keeper, self.policy, self.entries, self.inventory)

    leaks = frame(lambda it: it._leaked.leaks)
    leak_places = frame(lambda it: it._leaked.places)
    leak_coverage = frame(lambda it: it._leaked.coverage)
    exposure = frame(lambda it: leaked.tabulate_exposure(it.leaks, it.inventory, it._rotating.stays))
    leak_lives = frame(lambda it: tabulate_leak_lives(it.leaks, it._rotating))

    # ---- What people decided, and what is wrong ----
    attestations = frame(lambda it: decisions.tabulate_attestations(it.policy, it.ledger, it.as_of))
    ownership = frame(lambda it: decisions.tabulate_ownership(it.policy, it.as_of))
    sign_offs = frame(lambda it: tables.with_lateness(reviews.tabulate_sign_offs(it.ledger)))
    settings = cached_property(lambda it: dump(it.policy, it.project))
    doubt = cached_property(lambda it: it._previous.doubt if it._previous else "")
    _signed = cached_property(lambda it: reviews.last_signed(it.ledger))
    settings_changes = frame(
        lambda it: reviews.tabulate_settings_changes(it.project, it.policy, it._signed, it.doubt)
    )

    @cached_property
    def checked(self) -> Mapping[str, pd.DataFrame]:
        """The frames by the names that checks have for them. Addresses are masked, however they are shown: a
        finding's text must not change with that."""
        logs, masked = self.logs, (self._label, "masked", self.watch.is_known)
        secrets = leaked.tabulate_leaked_secrets(self._leaked, self.exposure, self._rotating.stays)
        return {name: getattr(self, name) for name in CHECKED} | {
            "freshness": self.ages,
            "detections": self._detections,
            "log_events": traffic.with_addresses(logs.events, *masked),
            "log_minutes": traffic.with_addresses(logs.minutes, *masked),
            "log_coverage": tabulate_log_coverage(logs.sources, logs.counts, self.quarter, self.as_of),
            "configuration": tabulate_configuration(self.project, self.policy),
            "rotation_pairs": tabulate_rotation_pairs(self.ages, self.policy),
            "leaked_secrets": secrets,
            "chosen_passwords": leaked.tabulate_chosen_passwords(self._leaked),
            "ledger_faults": decisions.tabulate_ledger_faults(self.ledger),
        }

    @cached_property
    def _judged(self) -> dict[str, pd.DataFrame]:
        before = decisions.Reviews(self._signed, self._previous, str(self.quarter), self.as_of)
        return decisions.judge_findings(self.checked, self.policy, self.ledger, before)

    findings = frame(lambda it: it._judged["findings"])
    changes = frame(lambda it: it._judged["changes"])
    decisions = frame(lambda it: it._judged["decisions"])
    actions = frame(lambda it: tabulate_actions(it.findings, it.checked, it.as_of))
    rules = frame(tabulate_rules)

    marks = cached_property(mark_items)
    _screen = cached_property(summarise)

    def summary(self) -> Screen:
        """The first screen: verdict, key figures, five actions, what falls due, what is not known."""
        return self._screen

    def register(self) -> Screen:
        """The open findings by the action that closes them."""
        return show_register(self.actions, self.findings, self.as_of)

    def publish(self, folder: str) -> None:
        """Write every artefact beside the saved notebook; `Refused` if a value is in one of them."""
        publish_review(self, Path(folder))


def open_audit(  # noqa: PLR0917  so that a cell of a notebook is one line
    project: str = "",
    quarter: str = "",
    as_of: str = "",
    policy: str = "",
    previous: str = "",
    ledger: str = "",
    identities: str = "masked",
    logs: str = "",
) -> Audit:
    """The audit of a project, or of the bundled sample for ""; no frame of it is computed yet.

    Raises `BadInput` with one fault for each parameter that cannot be used, all at once.
    """
    parameters = dict(locals())
    opened = notebook.open_project(parameters)
    audit = Audit(
        **opened,
        quarter=Quarter.named(quarter, opened["as_of"]),
        previous=Path(previous).expanduser().resolve() if previous else None,
        identities=identities,
        parameters=parameters,
        progress=notebook.report_progress,
    )
    notebook.guard_read(audit, parameters)
    return audit
