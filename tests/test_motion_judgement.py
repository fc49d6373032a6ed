"""The judgement of a motion model by the test videos of its split."""

import json

import numpy as np
import pytest

from motionfit.config import ALL_LABELS, MotionModel, Network, Training
from motionfit.datasets.index import write_index
from motionfit.errors import MotionFitError
from motionfit.evaluation.recognition import ClipsOfVideo
from motionfit.stages.motion_judgement import motion_judgement, motion_of, sampled_vectors
from motionfit.store.clips import ClipStore
from tests.stages import train_motion_model
from tests.training.setups import ONE, SHORT, make_store
from tests.videos import make_flow, make_index

VIDEOS = 80
TEST = {f"v{i:02d}" for i in range(16, VIDEOS)}


def judged(folder, labels, stop=False):
    """The judgement of a motion model that learned these labels of flow to the right or left."""
    flow = make_store(folder / "flow", VIDEOS)
    index = make_index(labels, test=TEST)
    recipe = MotionModel(
        dataset="d",
        flow="f",
        network=Network(backbone="r2plus1d_small", clip_length=4),
        training=Training(**SHORT),
    )
    model = folder / "model.pt"
    train_motion_model(recipe, ALL_LABELS, index, 1, flow, ONE, model)
    write_index(index, folder / "index.csv")
    motion_judgement(
        name="motion",
        model=model,
        index=folder / "index.csv",
        split=1,
        clips_folder=flow,
        stop_when_hopeless=stop,
        threads=1,
        output=folder / "judgement.json",
    )
    return json.loads((folder / "judgement.json").read_text())


def true_labels():
    return {f"v{i:02d}": "left" if i % 2 else "right" for i in range(VIDEOS)}


def shuffled_labels(seed):
    """Eight classes that have nothing to do with the motion."""
    names = list(true_labels())
    shuffled = np.random.default_rng(seed).permutation(list("abcdefgh") * (VIDEOS // 8))
    return dict(zip(names, shuffled.tolist(), strict=True))


def test_a_model_that_learned_goes_on(tmp_path):
    judgement = judged(tmp_path, true_labels(), stop=True)
    assert not judgement["hopeless"]
    assert judgement["text"].startswith(
        "The motion model motion is right on 100.0% of the 64 test videos of 2 classes"
    )


def unrelated_labels():
    """Each class has as many videos in which things move to the left as to the right, so a model
    that sees the direction is right as often as one that guesses, on any processor."""
    return {name: "abcdefgh"[i // 2 % 8] for i, name in enumerate(true_labels())}


def test_with_unrelated_labels_there_is_nothing_to_hand_over(tmp_path, caplog):
    judgement = judged(tmp_path, unrelated_labels())
    assert judgement["hopeless"]
    assert "nothing to hand over" in judgement["text"]
    assert judgement["advice"]
    [warning] = [record for record in caplog.records if "nothing to hand over" in record.message]
    assert warning.levelname == "WARNING"


@pytest.mark.long
def test_the_judgement_is_right_in_19_of_20_runs(tmp_path):
    hopeless = [judged(tmp_path / str(i), shuffled_labels(i))["hopeless"] for i in range(20)]
    assert sum(hopeless) >= 19


def test_the_run_ends_if_the_config_says_so(tmp_path):
    with pytest.raises(MotionFitError, match=r"nothing to hand over.*stop_when_hopeless: true"):
        judged(tmp_path, unrelated_labels(), stop=True)
    assert (tmp_path / "model.pt").exists()


def test_motion_is_measured_in_pixels_per_frame(tmp_path):
    field = np.zeros((8, 28, 32, 2), np.float32)
    field[..., 0], field[..., 1] = 3, 4
    field[:, :, :8] = 100  # a quarter is beyond the bound
    make_flow(tmp_path / "0000.h5", {"v": field}, bound=10)
    store = ClipStore(tmp_path, ["0000"], "flow")
    clip = store.read("v", 0, 8)[None]
    vectors = sampled_vectors(ClipsOfVideo(clip, np.ones(1)), store, np.random.default_rng(0))
    motion = motion_of([vectors], store)
    assert motion.median == pytest.approx(5, abs=0.2)
    assert motion.fast == pytest.approx(np.hypot(10, 10))
    assert motion.clipped == pytest.approx(0.25, abs=0.02)
    assert (motion.size, motion.bound) == ((28, 32), 10)


def test_displacements_at_the_bound_are_found_in_small_textured_patches(tmp_path):
    """Their borders suffer most from JPEG."""
    field = np.random.default_rng(0).normal(0, 0.5, (8, 36, 48, 2)).astype(np.float32)
    field[:, 10:16, 20:26, 0] += 12  # 2.1% of the picture, beyond the bound
    make_flow(tmp_path / "0000.h5", {"v": field}, bound=10)
    store = ClipStore(tmp_path, ["0000"], "flow")
    clip = ClipsOfVideo(store.read("v", 0, 8)[None], np.ones(1))
    motion = motion_of([sampled_vectors(clip, store, np.random.default_rng(0))], store)
    assert motion.clipped == pytest.approx(36 / (36 * 48), rel=0.25)
