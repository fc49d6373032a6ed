"""Files of a run are damaged after they were written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.disturbed import STAGES, copied, failure, finished
from tests.faults.same import same_results

pytestmark = pytest.mark.long


def truncate(content: bytearray) -> None:
    del content[2 * len(content) // 3 :]


def flip(content: bytearray) -> None:
    """Flips one bit in the middle: in a frame or feature of a shard, or in a weight of a model."""
    content[len(content) // 2] ^= 4


def damage(path: Path, how: Callable[[bytearray], None]) -> None:
    """Damages a file and keeps its date, as a broken disk does."""
    date = path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    how(content)
    path.write_bytes(content)
    os.utime(path, ns=(date, date))


@pytest.mark.parametrize("how", [truncate, flip])
@pytest.mark.parametrize(
    ("stage", "reader"),
    [
        ("frames", "flow"),
        ("flow", "motion_model"),
        ("features", "pseudo_labels"),
        ("appearance_model", "fine_tuning"),
    ],
)
def test_a_damaged_file_is_named_and_can_be_made_again(undisturbed, tmp_path, stage, reader, how):
    run = copied(undisturbed, tmp_path / "run", without=reader)
    path = run.file(STAGES[stage])
    damage(path, how)
    text = failure(run())
    assert f"results/{STAGES[stage]} is damaged (" in text
    assert "delete it and run again" in text
    path.unlink()
    finished(run())
    same_results(run, undisturbed)
