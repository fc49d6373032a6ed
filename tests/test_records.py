import json
from dataclasses import replace
from pathlib import Path

import pytest

from motionfit.cli import main
from motionfit.graph import Artefact, Input, State, differences, record_of, state_of
from motionfit.records import Record, read_record, record_path


@pytest.fixture
def artefact(tmp_path, monkeypatch) -> Artefact:
    monkeypatch.setattr("motionfit.graph.artefacts.code_version", "".join)
    recipe = {"clusters": 4, "network": {"backbone": "s3d", "clip_length": 16}}
    return Artefact(
        "pseudo_labels",
        {"split": 1},
        str(tmp_path / "labels.csv"),
        {"recipe": recipe},
        ("code 1",),
        inputs(features="aa", annotations="bb"),
    )


def inputs(**fingerprints: str) -> dict[str, Input]:
    return {name: Input((), (), lambda text=text: text) for name, text in fingerprints.items()}


def make(artefact: Artefact) -> None:
    record = record_of(artefact)
    record.begin()
    Path(artefact.path).write_text("made")
    record.finish()


def other(artefact: Artefact, **changes: object) -> Artefact:
    return replace(artefact, **changes)


def test_a_result_is_current_only_for_the_artefact_that_it_was_made_for(artefact):
    assert state_of(artefact) is State.MISSING
    make(artefact)
    assert state_of(artefact) is State.CURRENT
    for change in (
        {"options": {"recipe": {"clusters": 5}}},
        {"code": ("code 2",)},
        {"inputs": inputs(features="cc")},
    ):
        assert state_of(other(artefact, **change)) is State.CHANGED


def test_a_result_without_a_readable_record_is_of_unknown_origin(artefact):
    make(artefact)
    for text in (None, "", "{", "[]"):
        record_path(artefact.path).unlink()
        if text is not None:
            record_path(artefact.path).write_text(text)
        assert state_of(artefact) is State.UNKNOWN
        record_path(artefact.path).touch()


def test_a_killed_job_does_not_leave_the_record_of_the_old_result(artefact):
    """Otherwise a new result, written just before the kill, would pass for the old one."""
    make(artefact)
    record_of(other(artefact, options={"recipe": {"clusters": 5}})).begin()
    assert state_of(artefact) is State.UNFINISHED
    Path(artefact.path).unlink()  # Snakemake does this before a job starts
    assert state_of(artefact) is State.UNFINISHED


def test_differences_name_changed_options_with_both_values(artefact):
    make(artefact)
    recipe = {"clusters": 5, "network": {"backbone": "s3d", "clip_length": 8}}
    assert differences(other(artefact, options={"recipe": recipe})) == [
        "clusters was 4, and is 5",
        "network.clip_length was 16, and is 8",
    ]
    changed = inputs(features="aa", annotations="cc")
    assert differences(other(artefact, code=("code 2",), inputs=changed)) == [
        "its code changed",
        "its annotations changed",
    ]
    # Inputs that the run makes are not named: their own jobs name the reason.
    assert not differences(other(artefact, inputs=inputs(features="cc", annotations="bb")))


def test_a_record_can_be_written_as_text_and_parsed(artefact):
    assert Record.parse(record_of(artefact).to_json()) == record_of(artefact)
    for text in ("", "{}", "[]", '{"result": "x"}'):
        with pytest.raises(ValueError, match=r"Expecting value|argument"):
            Record.parse(text)


def index_command(artefact: Artefact, videos: str) -> list[str]:
    recipe = {"format": "folders", "videos": videos, "labelled": False}
    return [
        "stage",
        "--made-from",
        record_of(artefact).to_json(),
        "index",
        "--recipe",
        json.dumps(recipe),
        "--output",
        artefact.path,
    ]


def test_a_command_writes_the_record_of_its_result(artefact, tmp_path, capsys):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.mp4").touch()
    assert main(index_command(artefact, str(tmp_path / "v"))) == 0
    assert state_of(artefact) is State.CURRENT
    assert read_record(artefact.path)["options"] == artefact.options
    assert main(index_command(artefact, str(tmp_path / "nowhere"))) == 1
    assert "there is no folder" in capsys.readouterr().err
    assert state_of(artefact) is State.UNFINISHED
