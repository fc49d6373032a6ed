import numpy as np
import pytest

from motionfit.config import Demo, Folders
from motionfit.errors import MotionFitError
from motionfit.estimate.survey import relative_error, survey
from tests.videos import make_video


def test_the_error_is_0_for_a_sample_of_all_videos_and_1_for_a_single_video():
    assert relative_error(np.array([3, 9]), 2) == 0
    assert relative_error(np.array([3]), 10) == 1


def test_the_error_of_a_mean():
    # Standard deviation 2, mean 10, n = 4: 1.96 x 2 / 2 / 10 = 0.196. For a population of 5, the
    # finite population correction is sqrt(1 / 4).
    sample = np.array([8, 12, 8, 12]) + np.array([0.2679, -0.2679, 0.2679, -0.2679])
    assert relative_error(sample, 10**9) == pytest.approx(0.196, rel=1e-3)
    assert relative_error(sample, 5) == pytest.approx(0.196 * 0.5, rel=1e-3)


def test_a_video_that_cant_be_opened_is_listed_as_failed(tmp_path):
    for name in ("a", "b"):
        make_video(tmp_path / f"{name}.mp4", frames=10)
    (tmp_path / "c.mp4").write_text("no video")
    found = survey("mine", Folders(format="folders", videos=tmp_path, labelled=False), tmp_path)
    assert found.videos == 3
    assert found.frames.tolist() == [10, 10]
    assert len(found.failed) == 1
    assert "c.mp4: " in found.failed[0]


def test_a_data_set_without_any_readable_video_is_an_error(tmp_path):
    (tmp_path / "c.mp4").write_text("no video")
    with pytest.raises(MotionFitError, match=r"datasets\.mine: none of 1 videos .*c\.mp4"):
        survey("mine", Folders(format="folders", videos=tmp_path, labelled=False), tmp_path)


def test_a_demo_is_surveyed_before_it_is_rendered(tmp_path):
    recipe = Demo(
        format="demo", train=2, test=3, unlabelled=1, frames=6, height=16, width=24, shards=2
    )
    found = survey("demo", recipe, tmp_path)
    assert found.videos == 8 * (2 + 3 + 1)
    assert (found.index["split1"] == "train").sum() == 16
    assert set(found.frames) == {6}
    assert found.error == 0
    assert found.render_seconds > 0
    assert found.render_bytes > 0
