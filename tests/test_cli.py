import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from motionfit.cli import build_parser, main
from motionfit.models import build_network, save_model
from tests.videos import described, encode_video, make_video

ROOT = Path(__file__).resolve().parents[1]


def commands() -> list[str]:
    return list(build_parser()._subparsers._group_actions[0].choices)


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"motionfit {command}" in text
    assert len(text.splitlines()[2:]) > 3


def test_every_rule_runs_a_command_there_is():
    used = set()
    for file in (ROOT / "rules").glob("*.smk"):
        used |= set(re.findall(r'made_from:q}"\s+" ([a-z-]+)', file.read_text()))
    assert used
    assert used <= set(commands())


def test_help_does_not_wait_for_pytorch():
    code = "import sys; from motionfit.cli import build_parser; build_parser(); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def model(tmp_path):
    about = described("frames", ["wave", "jump"], 8, [32, 48], 28)
    save_model(build_network("r2plus1d_small", "frames", 2, seed=1), about, tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_predict_prints_classes_with_probabilities(tmp_path, model, capsys):
    video = make_video(tmp_path / "a video é.mp4")
    assert main(["predict", "--model", str(model), "--threads", "1", str(video)]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == str(video)
    found = dict(re.findall(r"(wave|jump)\W+(\d\.\d+)", text))
    assert sum(map(float, found.values())) == pytest.approx(1, abs=0.002)


def test_predict_takes_what_decodes_of_a_damaged_video(tmp_path, model, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
    video = encode_video(tmp_path / "a.avi", noise)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert main(["predict", "--model", str(model), str(video)]) == 0
    warning = r"a\.avi: .* of its 40 frames come out; its class is that of the \d+ frames left"
    assert re.search(warning, capfd.readouterr().err)


def test_predict_goes_on_after_a_file_that_is_no_video(tmp_path, model, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    video = make_video(tmp_path / "good.mp4")
    assert main(["predict", "--model", str(model), str(tmp_path / "text.mp4"), str(video)]) == 1
    output = capsys.readouterr()
    assert "text.mp4 can't be decoded" in output.err
    assert "wave" in output.out


def test_a_missing_model_is_one_message_and_no_traceback(tmp_path, capsys):
    assert main(["predict", "--model", str(tmp_path / "no.pt"), "v.mp4"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no model at")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("name", "message"), [("no.pt", "there is no model at"), ("folder", "folder is a folder: give")]
)
def test_a_model_that_is_no_file_is_told_before_pytorch_is_there(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    code = "import sys; from motionfit.cli import main; status = main(sys.argv[1:]); "
    code += "sys.exit(status + 2 * ('torch' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "--model", str(tmp_path / name), "v.mp4"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr


def test_a_recipe_with_a_mistake_is_one_message(tmp_path, capsys):
    arguments = ["store-flow", "--recipe", '{"method": "magic"}', "--frames", "x", "--output", "y"]
    assert main(arguments) == 1
    assert "method: " in capsys.readouterr().err


def test_a_failing_command_shows_the_last_lines_of_its_log(tmp_path):
    log = tmp_path / "logs" / "flow.log"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "motionfit",
            "--log",
            str(log),
            "store-flow",
            "--recipe",
            "{}",
            "--frames",
            str(tmp_path / "no.h5"),
            "--output",
            str(tmp_path / "out.h5"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"The last lines of {log}:\n{log.read_text()}"
    assert "no.h5 can't be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_ends_with_the_time_that_the_command_took(tmp_path):
    log = tmp_path / "schema.log"
    command = [sys.executable, "-m", "motionfit", "--log", str(log), "schema"]
    begun = time.monotonic()
    subprocess.run(command, check=True)
    last = log.read_text().splitlines()[-1]
    took, used = re.search(r"took ([\d.]+) s, and ([\d.]+) s of CPU time$", last).groups()
    # A command of one thread that waits for nothing; both are rounded.
    assert 0 < float(used) <= float(took) + 0.3
    assert float(took) <= time.monotonic() - begun + 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "0x5"], "'0x5' should be height and width in pixels, such as 128x171"),
        (["--size", "32"], "'32' should be height and width"),
        (["--size", "9000x9000"], "'9000x9000' should be height and width in pixels"),
        (["--size", "99999x99999"], "'99999x99999' should be height and width in pixels"),
        (["--threads", "9" * 5000], "should be a whole number, 1 to 4096"),
        (["--threads", "0"], "'0' should be a whole number, 1 to 4096"),
        (["--threads", "two"], "'two' should be a whole number"),
    ],
)
def test_arguments_that_are_no_numbers_are_told(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        main(["flow", "v.mp4", *arguments])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["nan", "inf", "-inf", "0", "-1", "1e300", "1e-300", "fast"])
def test_a_frame_rate_that_is_none_is_told(capsys, rate):
    with pytest.raises(SystemExit, match="2"):
        main(
            [
                "frames",
                "--index",
                "i",
                "--shard",
                "0",
                "--output",
                "o",
                "--size",
                "8x8",
                f"--fps={rate}",
            ]
        )
    assert "should be a number from 0.001 to 1000" in capsys.readouterr().err


def test_memory_that_is_not_there_is_one_message(monkeypatch, capsys):
    def takes_too_much(*_):
        np.empty(2**60, np.uint8)

    monkeypatch.setattr("motionfit.check.check", takes_too_much)
    assert main(["check"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is not enough memory (Unable to allocate")
    assert len(error.splitlines()) == 1
