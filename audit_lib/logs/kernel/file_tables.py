"""What was taken from workers before the end of a file: its groups and moments by names, each once."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from audit_lib.logs.file_counts import BY_GROUP, BY_MOMENT, LogSums, Names, no_sums, summed_lazily
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decode import OF_GROUP, OF_MOMENT, group_rows, moment_rows
from audit_lib.logs.kernel.frame import Frame
from audit_lib.logs.kernel.load_code import load_entry
from audit_lib.logs.kernel.shared_arrays import Groups, rows_in
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import folded
from audit_lib.logs.units import Ints

Rows = tuple[Ints, Ints]  # of groups and of moments, by names


class FileTables:
    """The tables of one file, and the names that they number."""

    def __init__(self) -> None:
        self.names = Names()
        self._groups, self._moments = layout.new_groups(), layout.new_groups(256)
        self._folded = 0  # how much they held when they were last brought within the budgets

    def add(self, rows: Rows, plan: Plan) -> None:
        """Adds rows, and never holds many more routes and groups than are kept."""
        self._pour(rows)
        most = plan.limit.most if plan.limit else 2 * plan.routes
        if self._held() > max(most, self._folded + self._folded // 2):
            self._fold(plan)

    def sums(self, shares: Iterable[Rows], plan: Plan) -> LogSums:
        """What is here and in the shares, within the budgets, without lines and events; none is left.

        Tables, rows and columns of millions of groups are never held together: each makes room for the next.
        """
        if self._folded or self._groups.size[0] or self._moments.size[0]:
            for rows in shares:
                self._pour(rows)
            shares = ()
        return within(self._summed([*shares, self._taken()]), plan)

    def _pour(self, rows: Rows) -> None:
        frame, tables = Frame(load_entry()), (self._groups, self._moments)
        self._groups, self._moments = (_poured(frame, *pair) for pair in zip(rows, tables, strict=True))

    def _held(self) -> int:
        return int(self._groups.size[0]) + len(self.names.numbers)

    def _taken(self) -> Rows:
        rows = rows_in(self._groups), rows_in(self._moments)
        self._groups, self._moments = layout.new_groups(), layout.new_groups(256)
        return rows

    def _fold(self, plan: Plan) -> None:
        few = within(self._summed([self._taken()]), plan)
        self.names = Names(few.names)
        self._pour((group_rows(few.groups), moment_rows(few.moments)))
        self._folded = self._held()

    def _summed(self, parts: list[Rows]) -> LogSums:
        """The rows as columns; no part is left."""
        groups, moments = (np.concatenate(rows) for rows in zip(*parts, strict=True))
        parts.clear()
        return replace(
            no_sums(),
            names=self.names.all(),
            groups=summed_lazily(lambda name: OF_GROUP[name](groups), *BY_GROUP),
            moments=summed_lazily(lambda name: OF_MOMENT[name](moments), *BY_MOMENT),
        )


def within(sums: LogSums, plan: Plan) -> LogSums:
    """The sums of a file within the budgets of routes and of groups."""
    few = folded([sums], plan.routes)[0]
    return plan.limit.within(few) if plan.limit else few


def _poured(frame: Frame, rows: Ints, table: Groups) -> Groups:
    """The table with rows added, or a larger one."""
    most = int(table.size[0]) + len(rows)
    if 4 * most >= 3 * len(table.rows):
        larger = layout.new_groups(1 << (4 * most // 3).bit_length())
        frame.pour(table.rows, larger)
        table = larger
    frame.pour(np.ascontiguousarray(rows), table)
    return table
