"""The disk is full while a job writes to it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from motionfit.datasets.demo import write_video
from motionfit.errors import MotionFitError
from motionfit.files import replacing
from motionfit.store.hdf5 import new_hdf5
from tests.faults.disks import fill, small_disk
from tests.faults.disturbed import STAGES, begins, copied, failure, finished, started
from tests.faults.same import same_results
from tests.workflow.runs import Run

MEGABYTE = 2**20


def write_hdf5(path: Path) -> None:
    with new_hdf5(path) as file:
        for i in range(3):
            file.create_dataset(str(i), data=np.arange(MEGABYTE))


def write_small_hdf5(path: Path) -> None:
    """Writes a file so small that HDF5 writes nothing before it closes the file."""
    with new_hdf5(path) as file:
        file.create_dataset("few", data=np.arange(1000))


def write_array(path: Path) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.arange(MEGABYTE))


def write_model(path: Path) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"weights": torch.zeros(MEGABYTE)}, file)


def write_table(path: Path) -> None:
    with replacing(path) as temporary:
        pd.DataFrame({"label": range(MEGABYTE)}).to_csv(temporary)


def write_page(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("x" * MEGABYTE)


def write_film(path: Path) -> None:
    write_video(path, np.zeros((8, 32, 32, 3), np.uint8))


@pytest.mark.parametrize(
    "write",
    [write_hdf5, write_small_hdf5, write_array, write_model, write_table, write_page, write_film],
)
def test_a_full_disk_is_reported_and_the_old_file_is_kept(tmp_path, write):
    with small_disk(tmp_path / "disk", 2) as disk:
        path = disk / "result"
        path.write_text("whole")
        filler = fill(disk)
        with pytest.raises(MotionFitError) as error:
            write(path)
        assert f"{path} can't be written (No space left on device): free some" in str(error.value)
        assert path.read_text() == "whole"
        assert sorted(disk.iterdir()) == sorted([filler, path])


FILLED = ["frames", "flow", "features", "pseudo_labels", "random_model", "recognition", "report"]


@pytest.mark.long
def test_a_run_whose_disk_fills_in_one_stage_after_another(undisturbed, tmp_path):
    """The results, the logs and Snakemake's metadata are all on this disk."""
    with small_disk(tmp_path / "disk", 64) as disk:
        run = copied(undisturbed, disk / "run", without="frames")
        for stage in FILLED:
            fill_during(run, stage, disk)
        finished(run())
        same_results(run, undisturbed)


def fill_during(run: Run, stage: str, disk: Path, leave: int = 0) -> str:
    """Fills the disk when a job of a stage begins, and frees it after the job has failed. Returns
    the output of Snakemake."""
    target = run.file(STAGES[stage])
    begun = begins(run, stage)
    with started(run, f"results/{STAGES[stage]}") as background:
        background.until(begun)
        filler = fill(disk, leave)
        text = failure(background.wait())
    assert not target.exists()
    assert not list(run.file("").rglob("*.tmp"))
    filler.unlink()
    assert "can't be written (No space left on device): free some space and run again" in text
    return text


@pytest.mark.long
def test_a_training_whose_disk_fills_keeps_its_last_whole_checkpoint(undisturbed, tmp_path):
    with small_disk(tmp_path / "disk", 64) as disk:
        run = copied(undisturbed, disk / "run", without="appearance_model")
        model = run.file(STAGES["appearance_model"])
        size = undisturbed.file(STAGES["appearance_model"]).stat().st_size
        # There is room for one checkpoint, of weights and momentum, but not for two.
        text = fill_during(run, "appearance_model", disk, leave=3 * size)
        assert "epoch_0003" in text
        kept = list(model.parent.glob("checkpoints/*/epoch_*.pt"))
        assert [path.name[:10] for path in kept] == ["epoch_0002"]
        assert torch.load(kept[0], weights_only=True)["epoch"] == 2
        finished(run())
        log = run.file("logs/appearance_model/appearance/split1.log").read_text()
        assert "resuming in epoch 2" in log
        same_results(run, undisturbed)
