import numpy as np
import torch

from motionfit.store.clips import ClipStore
from motionfit.training.inference import clip_outputs
from tests.videos import described, make_frames


def test_a_clip_that_comes_several_times_is_computed_once_and_has_an_output_for_each(tmp_path):
    # Frame t of the n-th video has the grey value 100 n + 10 t.
    videos = {name: np.array([np.full((32, 48, 3), 100 * n + 10 * t) for t in range(9)], np.uint8)
              for n, name in enumerate("ab")}  # fmt: skip
    make_frames(tmp_path / "0000.h5", videos)
    about = described("frames", [], 1, [32, 48], 28)
    computed = []

    def first_value(x: torch.Tensor) -> torch.Tensor:
        computed.append(len(x))
        return x[:, 0, 0, 0, 0]

    starts = {"b": [2, 2, 5], "a": [5, 2, 5, 0]}
    outputs = clip_outputs(first_value, about, ClipStore(tmp_path, ["0000"], "frames"), starts,
                           torch.device("cpu"), 1, batch_size=2)  # fmt: skip
    assert computed == [2, 2, 1]
    assert list(outputs) == ["b", "a"]
    grey = {video: (of_video * 0.22803 + 0.43216) * 255 for video, of_video in outputs.items()}
    assert np.allclose(grey["b"], [120, 120, 150], atol=2)
    assert np.allclose(grey["a"], [50, 20, 50, 0], atol=2)
