"""The one compiled function that is called from outside, with the address of a worker's frame."""

from audit_lib.logs.kernel.counts import end_line, sight
from audit_lib.logs.kernel.line import Shown
from audit_lib.logs.kernel.memory import jit, word
from audit_lib.logs.kernel.scan import scan
from audit_lib.logs.kernel.shared_arrays import ARGS, BUFFER, NUMBER_OF, REFILL, RELINK, SCAN, SIGHT, TAKE
from audit_lib.logs.kernel.tables import number_of, refill, relink


@jit
def entry(frame, task):
    """Does one task of layout.py on the arrays of a frame; what it returns depends on the task."""
    args, buffer = word(frame, ARGS), word(frame, BUFFER)
    if task == SCAN:
        return scan(frame, word(args, 0), word(args, 1))
    if task == TAKE:
        end_line(frame, word(args, 0), word(args, 1) != 0, word(args, 2))
    elif task == SIGHT:
        shown = Shown(
            word(args, 1),
            word(args, 2),
            word(args, 3),
            word(args, 4),
            word(args, 5),
            word(args, 6),
            word(args, 7),
            word(args, 8),
        )
        sight(frame, word(args, 0), shown)
    elif task == NUMBER_OF:
        return number_of(frame, buffer, buffer + word(args, 0))
    elif task == REFILL:
        refill(frame)
    elif task == RELINK:
        relink(frame)
    return 0
