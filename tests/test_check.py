import subprocess
import sys

import numpy as np
import pytest

from motionfit.cli import main
from motionfit.models import build_network, save_model
from motionfit.store.features import VideoFeatures, write_features
from tests.videos import described, make_flow, make_frames, moving_square

VALUES = np.random.default_rng(0).normal(0, 1, (3, 16)).astype(np.float32)


@pytest.fixture
def results(tmp_path):
    """One file of each kind that has checksums."""
    make_frames(tmp_path / "frames" / "0000.h5", {"a": moving_square(6), "b": moving_square(4)})
    make_flow(tmp_path / "flow" / "0000.h5", {"a": np.zeros((6, 32, 48, 2), np.float32)})
    features = VideoFeatures("a", np.arange(3), VALUES, 6, 4)
    write_features(tmp_path / "features" / "0000.h5", 4, [features], [12.0], 12.0)
    network = build_network("r2plus1d_small", "frames", 2, seed=0)
    save_model(network, described("frames", ["a", "b"], 4, [32, 48], 24), tmp_path / "model.pt")
    return tmp_path


def test_undamaged_results_pass_the_check(results, capsys):
    assert main(["check", str(results)]) == 0
    assert capsys.readouterr().out == "all files are intact\n"


PLACES = {
    "frames/0000.h5": lambda content: content.index(b"\xff\xd8") + 30,
    "flow/0000.h5": lambda content: content.index(b"\xff\xd8") + 30,
    "features/0000.h5": lambda content: content.index(VALUES.tobytes()) + 5,
    "model.pt": lambda content: len(content) // 2,
}
"""For each file, the position of a byte that a checksum covers."""


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("truncated", [False, True])
def test_a_damaged_file_is_named_with_advice(results, capsys, name, truncated):
    path = results / name
    content = bytearray(path.read_bytes())
    if truncated:
        del content[2 * len(content) // 3 :]
    else:
        content[PLACES[name](content)] ^= 1
    path.write_bytes(content)
    assert main(["check", str(results)]) == 1
    output = capsys.readouterr()
    assert output.err.count("error: ") == 1
    assert f"error: {path} is damaged (" in output.err
    assert "delete it and run again to recreate it" in output.err
    assert output.out.startswith("1 damaged: delete each")


def test_a_folder_without_results_is_an_error(tmp_path, capsys):
    for path, message in (
        (tmp_path, "contains no shard and no model"),
        (tmp_path / "x", "is missing"),
    ):
        assert main(["check", str(path)]) == 1
        assert message in capsys.readouterr().err


def test_check_does_not_import_pytorch():
    code = "import sys, motionfit.check; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
