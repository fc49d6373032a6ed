import json
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from docstring_parser import parse

from motionfit import cli
from motionfit.cli import main
from motionfit.models import build_network, save_model
from motionfit.stage_names import STAGES, stage_module
from tests.videos import described, encode_video, make_video

ROOT = Path(__file__).resolve().parents[1]


TOOLS = ["predict", "embed", "search", "export", "about", "flow", "check", "estimate", "schema"]


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    """So that no line of help is broken. The first help in a process decides on the width."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.mark.parametrize(
    "command", [[], *([tool] for tool in TOOLS), ["stage"], *(["stage", name] for name in STAGES)]
)
def test_every_command_has_help(command, capsys):
    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"Usage: motionfit {' '.join(command)}" in " ".join(text.split())
    assert "()" not in text
    if len(command) == 2:
        assert "--output" in text


@pytest.mark.parametrize("name", [*TOOLS, *STAGES])
def test_help_shows_the_whole_docstring(name, capsys):
    function = getattr(import_module(stage_module(name)) if name in STAGES else cli, name)
    docstring = parse(function.__doc__)
    texts = [docstring.short_description, docstring.long_description or ""]
    described = {parameter.arg_name: parameter.description for parameter in docstring.params}
    assert described.keys() <= signature(function).parameters.keys()
    main([*(["stage"] if name in STAGES else []), name, "--help"])
    help_text = words(capsys.readouterr().out)
    for text in (*texts, *described.values()):
        assert words(text) in help_text


def words(text: str) -> str:
    return " ".join(text.replace("`", "").split())


@pytest.mark.parametrize("name", [*TOOLS, *STAGES])
def test_every_option_has_a_description(name, capsys):
    main([*(["stage"] if name in STAGES else []), name, "--help"])
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("│"):
            assert re.search(r"  [A-Za-z][^\[]*[.:]", line.strip("│ ")), line


@pytest.mark.parametrize("name", STAGES)
def test_the_list_of_stages_has_the_first_line_of_the_docstring(name):
    stage = getattr(import_module(stage_module(name)), name)
    assert STAGES[name] == stage.__doc__.splitlines()[0]


def test_help_names_what_is_given(capsys):
    main(["flow", "--help"])
    text = capsys.readouterr().out
    assert "--size HxW" in text
    assert "--video" not in text
    assert "(default: the video's own)" in words(text.replace("│", " "))
    main(["predict", "--help"])
    assert "[ARGS" not in capsys.readouterr().out


def test_the_users_tools_and_the_stages_are_listed(capsys):
    main(["--help"])
    text = capsys.readouterr().out
    assert all(f" {tool} " in text for tool in [*TOOLS, "stage"])
    assert "fine_tuning" not in text
    main(["stage", "--help"])
    text = capsys.readouterr().out
    listed = [name for line in text.splitlines() for name in STAGES if f"│ {name} " in line]
    assert listed == list(STAGES)
    assert "--log" in text


def test_an_unknown_stage_gives_one_message(capsys):
    assert main(["stage", "fine-tune", "--output", "x"]) == 1
    assert "there is no stage 'fine-tune' (there are: render_demo, " in capsys.readouterr().err


def test_a_stage_without_a_name_or_with_a_wrong_record_is_one_message(tmp_path, capsys):
    assert main(["stage", "--log", str(tmp_path / "l")]) == 1
    assert "there is no stage ''" in capsys.readouterr().err
    assert main(["stage", "--lgo", "l", "index"]) == 1
    assert "there is no stage '--lgo'" in capsys.readouterr().err
    assert main(["stage", "--made-from", "x", "index"]) == 1
    assert "--made-from: this is not a record" in capsys.readouterr().err


@pytest.mark.parametrize("name", STAGES)
def test_no_stage_has_an_option_that_all_stages_have(name):
    stage = getattr(import_module(stage_module(name)), name)
    assert not {"log", "made_from", "gpus"} & {*signature(stage).parameters}


def test_help_does_not_import_pytorch():
    code = """
