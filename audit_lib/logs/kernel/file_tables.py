"""What was taken from the workers: the groups and moments of a file by names, each once."""

from dataclasses import replace
from itertools import chain

import numpy as np

from audit_lib.base.compiled.load_code import load_entry
from audit_lib.logs.file_counts import BY_GROUP, BY_MOMENT, LogSums, Names, no_sums
from audit_lib.logs.kernel import shared_arrays as layout
from audit_lib.logs.kernel.decode import OF_GROUP, OF_MOMENT, group_rows, moment_rows
from audit_lib.logs.kernel.frame import Frame
from audit_lib.logs.kernel.log_kernel import LOG_KERNEL
from audit_lib.logs.kernel.packed_words import untimed_word
from audit_lib.logs.kernel.shared_arrays import Groups, rows_in
from audit_lib.logs.read_options import Plan
from audit_lib.logs.route_limit import folded
from audit_lib.logs.units import Ints


class FileTables:
    """The tables of one file, and the names that they number."""

    def __init__(self) -> None:
        self.names = Names()
        self._groups, self._moments = _empty(), _empty()
        self._folded = 0  # how much they held when they were last brought within the budgets

    def add(self, groups: Ints, moments: Ints) -> None:
        """Adds rows of a worker, by names."""
        frame = Frame(load_entry(LOG_KERNEL))
        self._groups = _gathered(frame, groups, self._groups, untimed_word(1))
        self._moments = _gathered(frame, moments, self._moments, 0)

    def fold(self, plan: Plan) -> None:
        """Lets go of what is beyond the budgets, where there may be so much more of it than is kept."""
        most = plan.limit.most if plan.limit else 2 * plan.routes
        if self._held() <= max(most, self._folded + self._folded // 2):
            return
        few = self.sums(plan)
        self.names = Names(few.names)
        self.add(group_rows(few.groups), moment_rows(few.moments))
        self._folded = self._held()

    def sums(self, plan: Plan) -> LogSums:
        """What is here, within the budgets of routes and groups, without lines and events; nothing is left.

        Tables, rows and columns of millions of groups are never held together: each makes room for the next.
        """
        groups, moments = rows_in(self._groups), rows_in(self._moments)
        self._groups, self._moments = _empty(), _empty()
        whole = replace(
            no_sums(),
            names=self.names.all(),
            groups={name: OF_GROUP[name](groups) for name in chain(*BY_GROUP)},
            moments={name: OF_MOMENT[name](moments) for name in chain(*BY_MOMENT)},
        )
        del groups, moments
        few = folded([whole], plan.routes)[0]
        return plan.limit.within(few) if plan.limit else few

    def _held(self) -> int:
        return int(self._groups.size[0]) + len(self.names.numbers)


def _empty() -> Groups:
    return layout.new_groups(256, layout.FILE_GROUP)


def _gathered(frame: Frame, rows: Ints, table: Groups, untimed: int) -> Groups:
    """The table with rows added, or a larger one."""
    left = np.ascontiguousarray(rows)
    while True:
        frame.link(layout.GROUPS, table)
        left = left[frame.call(layout.GATHER, left.ctypes.data, *left.shape, untimed) :]
        if not len(left):
            return table
        larger = layout.new_groups(2 * len(table.rows), layout.FILE_GROUP)
        table = _gathered(frame, table.rows, larger, 0)
