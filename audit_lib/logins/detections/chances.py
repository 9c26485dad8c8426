"""How likely so many events are: tails of counts by the incomplete beta function.

`scipy.stats` has the same under other names, and takes as long to import as a small log to read.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


def binomial_at_least(count: float, trials: float, chance: float) -> float:
    """The chance of so many or more successes; `count` is at most `trials`."""
    return float(_betainc(count, trials - count + 1, chance)) if count > 0 else 1.0


def negative_binomial_tails(count: Numbers, size: Numbers, mean: Numbers) -> tuple[Numbers, Numbers]:
    """The chance of so many or more, and of so few or fewer; variance = mean + mean squared / size."""
    p = size / (size + mean)
    some = np.maximum(count, 1)
    more: Numbers = np.where(count > 0, _betainc(some, size, 1 - p), 1.0)
    fewer: Numbers = _betainc(size, count + 1, p)
    return more, fewer


def _betainc(a: Any, b: Any, x: Any) -> Any:
    from scipy.special import betainc  # noqa: PLC0415  most of what imports detections judges no hour

    return betainc(a, b, x)