import sys
from motionfit.cli import main
for command in ([], ["predict"], ["stage"], ["stage", "index"], ["stage", "table"]):
    main([*command, "--help"])
    assert "torch" not in sys.modules, command
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_gpus_are_chosen_before_a_stage_imports_pytorch(tmp_path):
    """PyTorch looks for GPUs when it is imported."""
    code = """
import sys
from motionfit import cli
def own_gpus(count):
    print(count, "torch" in sys.modules)
cli.own_gpus = own_gpus
cli.main(["stage", "--gpus", "3", "features", "--help"])
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[0] == "3 False"
    assert done.stdout.splitlines()[-1] == "True"


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
    probabilities = dict(re.findall(r"(wave|jump)\W+(\d\.\d+)", text))
    assert sum(map(float, probabilities.values())) == pytest.approx(1, abs=0.002)


def test_predict_uses_the_decodable_part_of_a_damaged_video(tmp_path, model, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 48, 3), dtype=np.uint8)
    video = encode_video(tmp_path / "a.avi", noise)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert main(["predict", "--model", str(model), str(video)]) == 0
    warning = r"a\.avi: .* of its 40 frames come out; it is classified by the \d+ frames left"
    assert re.search(warning, capfd.readouterr().err)


def test_predict_goes_on_after_an_unreadable_file(tmp_path, model, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    video = make_video(tmp_path / "good.mp4")
    assert main(["predict", "--model", str(model), str(tmp_path / "text.mp4"), str(video)]) == 1
    output = capsys.readouterr()
    assert "text.mp4 can't be decoded" in output.err
    assert "wave" in output.out


def test_a_missing_model_gives_one_message_and_no_traceback(tmp_path, capsys):
    assert main(["predict", "--model", str(tmp_path / "no.pt"), "v.mp4"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no model at")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("name", "message"), [("no.pt", "there is no model at"), ("folder", "folder is a folder: give")]
)
def test_a_missing_model_is_reported_before_pytorch_is_imported(tmp_path, name, message):
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


def test_a_mistake_in_a_recipe_gives_one_message(tmp_path, capsys):
    arguments = ["stage", "flow", "--recipe", '{"method": "magic"}', "--shard", "0"]
    assert main([*arguments, "--frames", "x", "--output", "y"]) == 1
    assert "method: " in capsys.readouterr().err


def test_a_failing_command_shows_the_last_lines_of_its_log(tmp_path):
    log = tmp_path / "logs" / "flow.log"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "motionfit",
            "stage",
            "--log",
            str(log),
            "flow",
            "--recipe",
            "{}",
            "--frames",
            str(tmp_path),
            "--shard",
            "no",
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
    log = tmp_path / "index.log"
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").touch()
    recipe = json.dumps({"format": "folders", "videos": "videos", "labelled": False})
    begun = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "motionfit", "stage", "--log", log),
            *("index", "--recipe", recipe, "--output", "index.csv"),
        ],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    last = log.read_text().splitlines()[-1]
    took, used = re.search(r"took ([\d.]+) s, and ([\d.]+) s of CPU time$", last).groups()
    # The command has one thread and hardly waits. Both numbers are rounded.
    assert 0 < float(used) <= float(took) + 0.3
    assert float(took) <= time.monotonic() - begun + 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "0x5"], "'0x5' should be height and width in pixels, such as 128x171"),
        (["--size", "32"], "'32' should be height and width"),
        (["--size", "9000x9000"], "'9000x9000' should be height and width in pixels"),
        (["--size", "99999x99999"], "'99999x99999' should be height and width in pixels"),
        (["--threads", "9" * 5000], "for --threads"),
        (["--threads", "9999"], 'Invalid value "9999" for --threads. Must be <= 4096.'),
        (["--threads", "0"], 'Invalid value "0" for --threads. Must be >= 1.'),
        (["--threads", "two"], 'Invalid value for --threads: unable to convert "two" into int'),
        (["--thread", "2"], "Unknown option: --thread. Did you mean --threads?"),
    ],
)
def test_invalid_arguments_are_errors(capsys, arguments, message):
    assert main(["flow", "v.mp4", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("rate", ["nan", "inf", "-inf", "0", "-1", "1e300", "1e-300", "fast"])
def test_an_invalid_frame_rate_is_an_error(capsys, rate):
    arguments = ["--index", "i", "--shard", "0", "--output", "o", "--size", "8x8"]
    arguments += ["--quality", "95", f"--fps={rate}"]
    assert main(["stage", "frames", *arguments]) == 2
    assert "--fps" in capsys.readouterr().err


def test_too_little_memory_gives_one_message(monkeypatch, capsys):
    def allocate_too_much(*_):
        np.empty(2**60, np.uint8)

    monkeypatch.setattr("motionfit.check.check", allocate_too_much)
    assert main(["check"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is not enough memory (Unable to allocate")
    assert len(error.splitlines()) == 1


def test_an_option_that_is_left_out_is_missing(capsys):
    assert main(["predict", "video.mp4"]) != 0
    assert capsys.readouterr().err == "error: --model is missing\n"
    assert main(["predict", "video.mp4", "--model"]) != 0
    assert "requires an argument" in capsys.readouterr().err
