"""Files of a run that a disk, a copy or a hand has damaged after they were written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.disturbed import STAGES, copied, finished, told
from tests.faults.same import same_results

pytestmark = pytest.mark.long


def truncate(content: bytearray) -> None:
    del content[2 * len(content) // 3 :]


def flip(content: bytearray) -> None:
    """One bit, in the middle: of a shard in a frame or a feature, of a model in a weight."""
    content[len(content) // 2] ^= 4


def damage(path: Path, how: Callable[[bytearray], None]) -> None:
    """As a disk does it: the file's date stays."""
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
def test_a_damaged_file_is_named_and_made_anew(undisturbed, tmp_path, stage, reader, how):
    run = copied(undisturbed, tmp_path / "run", without=reader)
    path = run.file(STAGES[stage])
    damage(path, how)
    said = told(run())
    assert f"results/{STAGES[stage]} is damaged (" in said
    assert "delete it and run again" in said
    path.unlink()
    finished(run())
    same_results(run, undisturbed)
