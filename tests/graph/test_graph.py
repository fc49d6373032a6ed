import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
import yaml

from motionfit.closure import reached
from motionfit.config import load_config
from motionfit.datasets.listing import Seen, seen_path
from motionfit.digests import file_digest
from motionfit.files import write_json
from motionfit.graph import Artefact, Graph, Indexed, indexed, record_of
from motionfit.graph import reached as reached_artefacts
from motionfit.stage_names import STAGES, stage_module

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"


def tiny() -> dict:
    """The smallest config that has every stage. It goes through JSON, so that no two sections share
    a dictionary."""
    values = json.loads(json.dumps(yaml.safe_load(TINY.read_text())))
    values["appearance_models"]["mers"] = {
        **values["appearance_models"]["appearance"],
        "pseudo_labels": None,
        "mers": {"motion_model": "motion", "dataset": "source"},
    }
    values["tables"] = {
        "compared": {
            "title": "All",
            "columns": {"top-1": "recognition top1"},
            "rows": {"ours": {"evaluation": "motionfit"}},
        }
    }
    values["figures"] = {"found": {"title": "Nearest", "evaluation": "motionfit"}}
    return values


def fake_index(dataset: str) -> Indexed:
    videos = {"0000": [("a.mp4", "/v/a.mp4")], "0001": [("b.mp4", "/v/b.mp4")]}
    return Indexed(f"index of {dataset}", videos)


JOBS = {
    "render_demo": {"demo": "target"},
    "index": {"dataset": "target"},
    "frames": {"dataset": "source", "size": "16x24", "shard": "0000"},
    "ledger": {"dataset": "source", "size": "16x24"},
    "flow": {"dataset": "source", "flow": "tvl1", "shard": "0000"},
    "duplicates": {"dataset": "target", "other": "source"},
    "motion_model": {"motion_model": "motion", "split": 1},
    "motion_judgement": {"motion_model": "motion", "split": 1},
    "features": {"motion_model": "motion", "split": 1, "dataset": "source", "shards": "0000"},
    "pseudo_labels": {"pseudo_labels": "clusters", "split": 1},
    "appearance_model": {"appearance_model": "appearance", "split": 1},
    "taught_model": {"taught_model": "mers", "split": 1},
    "random_model": {"random_model": "random", "split": 1},
    "fine_tuning": {"evaluation": "motionfit", "split": 1},
    "recognition": {"evaluation": "motionfit", "split": 1},
    "retrieval": {"evaluation": "motionfit", "split": 1},
    "metrics": {"evaluation": "motionfit"},
    "table": {"table": "compared"},
    "retrieval_figure": {"figure": "found"},
    "report": {},
}
"""The wildcards of one job of each rule."""


def artefacts(values: dict, indexes: Callable[[str], Indexed] = fake_index) -> dict[str, Artefact]:
    """For each rule, the artefact of its job. Its fingerprint is computed now."""
    of_config = Graph(load_config(values), indexes)
    made = {rule: of_config.artefact(rule, wildcards) for rule, wildcards in JOBS.items()}
    for artefact in made.values():
        assert artefact.fingerprint
    return made


def changed(before: dict[str, Artefact], after: dict[str, Artefact]) -> set[str]:
    """Rules whose artefact has a different fingerprint after a change."""
    return {rule for rule in JOBS if before[rule].fingerprint != after[rule].fingerprint}


def set_key(values: dict, path: str, value: object) -> None:
    *parents, last = path.split("/")
    for key in parents:
        values = values.setdefault(key, {})
    values[last] = value


SHOWN = {"metrics", "table", "report"}
EVALUATED = {"fine_tuning", "recognition", "retrieval", "retrieval_figure", *SHOWN}
FROM_FRAMES = {"frames", "ledger", "flow", "duplicates"}
LEARNED = {
    "motion_model",
    "motion_judgement",
    "features",
    "pseudo_labels",
    "appearance_model",
    "taught_model",
}


