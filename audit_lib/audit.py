"""One audit of a quarter as lazy frames: read `Audit` from top to bottom, from sources to what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import Quarter
from audit_lib.base.frames import Sources
from audit_lib.base.progress import Progress, quiet
from audit_lib.findings import decisions, reviews
from audit_lib.findings.documents import document_sources
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.tables import tabulate_chosen_passwords, tabulate_exposure, tabulate_leaked_secrets
from audit_lib.ledger import Ledger, heads_of, read_ledger
from audit_lib.logins.detect import Verdict, judge, tabulate
from audit_lib.logins.parameters import detection_policy, formats_of
from audit_lib.logins.traffic import (
    Traffic,
    Window,
    address_label,
    recorded_changes,
    tabulate_activity,
    with_addresses,
)
from audit_lib.logs.read import LogRead, read_logs, tabulate_log_coverage, without_values
from audit_lib.report import notebook
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.judge import judged
from audit_lib.report.known_values import guard_values
from audit_lib.report.package import publish_review
from audit_lib.report.rules import tabulate_rules
from audit_lib.report.summary import Register, Summary, summarise
from audit_lib.report.tables import (
    failed_logins_of,
    requests_of,
    tabulate_coverage,
    tabulate_days,
    with_lateness,
)
from audit_lib.rotation.progress import RotationRead, tabulate_leak_lives
from audit_lib.rotation.rotations import tabulate_rotations
from audit_lib.rotation.schedule import tabulate_schedule
from audit_lib.rotation.triggers import tabulate_triggers
from audit_lib.secrecy.identities import mask_client
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrets.ages import tabulate_rotation_pairs
from audit_lib.secrets.population import tabulate_population, tabulate_sides
from audit_lib.secrets.read_project import ProjectRead, frame
from audit_lib.settings.code_reads import read_code
from audit_lib.settings.dump import dump
from audit_lib.settings.platform_files import tabulate_configuration


class CheckedFrames(dict[str, pd.DataFrame]):
    """An audit's frames by the names that checks have for them, each computed when it is asked for."""

    def __init__(self, audit: "Audit") -> None:
        super().__init__()
        self._audit = audit

    def __missing__(self, name: str) -> pd.DataFrame:
        self[name] = _CHECKED[name](self._audit) if name in _CHECKED else getattr(self._audit, name)
        return self[name]


