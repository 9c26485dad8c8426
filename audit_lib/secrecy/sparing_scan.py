"""As hyperscan_scan: many byte strings are compiled once there is enough to search in, until then sifted."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from audit_lib.secrecy.hyperscan_scan import HyperscanScan

if TYPE_CHECKING:
    from audit_lib.secrecy.numpy_scan import NumpyScan

_MANY = 1000  # forms take as long to compile as numpy to import
# To compile a form takes as long as to sift some 4,000 bytes, and each time takes as long as 6,000.
_WORTH = 2000
_TIME = 6000


class SparingScan:
    """Byte strings searched for from any thread: in little content without compiling them."""

    longest = HyperscanScan.longest

    def __init__(self, forms: Sequence[bytes]) -> None:
        """As that of HyperscanScan."""
        self._forms = forms
        self._left = _WORTH * len(forms) if len(forms) >= _MANY else 0

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """As that of HyperscanScan."""
        if self._left <= 0:
            return self._compiled.ends(data)
        self._left -= len(data) + _TIME
        return self._sifting.ends(data)

    @cached_property
    def _compiled(self) -> HyperscanScan:
        return HyperscanScan(self._forms)

    @cached_property
    def _sifting(self) -> "NumpyScan":
        from audit_lib.secrecy.numpy_scan import NumpyScan  # noqa: PLC0415  numpy, for many forms alone

        return NumpyScan(self._forms)