@pytest.mark.parametrize(
    ("key", "value", "remade"),
    [
        ("pseudo_labels/clusters/clusters", 5, {"pseudo_labels", "appearance_model", *EVALUATED}),
        ("motion_models/motion/training/seed", 7, {*LEARNED, *EVALUATED}),
        (
            "motion_models/motion/features",
            {"stride": 3},
            {"features", "pseudo_labels", "appearance_model", *EVALUATED},
        ),
        ("flow/tvl1/bound", 9, {"flow", *LEARNED, *EVALUATED}),
        ("frame_quality", 80, {*FROM_FRAMES, *LEARNED, *EVALUATED}),
        ("datasets/source/max_failed", 0.5, {"ledger", "report"}),
        (
            "evaluations/motionfit/clips",
            3,
            {"recognition", "retrieval", "retrieval_figure", *SHOWN},
        ),
        ("stop_when_hopeless", True, {"motion_judgement", "report"}),
        ("exclude_near_duplicates", True, {*LEARNED, *EVALUATED}),
        ("appearance_models/random/training/seed", 3, {"random_model", "report"}),
        ("appearance_models/random/training/epochs", 9, {"report"}),
        ("pseudo_labels/clusters/percentile", 50, {"report"}),
        ("resources", {"flow": {"threads": 3}}, set()),
    ],
)
def test_a_change_of_the_config_changes_only_the_artefacts_that_depend_on_it(key, value, remade):
    values = tiny()
    before = artefacts(values)
    set_key(values, key, value)
    assert changed(before, artefacts(values)) == remade


def test_each_split_has_a_fingerprint_of_its_own():
    of_config = Graph(load_config(tiny()), fake_index)
    for rule, wildcards in JOBS.items():
        if "split" in wildcards:
            method = getattr(of_config, rule)
            other = method(**{**wildcards, "split": 2})
            assert method(**wildcards).fingerprint != other.fingerprint, rule


def test_the_names_of_annotation_files_count(tmp_path):
    """The names of UCF101's lists contain the split; those of HMDB51's contain the class too."""
    (tmp_path / "lists").mkdir()
    (tmp_path / "videos").mkdir()
    values = tiny()
    values["datasets"]["target"] = {
        "format": "ucf101",
        "videos": str(tmp_path / "videos"),
        "annotations": str(tmp_path / "lists"),
    }
    file = tmp_path / "lists" / "trainlist01.txt"
    file.write_text("a/v_a_g01_c01.avi 1")
    before = Graph(load_config(values), fake_index).index("target").fingerprint
    file.rename(file.with_name("trainlist02.txt"))
    assert Graph(load_config(values), fake_index).index("target").fingerprint != before


def test_the_order_of_keys_changes_nothing():
    values = tiny()
    turned = json.loads(json.dumps(values), object_pairs_hook=lambda pairs: dict(pairs[::-1]))
    # The report is an exception: its rows are in the order of the config.
    assert changed(artefacts(values), artefacts(turned)) <= {"report"}


def test_the_content_of_an_index_counts_and_the_folder_of_the_videos_does_not():
    rows = pd.DataFrame(
        {
            "video": ["a.mp4", "b.mp4"],
            "path": ["/v/a.mp4", "/v/b.mp4"],
            "label": ["x", "y"],
            "group": ["a", "b"],
            "shard": ["0000", "0001"],
            "split1": ["train", "test"],
        }
    )
    moved = rows.assign(path=["/w/a.mp4", "/w/b.mp4"])
    assert indexed(moved).fingerprint == indexed(rows).fingerprint
    assert indexed(moved).videos == {
        "0000": [("a.mp4", "/w/a.mp4")],
        "0001": [("b.mp4", "/w/b.mp4")],
    }
    for column, value in (("label", "z"), ("group", "c"), ("split1", ""), ("video", "c.mp4")):
        other = rows.assign(**{column: [value, rows[column][1]]})
        assert indexed(other).fingerprint != indexed(rows).fingerprint, column