@dataclass(eq=False, repr=False, kw_only=True)
class Audit(ProjectRead):
    """Everything that one audit finds. Each frame is computed when it is asked for, and once.

    `entries`, `inventory`, `drift`, `evidence`, `ages`, `ledger` are those of `ProjectRead`. No frame holds a
    value: the keeper does. Columns are described in the `contracts.py` of their rooms.
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
        path = self.previous
        return reviews.read_previous(path, self.project.name, self.keeper.key) if path else None

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger's entries by the date of the audit."""
        before = self._previous.heads if self._previous else ()
        known = (*before, *heads_of(self.project.ledger_dir, self.keeper.key))
        return read_ledger(self.project.ledger_dir, self.keeper.key, self.as_of, known)

    @cached_property
    def logs(self) -> LogRead:
        """The logs of the quarter, read once the keeper has the values."""
        _ = self.entries, self.history
        formats = formats_of(self.project, self.policy)
        read = read_logs(self.project, self.quarter, formats, progress=self.progress)
        return without_values(read, Redactor.of(self.keeper))

    @cached_property
    def _lists(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tabulate_triggers(self.project, self.policy, self.ledger, self.ages, self.as_of)

    @cached_property
    def sources(self) -> pd.DataFrame:
        """`Sources`: one row for each source that was expected or found, with how its lines were read."""
        documents = document_sources(self.project, self.policy, self.ledger)
        return Sources.checked(pd.concat([super().sources, documents, self._lists[0]]))

    # ---- Secrets and rotations ----

    _code = cached_property(lambda self: read_code(self.project))
    # `Population`: who knows each variable: code, policy, files, platform, ledger.
    population = frame(
        lambda self: tabulate_population(self.project, self.policy, self._code, self, self.keeper)
    )
    # `PopulationSides`: how much of each of these was seen.
    population_sides = frame(
        lambda self: tabulate_sides(self.population, self.policy, self._code, self.sources, self.ledger)
    )
    # `Schedule`: when each secret may be overdue, and when it is.
    schedule = frame(lambda self: tabulate_schedule(self.ages))
    # `Rotations` of the quarter: what changed between which days, and whether it was recorded.
    rotations = frame(lambda self: tabulate_rotations(self.ledger, self.quarter.start, self.quarter.end))
    # `Triggers`: who left, which provider was breached, and whether secrets were rotated since.
    triggers = frame(lambda self: self._lists[1])

    # ---- Logs and logins ----

    _watch = cached_property(lambda self: detection_policy(self.policy))
    _label = cached_property(lambda self: address_label(self.logs, self.keeper.key))

    @cached_property
    def _detected(self) -> tuple[Verdict, ...]:
        window = Window(self.quarter.start, min(self.quarter.end, self.as_of))
        activity = tabulate_activity(self.logs, self._watch)
        changes = recorded_changes(self.ledger, activity.events, self.deploys, window)
        declared = self.project.log_sources
        return judge(Traffic(activity, self._watch, window, declared, changes, self.as_of))

    # A finding's id must not change with how addresses are shown.
    _detections = frame(lambda self: tabulate(self._detected, partial(mask_client, label=self._label)))
    # `Detections`: each incident that was found, and for each detection whether it could find one.
    detections = frame(
        lambda self: tabulate(self._detected) if self.identities == "full" else self._detections
    )

    @cached_property
    def log_counts(self) -> pd.DataFrame:
        """`LogCounts`: requests and messages by file, day, kind, status, address and route."""
        shown = with_addresses(self.logs.counts, self._label, self.identities, self._watch.is_known)
        return shown.rename(columns={"client": "address"})

    # The requests among them; `refused` are those answered with 401, 403 or 429.
    requests = frame(lambda self: requests_of(self.log_counts))
    # Failed logins as the application or a declared login route reported them, by day and address.
    failed_logins = frame(lambda self: failed_logins_of(self.log_counts))
    # Requests, refusals and failed logins by day; null on a day without a line, which is not zero.
    daily = frame(lambda self: tabulate_days(self.log_counts, self.quarter))
    # `ServiceDays`: on how many days each service with logs has lines, and how they were read.
    coverage = frame(lambda self: tabulate_coverage(self.sources, self.log_counts, self.quarter, self.as_of))

    # ---- Leaks ----

    _rotating = cached_property(lambda self: RotationRead(self.as_of, self.inventory, self.ledger))

    @cached_property
    def _leaked(self) -> LeakAudit:
        options = LeakOptions(cache=user_cache(), progress=self.progress)
        search = partial(find_leaks, as_of=self.as_of, stays=self._rotating.stays, options=options)
        return search(self.project, self.keeper, self.policy, self.entries, self.inventory)

    # `Leaks`: one row for each leaked value, whatever its names and places.
    leaks = frame(lambda self: self._leaked.leaks)
    # `LeakPlaces`: where each leaked value is. `LeakCoverage`: what was searched for values, and what not.
    leak_places = frame(lambda self: self._leaked.places)
    leak_coverage = frame(lambda self: self._leaked.coverage)
    # `Exposure`: for each leak and place that had the value, whether it is in use.
    exposure = frame(lambda self: tabulate_exposure(self.leaks, self.inventory, self._rotating.stays))
    # `LeakLives`: the clean-up status of each leak.
    leak_lives = frame(lambda self: tabulate_leak_lives(self.leaks, self._rotating))

    # ---- What people decided, and what is wrong ----

    # `Attestations`: each question that no file answers, and who answered it until when.
    attestations = frame(lambda self: decisions.tabulate_attestations(self.policy, self.ledger, self.as_of))
    # `Ownership`: each secret's owner, purpose, reach and period.
    ownership = frame(lambda self: decisions.tabulate_ownership(self.policy, self.ledger, self.as_of))
    # `SignOffs`: who signed which review, as what and when, and whether it was on time.
    sign_offs = frame(lambda self: with_lateness(reviews.tabulate_sign_offs(self.ledger)))

    # The settings in force, one to a line.
    settings = cached_property(lambda self: dump(self.policy, self.project))
    # Why the previous report cannot be relied upon; "" if it can, or there is none.
    doubt = cached_property(lambda self: self._previous.doubt if self._previous else "")

    @cached_property
    def settings_changes(self) -> pd.DataFrame:
        """`SettingsChanges`: what the last signed review judged by otherwise."""
        signed = reviews.last_signed(self.ledger)
        return reviews.tabulate_settings_changes(self.project, self.policy, signed, self.doubt)

    # The frames by the names that checks have for them.
    checked = cached_property(CheckedFrames)

    @cached_property
    def _judged(self) -> dict[str, pd.DataFrame]:
        signed = reviews.last_signed(self.ledger)
        before = decisions.Reviews(signed, self._previous, str(self.quarter), self.as_of)
        return decisions.judge_findings(self.checked, self.policy, self.ledger, before)

    # `Findings`: what is wrong or not known, with owner, due, opened, accepted until, change.
    findings = frame(lambda self: self._judged["findings"])
    # `Changes` since the previous report; no row without one.
    changes = frame(lambda self: self._judged["changes"])
    # `Decisions`: what somebody answers for by name, until a date, with the entry of the ledger.
    decisions = frame(lambda self: self._judged["decisions"])
    # `Actions`: what to do, the most urgent first; each closes the findings that name it.
    actions = frame(lambda self: tabulate_actions(self.findings, self.inventory, self.ages, self.as_of))
    # `RuleResults`: each of the guide's rules: what decides it, on how much, and what came out.
    rules = frame(tabulate_rules)

    # ---- The report ----

    # What is `good`, `bad` or `unknown`, by item: what verdict and score are made of.
    marks = cached_property(judged)
    _screen = cached_property(summarise)

    def summary(self) -> Summary:
        """The first screen: verdict, key figures, five actions, what falls due, what is not known."""
        return self._screen

    def register(self) -> Register:
        """The open findings by the action that closes them."""
        return Register(self.actions, self.findings, self.as_of)

    def publish(self, folder: str) -> None:
        """Write every artefact beside the saved notebook in a folder, and search them for every value.

        Raises:
            Refused: a value is in one of them.
        """
        publish_review(self, Path(folder))


# Frames that only checks read, and those that have another name for them.
_CHECKED: Mapping[str, Callable[[Audit], pd.DataFrame]] = {
    "freshness": lambda audit: audit.ages,
    "detections": lambda audit: audit._detections,
    "log_events": lambda audit: audit.logs.events,
    "log_coverage": lambda audit: tabulate_log_coverage(
        audit.logs.sources, audit.logs.counts, audit.quarter, audit.as_of
    ),
    "configuration": lambda audit: tabulate_configuration(audit.project, audit.policy),
    "rotation_pairs": lambda audit: tabulate_rotation_pairs(audit.ages, audit.policy),
    "leaked_secrets": lambda audit: tabulate_leaked_secrets(audit.leaks, audit.leak_places, audit.exposure),
    "chosen_passwords": lambda audit: tabulate_chosen_passwords(audit.leaks, audit.leak_places),
    "ledger_faults": lambda audit: decisions.tabulate_ledger_faults(audit.ledger),
}


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

    Raises:
        BadInput: one fault for each parameter that cannot be used, all at once.
    """
    parameters = dict(locals())
    opened = notebook.open_project(parameters)
    audit = Audit(
        **opened,
        quarter=Quarter.named(quarter, opened["as_of"]),
        previous=notebook.path_of(previous),
        identities=identities,
        parameters=parameters,
        progress=notebook.report_progress,
    )
    guard_values(audit)
    notebook.refuse_values(parameters)
    return audit
