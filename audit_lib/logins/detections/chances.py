"""How likely so many events are: tails of counts by the incomplete beta function.

`scipy.stats` has the same under other names, and takes as long to import as a small log to read.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

Numbers = npt.NDArray[np.float64]


def binomial_at_least(count: float, trials: float, chance: float) -> float:
    """The chance of so many or more successes; `count` is at most `trials`."""
    return float(betainc(count, trials - count + 1, chance)) if count > 0 else 1.0


def negative_binomial_tails(count: Numbers, size: Numbers, mean: Numbers) -> tuple[Numbers, Numbers]:
    """The chance of so many or more, and of so few or fewer; variance = mean + mean squared / size."""
    p = size / (size + mean)
    some = np.maximum(count, 1)
    more: Numbers = np.where(count > 0, betainc(some, size, 1 - p), 1.0)
    fewer: Numbers = betainc(size, count + 1, p)
    return more, fewer