@pytest.fixture
def videos(tmp_path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_text(name)
    return folder


def indexes_of(folder: Path) -> Callable[[str], Indexed]:
    shards = (("0000", "a.mp4"), ("0001", "b.mp4"))
    videos = {shard: [(name, str(folder / name))] for shard, name in shards}
    return lambda dataset: Indexed("the same", videos)


def test_a_replaced_video_changes_all_that_is_made_from_its_shard(videos):
    before = artefacts(tiny(), indexes_of(videos))
    (videos / "a.mp4").write_text("another, and longer")
    after = artefacts(tiny(), indexes_of(videos))
    of_target = {"motion_model", "motion_judgement"}
    made_from_it = {*FROM_FRAMES, *LEARNED, *EVALUATED} - of_target
    assert changed(before, after) == made_from_it
    other = {"dataset": "source", "size": "16x24", "shard": "0001"}
    shards = [Graph(load_config(tiny()), indexes_of(videos)).frames(**other) for _ in range(2)]
    assert shards[0].fingerprint == shards[1].fingerprint != after["frames"].fingerprint


def test_the_date_of_a_video_does_not_count(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = artefacts(tiny(), indexes_of(videos))
    record_of(before["frames"]).finish()
    seen = {"a.mp4": asdict(Seen.now(str(videos / "a.mp4")))}
    write_json(seen_path(Path(before["frames"].path)), seen)
    os.utime(videos / "a.mp4", (1, 1))
    assert not changed(before, artefacts(tiny(), indexes_of(videos)))
    (videos / "a.mp4").write_text("b.mp4")  # has the same size
    assert "frames" in changed(before, artefacts(tiny(), indexes_of(videos)))


def test_moving_the_folder_of_the_videos_changes_nothing(videos, tmp_path):
    before = artefacts(tiny(), indexes_of(videos))
    shutil.move(videos, tmp_path / "there")
    assert not changed(before, artefacts(tiny(), indexes_of(tmp_path / "there")))


def test_the_content_of_the_users_files_counts_and_their_dates_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "labels.csv").write_text("path,label\n")
    (tmp_path / "w.pth").write_text("weights")
    values = tiny()
    values["datasets"]["target"] = {"format": "folders", "videos": "videos", "labels": "labels.csv"}
    set_key(
        values,
        "appearance_models/random/network",
        {"backbone": "r3d_18", "clip_length": 4, "weights": "w.pth"},
    )

    def made() -> dict[str, str]:
        file_digest.cache_clear()
        of_config = Graph(load_config(values), fake_index)
        return {
            rule: getattr(of_config, rule)(**JOBS[rule]).fingerprint
            for rule in ("index", "random_model")
        }

    before = made()
    for name in ("labels.csv", "w.pth"):
        os.utime(tmp_path / name, (1, 1))
    assert made() == before
    (tmp_path / "labels.csv").write_text("path,label,group\n")
    (tmp_path / "w.pth").write_text("others")
    assert {rule for rule, value in made().items() if value != before[rule]} == set(before)


def test_the_code_of_an_artefact_starts_with_its_stage():
    for rule, artefact in artefacts(tiny()).items():
        assert artefact.code[0] == f"motionfit.stages.{rule}"


def test_the_code_of_what_uses_a_network_has_only_its_backbone():
    values = tiny()
    s3d = {"backbone": "s3d", "clip_length": 8}
    values["motion_models"]["motion"]["network"] = s3d
    values["appearance_models"]["mers"]["network"] = s3d
    found = artefacts(values)
    for rule, modules in {
        "motion_model": {"s3d"},
        "features": {"s3d"},
        "pseudo_labels": set(),
        "appearance_model": {"resnet"},
        "taught_model": {"s3d"},
        "random_model": {"resnet"},
        "fine_tuning": {"resnet"},
        "recognition": {"resnet"},
        "retrieval": {"resnet"},
    }.items():
        covered = set().union(*(reached(name) for name in found[rule].code))
        assert covered & {"motionfit.models.resnet", "motionfit.models.s3d"} == {
            f"motionfit.models.{module}" for module in modules
        }


def test_the_code_of_flow_and_of_an_index_has_only_their_method_or_format():
    values = tiny()
    values["flow"]["tvl1"]["method"] = "tvl1_gpu"
    covered = set().union(*(reached(name) for name in artefacts(values)["flow"].code))
    assert {"motionfit.stages.flow", "motionfit.flow.tvl1_kernels"} <= covered
    assert not {"motionfit.flow.tvl1", "motionfit.flow.opencv", "motionfit.flow.dis"} & covered
    assert "motionfit.flow.opencv" not in reached("motionfit.flow.dis")
    covered = set().union(*(reached(name) for name in artefacts(values)["index"].code))
    assert {"motionfit.datasets.demo", "motionfit.datasets.index"} <= covered
    assert not {"motionfit.datasets.kinetics", "motionfit.datasets.ucf101"} & covered


def test_inputs_are_files_of_the_artefacts_that_make_them():
    made = artefacts(tiny())
    assert made["motion_model"].inputs["clips"].paths == (
        "results/flow/target/tvl1/0000.h5",
        "results/flow/target/tvl1/0001.h5",
        "results/frames/target/16x24/failed.csv",
    )
    assert made["motion_model"].inputs["clips"].folder == "results/flow/target/tvl1"
    assert made["retrieval_figure"].inputs["neighbours"].paths == (
        "results/evaluations/motionfit/split1/neighbours.csv",
    )
    assert made["fine_tuning"].inputs["model"].paths == (
        "results/models/appearance/split1/model.pt",
    )
    assert made["recognition"].inputs["model"].made_by[0].rule == "fine_tuning"
    assert "results/models/motion/split1/history.csv" in made["report"].inputs["others"].paths
    for artefact in reached_artefacts([made["report"], made["table"]]):
        for read in artefact.inputs.values():
            assert {Path(other.path).parent for other in read.made_by} >= {
                Path(path).parent for path in read.paths if path.startswith("results/")
            }


def rules() -> dict[str, str]:
    """The text of each rule with a command."""
    text = "\n".join(file.read_text() for file in sorted((ROOT / "rules").glob("*.smk")))
    found = re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return {name: body for name, body in found if "shell:" in body}


def test_every_rule_is_a_stage_with_a_module_and_resources():
    assert rules().keys() == STAGES.keys() == JOBS.keys()
    assert load_config(tiny()).resources.model_dump().keys() == STAGES.keys()
    for name, body in rules().items():
        asked = r"(?:current|reads|option|folder_of|made_from|resources|growing)\(\"(\w+)\""
        assert set(re.findall(asked, body)) == {name}
        assert re.search(rf"motionfit stage [^\n]*\n\s*\"[^\"]* {name}\"", body), name
        assert callable(getattr(import_module(stage_module(name)), name))


def test_a_rule_gives_its_command_every_option_that_the_graph_has():
    """So a job depends on exactly what its command gets."""
    for rule, artefact in every_kind_of_job():
        for name in artefact.options:
            passed = re.search(rf'option\w*\("{rule}", "{name}"\)', rules()[rule])
            assert passed, (rule, name)


def test_a_rule_declares_every_input_that_the_graph_has():
    read = set()
    for rule, artefact in every_kind_of_job():
        for name, files in artefact.inputs.items():
            if files.paths:
                read.add((rule, name))
                assert f'reads("{rule}", "{name}")' in rules()[rule], (rule, name)
    declared = {
        (rule, name)
        for rule, body in rules().items()
        for name in re.findall(rf'reads\("{rule}", "(\w+)"\)', body)
    }
    # The demo has no annotations; the format of each other data set decides.
    assert declared - read <= {("index", "annotations")}


def every_kind_of_job() -> list[tuple[str, Artefact]]:
    """Jobs that together have every option and input of every rule: with weight files, a motion
    model on RGB, fine-tuning by MARS, and near-duplicates that are left out."""
    values = tiny()
    values["exclude_near_duplicates"] = True
    values["motion_models"]["rgb"] = values["motion_models"]["motion"] | {"flow": None}
    values["motion_models"]["rgb"]["frame_size"] = values["flow"]["tvl1"]["size"]
    for section in ("motion_models", "appearance_models"):
        for name, model in values[section].items():
            weights = None if name == "motion" else "weights.pth"
            network = {"backbone": "r2plus1d_18", "weights": weights}
            model["network"] = model["network"] | network
    values["evaluations"]["mars"] = json.loads(json.dumps(values["evaluations"]["motionfit"]))
    values["evaluations"]["mars"]["fine_tuning"]["mars"] = {"motion_model": "motion"}
    graph = Graph(load_config(values), fake_index)
    jobs = [
        *JOBS.items(),
        ("motion_model", {"motion_model": "rgb", "split": 1}),
        ("fine_tuning", {"evaluation": "mars", "split": 1}),
    ]
    return [(rule, graph.artefact(rule, wildcards)) for rule, wildcards in jobs]


def test_inputs_that_do_not_depend_on_shards_are_known_without_an_index():
    """So a plan lists the jobs that depend on an index that is still to be made."""

    def no_index(dataset: str) -> Indexed:
        raise LookupError(dataset)

    of_config = Graph(load_config(tiny()), no_index)
    report = of_config.report()
    for name in ("metrics", "tables", "figures", "duplicates", "others"):
        assert report.inputs[name].paths
    assert of_config.fine_tuning("motionfit", 1).inputs["model"].paths
    with pytest.raises(LookupError, match="target"):
        assert of_config.fine_tuning("motionfit", 1).inputs["clips"].paths
    with pytest.raises(LookupError):
        assert report.inputs["clips"].paths


def test_the_report_reads_artefacts_of_its_own_graph():
    """Their fingerprints follow from the indexes that this graph has read."""
    of_config = Graph(load_config(tiny()), fake_index)
    for read in of_config.report().inputs.values():
        for artefact in read.made_by:
            assert artefact is of_config.artefact(artefact.rule, artefact.wildcards)


def test_the_report_reads_the_shards_whose_clips_it_may_show():
    """Those of pseudo-labels and of what is evaluated, but not what only trainings read."""
    values = tiny()
    values["appearance_models"]["random"]["frame_size"] = [16, 20]
    values["evaluations"]["random"]["measures"] = ["recognition"]
    clips = artefacts(values)["report"].inputs["clips"]
    assert set(clips.paths) == {
        f"results/{folder}/{shard}.h5"
        for folder in (
            "frames/source/16x24",
            "frames/target/16x24",
            "frames/target/16x20",
            "flow/source/tvl1",
            "flow/target/tvl1",
        )
        for shard in ("0000", "0001")
    }
    assert clips.fingerprint is None


def test_models_wait_for_near_duplicates_only_if_they_are_left_out():
    learning = ("motion_model", "pseudo_labels", "taught_model", "fine_tuning")
    values = tiny()
    made = artefacts(values)
    reached_by_models = reached_artefacts([made["metrics"], made["taught_model"]])
    assert "duplicates" not in {artefact.rule for artefact in reached_by_models}
    values["exclude_near_duplicates"] = True
    made = artefacts(values)
    assert {rule: made[rule].inputs["duplicates"].paths for rule in learning} == {
        "motion_model": ("results/duplicates/target/target.csv",),
        "pseudo_labels": ("results/duplicates/target/source.csv",),
        "taught_model": ("results/duplicates/target/source.csv",),
        "fine_tuning": ("results/duplicates/target/target.csv",),
    }
