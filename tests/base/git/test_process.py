"""git's output as a stream: all of it, however many pieces, and a failure said."""

from pathlib import Path

import pytest

from audit_lib.base.git.commands import GitFailed
from audit_lib.base.git.process import pieces, running
from tests.support.planter import new_plot


def test_all_lines_are_fed_and_all_output_comes(tmp_path: Path) -> None:
    """More lines than are fed at a time are each answered, in their order."""
    plot = new_plot(tmp_path / "repo")
    oids = [plot.git("hash-object", "-w", "--stdin", stdin=b"%d" % number) for number in range(3)]
    asked = oids * 1000
    with running(plot.root, ("cat-file", "--batch-check=%(objectname)", "--buffer"), asked) as stream:
        assert b"".join(pieces(stream)).decode().split() == asked


def test_a_failure_is_said_at_the_end(tmp_path: Path) -> None:
    """An exit code other than 0 is an error, after what came before it."""
    plot = new_plot(tmp_path / "repo")
    with pytest.raises(GitFailed), running(plot.root, ("rev-list", "no-such-ref")) as stream:
        assert list(pieces(stream)) == []
