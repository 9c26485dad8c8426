"""Whether this review saw what would show a fault of the previous one: only then can it have ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.findings.checks import CHECKS
from audit_lib.findings.families import family_of
from audit_lib.leaks.whole_search import searched_whole

Tables = Mapping[str, pd.DataFrame]
Place = tuple[str, str, str]  # subject, environment, service

_TABLE = {check.id: check.table for check in CHECKS}
_OF_PLACES = ("inventory", "freshness", "entries", "sources")
_BETWEEN_PLACES = ("drift", "rotation_pairs")
_OF_LOGS = ("log_events", "log_coverage", "detections", "guide_searches")
_UNREAD = ("source-missing", "source-not-read")
_BLIND_LOGS = ("no-logs-read", "log-gap", "log-not-understood")
_HOLD_VALUES = ("env file", "export", "given values")


@dataclass(frozen=True)
class SeenAgain:
    """What was read this time, as far as a fault of the previous report needs it."""

    tables: Tables
    findings: pd.DataFrame
    previous_as_of: datetime

    @property
    def unread(self) -> pd.DataFrame:
        """The findings about sources that were not read."""
        return self.findings[self.findings["check"].isin(_UNREAD)]

    def shows(self, was: Mapping[Any, Any], about: tuple[str, ...]) -> bool:
        """Whether a finding that is gone would be here if its fault were; not if a check is no more."""
        subject, environment, service = about
        table = _TABLE.get(was["check"])
        if table is None or self._unknown(was["check"], environment, service):
            return False
        if table in _OF_LOGS:
            return self._logs_seen(was["check"], subject)
        if family_of(was["check"]) == "leak":
            return self._leak_seen(was, subject)
        if table in (*_BETWEEN_PLACES, "population"):
            return self.unread.empty and (table != "population" or self._sides_seen())
        if table in _OF_PLACES:
            return self._place_read(environment, service)
        # Rules are always read, and compared with what they were before.
        return table == "rule_changes" or not self._place_unread(environment, service)

    def _sides_seen(self) -> bool:
        """Whether the code was there and each side of the population that was read was read whole."""
        sides = self.tables["population_sides"]
        code = sides.loc[sides["side"].eq("code"), "seen"]
        return bool(code.eq("whole").any()) and not sides["seen"].eq("in part").any()

    def _unknown(self, check: str, environment: str, service: str) -> bool:
        """Whether the check itself says that it cannot judge there, be it of all secrets at once."""
        same = self.findings["check"].eq(check) & self.findings["status"].eq("unknown")
        if _TABLE[check] not in _BETWEEN_PLACES:
            same &= self.findings["environment"].eq(environment) & self.findings["service"].eq(service)
        return bool(same.any())

    def _place_unread(self, environment: str, service: str) -> bool:
        here = self.unread["environment"].eq(environment) & self.unread["service"].eq(service)
        return bool(here.any())

    def _place_read(self, environment: str, service: str) -> bool:
        """Whether the values of a place were read, and nothing of it was left unread."""
        sources = self.tables["sources"]
        here = sources["environment"].eq(environment) & sources["service"].eq(service)
        read = sources["kind"].isin(_HOLD_VALUES) & sources["state"].eq("read")
        named = bool((here & read).any()) or not environment
        return named and not self._place_unread(environment, service)

    def _logs_seen(self, check: str, subject: str) -> bool:
        """Whether every day of every log was read and, of a detection, whether it could be applied."""
        if self.findings["check"].isin(_BLIND_LOGS).any() or self.unread["subject"].eq("log").any():
            return False
        detections = self.tables["detections"]
        mine = detections["detection"].eq(subject.partition(" ")[0])
        return _TABLE[check] != "detections" or not (mine & detections["verdict"].eq("unknown")).any()

    def _leak_seen(self, was: Mapping[Any, Any], subject: str) -> bool:
        """Whether all was searched, and for the value that had leaked.

        A value is searched for only if somebody gives it: the one that leaked is known to be at hand only if
        it was in force and still is. What was found by its pattern is found by it again.
        """
        coverage = self.tables["leak_coverage"]
        if not searched_whole(coverage):
            return False
        if not self.tables["inventory"]["secret"].eq(subject).any():
            return bool((coverage["part"].eq("patterns") & coverage["state"].eq("searched")).any())
        return was["check"] == "leaked-in-force" and self._unchanged(subject)

    def _unchanged(self, secret: str) -> bool:
        """Whether every value of a secret has been in place since before the previous report."""
        ages = self.tables["freshness"][self.tables["freshness"]["secret"].eq(secret)]
        before = ages["hi_at"] <= pd.Timestamp(self.previous_as_of)
        return len(ages) > 0 and bool(before.all())
