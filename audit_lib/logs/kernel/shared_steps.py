"""What is left of a block to be matched, and which blocks can share their next step."""

from functools import cached_property, lru_cache
from os.path import commonprefix

from audit_lib.logs.kernel.match_steps import NOTHING, Do, MatchStep
from audit_lib.logs.kernel.overlap import Head, begun_by, first_of, is_known_to_its_end, may_overlap

_overlap = lru_cache(maxsize=1 << 16)(may_overlap)


class Rest:
    """A block's row, and the steps that are still to be taken; the same one is made once."""

    def __init__(self, row: int, steps: tuple[MatchStep, ...]) -> None:
        self.row, self.steps = row, steps
        self._divided: dict[int, Rest] = {}

    @property
    def step(self) -> MatchStep | None:
        """The next step."""
        return self.steps[0] if self.steps else None

    @property
    def text(self) -> bytes:
        """The text that must stand first, if one must."""
        return self.steps[0].text if self.steps and self.steps[0].do is Do.LITERAL else b""

    @cached_property
    def behind(self) -> "Rest":
        """What is left behind the next step."""
        return Rest(self.row, self.steps[1:])

    @cached_property
    def head(self) -> Head:
        """The bytes that must stand first, as far as they are known."""
        if not self.steps:
            return ()
        begun = begun_by(self.steps[0])
        return begun + self.behind.head if is_known_to_its_end(self.steps[0]) else begun

    @cached_property
    def begins(self) -> int:
        """The bytes with which a match can begin, as bits; that of ENDS_AT for the end of the text."""
        return first_of(self.head)

    def divided(self, size: int) -> "Rest":
        """The same with its first text as two steps."""
        if size == len(self.text):
            return self
        if size not in self._divided:
            parts = (MatchStep(Do.LITERAL, text) for text in (self.text[:size], self.text[size:]))
            self._divided[size] = Rest(self.row, (*parts, *self.steps[1:]))
        return self._divided[size]


Blocks = tuple[Rest, ...]


def share_step(blocks: Blocks) -> tuple[Blocks, Blocks]:
    """The blocks that begin with the first one's step, or text, and the others, each in their order.

    One is moved before others only if no text can match it and one of them.
    """
    first, sharing, others = blocks[0], [blocks[0]], list[Rest]()
    for block in blocks[1:]:
        shares = _is_alike(first, block) and not any(_overlap(other.head, block.head) for other in others)
        (sharing if shares else others).append(block)
    if first.text:
        size = len(commonprefix([block.text for block in sharing]))  # noqa: RUF071  texts, not paths
        sharing = [block.divided(size) for block in sharing]
    return tuple(sharing), tuple(others)


def _is_alike(one: Rest, two: Rest) -> bool:
    """Whether two blocks can share a node; each seeks by itself, to be tried at every place."""
    if one.text:
        return one.text[:1] == two.text[:1]
    return one.step == two.step and one.steps[0].do is not Do.SEEK


def fails_with(block: Rest, failed: MatchStep) -> bool:
    """Whether a block cannot match where this step failed."""
    step = block.step
    if step is None or step.do is not failed.do:
        return False
    if failed.do is Do.LITERAL:
        return step.text.startswith(failed.text)
    return step._replace(capture=NOTHING) == failed._replace(capture=NOTHING)


def fails_behind(block: Rest, matched: MatchStep) -> bool:
    """Whether a block cannot match where this step succeeded."""
    return not _overlap(begun_by(matched), block.head)
