"""Holds the hour-of-week baseline against STL on quiet-hour bursts and silences.

28 days of hourly counts, diurnal (docs/detections.md#a13). STL as it is commonly used on such counts:
period 24, seasonal window 7, |z| of the residual above 3; msticpy labels +1 only where the seasonal part is
positive.
"""

import math
import random
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from audit_lib.logins.detections import detection_policy
from audit_lib.logins.detections.hour_baseline import marks
from audit_lib.settings import bundled_policy
from tests.support.traffic.background import poisson

TRIALS = 60
HOURS = 28 * 24
Truths = npt.NDArray[np.bool_]
Method = Callable[[npt.NDArray[np.float64]], tuple[Truths, Truths]]  # hours too high, hours too low


def main() -> None:
    """Prints the table of docs/measured.md#the-hour-of-week-baseline."""
    print(f"| method | bursts of +8 at 02-04 h, of {TRIALS} | silences, of {TRIALS} | other hours marked |")
    print("|--|--|--|--|")
    for name, method in METHODS.items():
        bursts, silences, other = quiet_hours(TRIALS, method)
        print(f"| {name} | {bursts} | {silences} | {other} of {2 * TRIALS * HOURS - 8 * TRIALS:,} |")


def quiet_hours(trials: int, method: Method) -> tuple[int, int, int]:
    """Bursts of +8 an hour at 02-04 h found, silences of six hours found, and other hours marked."""
    found = [0, 0]
    other = 0
    for trial in range(trials):
        for side, (series, first, last) in enumerate(_series(trial)):
            marked = method(series)
            found[side] += bool(marked[side][first:last].any())
            other += int((marked[0] | marked[1]).sum() - (marked[0] | marked[1])[first:last].sum())
    return found[0], found[1], other


def _series(trial: int) -> list[tuple[npt.NDArray[np.float64], int, int]]:
    """The same weeks with a burst in a quiet hour, and with a silence at noon; each with its place."""
    chance = random.Random(f"quiet {trial}")
    rate = [6 + 5 * math.cos(2 * math.pi * (hour - 14) / 24) for hour in range(24)]
    usual = np.array([float(poisson(chance, rate[hour % 24])) for hour in range(HOURS)])
    night, noon = 24 * chance.randrange(14, 28) + 2, 24 * chance.randrange(14, 28) + 12
    burst, silence = usual.copy(), usual.copy()
    burst[night : night + 2] += 8
    silence[noon : noon + 6] = 0
    return [(burst, night, night + 2), (silence, noon, noon + 6)]


def ours(series: npt.NDArray[np.float64]) -> tuple[Truths, Truths]:
    """A13's marks, by the generic policy."""
    _, above, below = marks(series, 0, detection_policy(bundled_policy("generic")).rules["A13"])
    return above, below


def stl(series: npt.NDArray[np.float64], *, robust: bool, labels: bool) -> tuple[Truths, Truths]:
    """STL's residual beyond three standard deviations; with `labels` as msticpy labels it."""
    from statsmodels.tsa.seasonal import STL  # over a second, for two tests

    fit = STL(series, period=24, seasonal=7, robust=robust).fit()
    z = (fit.resid - fit.resid.mean()) / fit.resid.std()
    if labels:
        return (z > 3) & (fit.seasonal > 0), np.zeros(len(z), dtype=bool)
    return z > 3, z < -3


METHODS: dict[str, Method] = {
    "A13": ours,
    "STL, z beyond 3": partial(stl, robust=False, labels=False),
    "robust STL, z beyond 3": partial(stl, robust=True, labels=False),
    "STL as msticpy labels it": partial(stl, robust=False, labels=True),
}


if __name__ == "__main__":
    main()
