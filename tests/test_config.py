import json
from pathlib import Path

import pytest
import yaml

from motionfit.config import (
    BACKBONES,
    Config,
    StageResources,
    Training,
    check_paths,
    load_config,
    over_base,
)
from motionfit.errors import MotionFitError

ROOT = Path(__file__).resolve().parents[1]


def demo() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_paper_defaults():
    training = Training()
    assert (training.epochs, training.milestones) == (120, (40, 60, 80))
    assert (training.learning_rate, training.momentum, training.weight_decay) == (1e-3, 0.9, 5e-4)
    assert (training.batch_size, training.clips_per_video, training.crop) == (8, 3, 112)


@pytest.mark.parametrize(
    "path",
    [ROOT / "config.yaml", *sorted((ROOT / "configs").glob("*.yaml"))],
    ids=lambda path: path.name,
)
def test_every_config_file_is_valid(path):
    load_config(read(path))


def read(path: Path) -> dict:
    return over_base(yaml.safe_load(path.read_text()), ROOT)


def test_a_recipe_is_laid_over_the_defaults_of_its_section():
    values = demo()
    values["defaults"] = {
        "motion_models": {"features": {"stride": 5, "batch_size": 3}, "motion_split": 1}
    }
    values["motion_models"]["motion"]["features"] = {"stride": 2}
    values["motion_models"]["other"] = {
        "dataset": "demo-target",
        "flow": "tvl1",
        "frame_size": [32, 40],
        "training": {"crop": 28},
    }
    motion = load_config(values).motion_models
    assert (motion["motion"].features.stride, motion["motion"].features.batch_size) == (2, 3)
    assert (motion["other"].features.stride, motion["other"].motion_split) == (5, 1)
    values["defaults"]["motion_models"] = {"labels": 1}
    with pytest.raises(MotionFitError, match=r"motion_models\.motion\.labels: unknown key"):
        load_config(values)


def test_a_file_is_laid_over_its_bases_in_their_order(tmp_path):
    (tmp_path / "config.yaml").write_text("datasets: {d: 1}\nevaluations: {a: {x: 1}, b: {x: 2}}")
    (tmp_path / "middle.yaml").write_text("evaluations: {c: {x: 3}}")
    own = {"base": "middle.yaml", "evaluations": {"b": {"y": 5}}}
    merged = over_base(own, tmp_path)
    assert merged == {
        "datasets": {"d": 1},
        "evaluations": {"a": {"x": 1}, "b": {"x": 2, "y": 5}, "c": {"x": 3}},
    }
    assert list(merged["evaluations"]) == ["a", "b", "c"]  # the rows of a table keep their order
    assert over_base({"datasets": {}}, tmp_path) == {"datasets": {}}
    shared = {"x": 7}
    merged = over_base({"evaluations": {"b": shared, "e": shared}}, tmp_path)
    assert merged["evaluations"]["e"] == {"x": 7}  # without the keys of b's base
    with pytest.raises(MotionFitError, match=r"base: no\.yaml is no file in"):
        over_base({"base": "no.yaml"}, tmp_path)
    (tmp_path / "config.yaml").write_text("base: middle.yaml")
    with pytest.raises(MotionFitError, match="is laid over itself"):
        over_base({"base": "middle.yaml"}, tmp_path)


def test_null_removes_a_default():
    values = demo()
    values["defaults"] = {"evaluations": {"fine_tuning": {"crop": 28, "epochs": 7}}}
    del values["evaluations"]["random"]["fine_tuning"]
    evaluations = load_config(values).evaluations
    assert evaluations["motion"].fine_tuning is None
    assert evaluations["random"].fine_tuning.epochs == 7


TABLE = {
    "title": "t",
    "columns": {"A": "recognition top1"},
    "rows": {"r": {"evaluation": "random"}},
}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"columns": {"A": "recognition top3"}}, "does not give 'recognition top3'"),
        ({"columns": {"A": "retrieval clip R@3"}}, "does not give 'retrieval clip R@3'"),
        ({"rows": {"r": {"evaluation": "rondom"}}}, "tables.t.rows.r.evaluation: there is no"),
        ({"rows": {"r": {"evaluation": {"B": "random"}}}}, "has no column 'B'"),
        ({"rows": {"r": {"published": {"B": 3.0}}}}, "has no column 'B'"),
        ({"axis": "K"}, "tables.t.axis: the table has an axis, and no row and no column has"),
        (
            {
                "axis": "K",
                "rows": {"r": {"evaluation": "random"}, "s": {"evaluation": "random", "x": 1}},
            },
            "tables.t.rows.r.x: the table has an axis: give the row's place on it",
        ),
        (
            {
                "axis": "K",
                "columns": {"A": {"measure": "recognition top1", "x": 2}},
                "rows": {"r": {"evaluation": "random", "x": 1}},
            },
            "tables.t.axis: the table has an axis, and both rows and columns have",
        ),
        (
            {"columns": {"A": "recognition top1", "B": {"measure": "text", "x": 2}}},
            "tables.t.columns.B.x: a column of words can't be plotted",
        ),
        ({"columns": {"A": 3}}, r"tables\.t\.columns\.A: .* not 3"),
        (
            {"rows": {"r": {"evaluation": "random", "text": {"A": "a"}}}},
            "tables.t.rows.r.text: 'A' is a column of figures",
        ),
        ({"rows": {"r": {"evaluation": "random", "text": {"B": "a"}}}}, "has no column 'B'"),
        (
            {
                "columns": {"A": "recognition top1", "B": "text"},
                "rows": {"r": {"evaluation": {"B": "random"}}},
            },
            r"tables.t.rows.r.evaluation: 'B' is a column of words \(text\)",
        ),
        (
            {"rows": {"r": {"evaluation": "random", "gain_over": "x"}}},
            "tables.t.rows.r.gain_over: there is no evaluation named 'x'",
        ),
        (
            {"rows": {"r": {"published": {"A": 0.4}, "gain_over": "random"}}},
            "tables.t.rows.r.gain_over: the row has no evaluation to subtract from",
        ),
        ({"seeds": 0}, r"tables\.t\.seeds: .*greater"),
        ({"splits": [2]}, "tables.t.splits: the evaluation 'random' has no split 2"),
    ],
)
def test_a_mistake_in_a_table_is_an_error(table, message):
    load_config(change("tables", {"t": TABLE}))
    with pytest.raises(MotionFitError, match=message):
        load_config(change("tables", {"t": {**TABLE, **table}}))


def test_a_column_with_an_unknown_evaluation_is_an_error():
    table = TABLE | {"rows": {"r": {"evaluation": {"A": "rondom"}}}}
    with pytest.raises(
        MotionFitError,
        match=r"tables\.t\.rows\.r\.evaluation\.A: there is no evaluation named 'rondom' "
        r"\(there are: motion, motionfit, random\)",
    ):
        load_config(change("tables", {"t": table}))


def test_a_column_has_a_short_form():
    short = {"A": "recognition top1", "B": "text"}
    long = {"A": {"measure": "recognition top1"}, "B": {"measure": "text"}}
    of_short, of_long = (
        load_config(change("tables", {"t": TABLE | {"columns": columns}}))
        for columns in (short, long)
    )
    assert of_short == of_long
    assert of_short.tables["t"].model_dump()["columns"] == short
    placed = short | {"C": {"measure": "recognition top5", "x": 4.0}}
    table = load_config(change("tables", {"t": TABLE | {"columns": placed}})).tables["t"]
    assert json.loads(table.model_dump_json())["columns"] == placed
    assert table.measures == {"A": "recognition top1", "C": "recognition top5"}


def test_numbers_in_text_columns_become_text():
    table = TABLE | {
        "columns": {"A": "recognition top1", "Frames": "text"},
        "rows": {"r": {"evaluation": "random", "text": {"Frames": 16}}},
    }
    (row,) = load_config(change("tables", {"t": table})).tables["t"].rows.values()
    assert row.text == {"Frames": "16"}


def test_a_table_of_gains_needs_both_evaluations():
    rows = {"r": {"evaluation": "motionfit", "gain_over": {"A": "random"}}}
    table = load_config(change("tables", {"t": TABLE | {"rows": rows, "seeds": 2}})).tables["t"]
    names = {"motionfit", "random"}
    assert {name for name, _ in table.measurements} == names
    assert {name for name, _ in table.measurements_of_seeds} == {
        *names,
        "motionfit.seed1",
        "random.seed1",
    }


def of_three_splits(motion_split, **table) -> Config:
    values = yaml.safe_load((ROOT / "configs" / "kinetics-ucf101-hmdb51.yaml").read_text())
    values["motion_models"]["motion"]["motion_split"] = motion_split
    rows = {name: {"evaluation": name} for name in ("ucf101", "ucf101-random")}
    values["tables"] = {"t": TABLE | {"rows": rows} | table}
    return load_config(values)


def test_an_evaluation_leaks_if_the_motion_model_has_seen_labels_of_its_test_videos():
    config = of_three_splits(1)
    assert config.leaks("ucf101")
    assert not config.leaks("ucf101", [1])
    assert not config.leaks("ucf101-random")
    assert config.leaking("t") == ["ucf101"]
    assert not of_three_splits(1, splits=[1]).leaking("t")
    assert of_three_splits(1, splits=[1, 2]).leaking("t") == ["ucf101"]
    assert not of_three_splits("target").leaking("t")


def test_an_evaluation_of_retrieval_alone_has_no_fine_tuning():
    values = demo()
    values["defaults"] = {"evaluations": {"fine_tuning": {"crop": 1000}}}
    values["evaluations"] = {
        "look": {"model": "random", "dataset": "demo-target", "measures": ["retrieval"]}
    }
    assert load_config(values).evaluations["look"].fine_tuning is None


def test_a_column_must_show_the_same_splits_in_all_rows():
    values = yaml.safe_load((ROOT / "configs" / "kinetics-ucf101-hmdb51.yaml").read_text())
    values["evaluations"]["one"] = {"model": "random", "dataset": "ucf101", "splits": [1]}
    rows = {name: {"evaluation": name} for name in ("ucf101", "one")}
    values["tables"] = {"t": {**TABLE, "rows": rows}}
    with pytest.raises(MotionFitError, match=r"tables\.t\.columns\.A: .* different splits"):
        load_config(values)
    values["tables"]["t"]["splits"] = [1]
    load_config(values)


def test_the_notice_precedes_the_note_of_every_table():
    values = change("tables", {"t": {**TABLE, "note": "Split 1."}})
    values["notice"] = "A trial."
    assert load_config(values).noticed("t").note == "A trial. Split 1."


def test_tables_and_figures_need_measures_that_are_made():
    values = change("tables", {"t": TABLE})
    values["evaluations"]["random"]["measures"] = ["retrieval"]
    with pytest.raises(MotionFitError, match="does not give 'recognition top1'"):
        load_config(values)
    values["evaluations"]["random"]["measures"] = ["recognition"]
    values["figures"] = {"f": {"title": "t", "evaluation": "random"}}
    with pytest.raises(MotionFitError, match="does not measure retrieval"):
        load_config(values)


@pytest.mark.parametrize("name", ["table-3", "3", "lambda", "a b"])
def test_the_name_of_a_table_must_be_a_valid_target(name):
    with pytest.raises(MotionFitError, match="the name is a target of Snakemake"):
        load_config(change("tables", {name: TABLE}))


MERS = {
    "pseudo_labels": None,
    "mers": {"motion_model": "motion", "dataset": "demo-source"},
    "network": {"backbone": "r2plus1d_small", "clip_length": 8},
    "frame_size": [32, 40],
    "training": {"crop": 28},
}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"frame_size": [48, 64]}, "frame_size has to be the size of the flow 'tvl1'"),
        ({"network": {"backbone": "s3d"}}, "s3d has 1024 features and can't learn the 128"),
        ({"pseudo_labels": "clusters"}, "give pseudo_labels or mers, not both"),
        ({"mers": {"motion_model": "x", "dataset": "demo-source"}}, "no motion model named 'x'"),
        ({"training": {"crop": 28, "balanced": True}}, "training.balanced: MERS has no pseudo"),
        ({"training": {"crop": 28, "label_smoothing": 0.1}}, "MERS learns no labels: set it to 0"),
    ],
)
def test_an_invalid_taught_model_is_an_error(model, message):
    load_config(change("appearance_models/appearance", MERS))
    with pytest.raises(MotionFitError, match=message):
        load_config(change("appearance_models/appearance", {**MERS, **model}))


def test_mars_needs_an_rgb_network_and_a_teacher_on_flow():
    mars = {"layers": "all", "crop": 28, "mars": {"motion_model": "motion"}}
    load_config(change("evaluations/random/fine_tuning", mars))
    with pytest.raises(
        MotionFitError, match="has to be an appearance model, and 'motion' is a motion"
    ):
        load_config(change("evaluations/motion/fine_tuning", mars))
    values = change("evaluations/random/fine_tuning", mars)
    values["motion_models"]["motion"] |= {"flow": None, "frame_size": [32, 40]}
    with pytest.raises(MotionFitError, match="'motion' can't teach, since it is not on flow"):
        load_config(values)


def test_invalid_combinations_of_options_are_errors():
    values = change("appearance_models/appearance/training/neighbours", "sum")
    load_config(values)
    values["pseudo_labels"]["clusters"]["granularity"] = "video"
    with pytest.raises(MotionFitError, match="one pseudo-label, which has no neighbours"):
        load_config(values)
    with pytest.raises(MotionFitError, match=r"random\.training\.balanced: there are no pseudo"):
        load_config(change("appearance_models/random/training/balanced", True))
    values = change("appearance_models/appearance/training/balanced", True)
    values["appearance_models"]["appearance"]["training"]["clip_gap"] = 0
    with pytest.raises(MotionFitError, match="clip_gap needs clips that follow each other"):
        load_config(values)
    with pytest.raises(MotionFitError, match=r"of another data set \(demo-target\)"):
        load_config(change("pseudo_labels/clusters/videos", "unlabelled"))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_number_of_features_is_known_without_pytorch(backbone):
    from motionfit.models import build_network

    assert build_network(backbone, "frames", 2, seed=0).dim == BACKBONES[backbone].features


def test_the_schema_file_is_up_to_date():
    written = json.loads((ROOT / "schemas" / "config.schema.json").read_text())
    assert written == Config.model_json_schema()


def change(path: str, value) -> dict:
    values = demo()
    *parents, last = path.split("/")
    section = values
    for key in parents:
        section = section[key]
    section[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("clusterz", 3, "clusterz: unknown key"),
        ("pseudo_labels/clusters/clusterz", 3, "pseudo_labels.clusters.clusterz: unknown key"),
        ("datasets/demo-target/trian", 3, r"datasets\.demo-target\.trian: unknown key"),
        ("motion_models/motion/training/epochs", "many", r"training\.epochs: .*integer.*'many'"),
        ("motion_models/motion/training/epochs", 0, r"training\.epochs: .*greater.* 1, not 0"),
        ("pseudo_labels/clusters/granularity", "frame", r"granularity: .*'clip'.*not 'frame'"),
        ("datasets/demo-target/format", "ucf", r"datasets\.demo-target.*ucf101"),
        ("evaluations/motionfit/measures", 3, r"motionfit\.measures: .*not 3"),
        ("evaluations/motionfit/measures", [], r"motionfit\.measures: .*at least 1"),
        (
            "evaluations/random/fine_tuning/mars",
            {"motion_model": "x"},
            r"random\.fine_tuning\.mars\.motion_model: there is no motion model named 'x'",
        ),
        ("figures", {"f": {"title": "t", "evaluation": "x"}}, r"figures\.f\.evaluation: .*'x'"),
        (
            "motion_models/motion/dataset",
            "kinetics",
            r"motion_models\.motion\.dataset: .* named 'kinetics' \(there are: demo-",
        ),
        ("motion_models/motion/flow", "brox", r"motion_models\.motion\.flow: .*'brox'.*tvl1"),
        ("pseudo_labels/clusters/motion_model", "x", r"clusters\.motion_model: .*'x'"),
        ("appearance_models/appearance/pseudo_labels", "x", r"appearance\.pseudo_labels: .*'x'"),
        ("evaluations/motionfit/model", "x", r"evaluations\.motionfit\.model: .*'x'"),
        ("evaluations/motionfit/dataset", "x", r"evaluations\.motionfit\.dataset: .*'x'"),
        (
            "evaluations/motionfit/splits",
            [1, 2],
            r"evaluations\.motionfit\.splits: the data set 'demo-target' has no split 2 \(it has 1",
        ),
        ("evaluations/motionfit/dataset", "demo-source", r"no labelled .* \(train: 0\)"),
        ("datasets/demo-target/test", 0, r"no test videos \(test: 0\)"),
        (
            "datasets/demo-target",
            {"format": "folders", "videos": "v", "labelled": False},
            r"motion_models\.motion: .*'demo-target'.*it has no labels",
        ),
        ("motion_models/motion/motion_split", "one", "motion_split: .*`target` or the number"),
        ("motion_models/motion/training/epochs", True, r"training\.epochs: .*integer"),
        ("evaluations/motionfit/fine_tuning", None, "motionfit.fine_tuning: .*needs fine-tuning"),
        (
            "evaluations/motion/fine_tuning",
            {"multi_clip_weight": 0, "crop": 28},
            r"evaluations\.motion\.fine_tuning\.multi_clip_weight: with 0 no labels are learned",
        ),
        (
            "appearance_models/random/network/weights",
            "r3d.pth",
            r"appearance_models\.random\.network: weights: .* none of r2plus1d_small",
        ),
        (
            "motion_models/motion/network",
            {"backbone": "s3d", "weights": "s3d.pth"},
            r"motion_models\.motion\.network\.weights: .* for RGB, .* on flow",
        ),
        ("pseudo_labels/clusters/whiten", True, r"clusters: whiten scales .*give pca"),
        (
            "motion_models/motion/training",
            {"multi_clip_weight": 0, "clip_gap": 8, "crop": 28},
            r"evaluations\.motion\.fine_tuning: .*'motion' learns no labels",
        ),
        (
            "motion_models/motion/training",
            {"multi_clip_weight": 0.5, "clips_per_video": 1, "crop": 28},
            r"motion_models\.motion\.training: clip order .*clips_per_video from 2 to 4, not 1",
        ),
        (
            "motion_models/motion/training",
            {"multi_clip_weight": 0.5, "crop": 28},
            r"motion_models\.motion\.training: clip order .* give clip_gap",
        ),
        (
            "motion_models/motion/training",
            {"clip_gap": 8, "clips_per_video": 1, "crop": 28},
            r"clip_gap is the gap between the clips of a video",
        ),
        (
            "evaluations/motionfit/fine_tuning/keep",
            "best",
            r"fine_tuning: keep: best needs validation videos: .* validation_fraction",
        ),
        ("evaluations/motionfit/model_split", 0, "model_split: .*`target` or the number"),
        (
            "evaluations/motionfit/model_split",
            2,
            r"motionfit\.model_split: the data set 'demo-target' has no split 2",
        ),
        (
            "evaluations/motionfit/labelled_part",
            "few",
            r"motionfit\.labelled_part: there is no labelled part named 'few' \(there are: none\)",
        ),
        ("evaluations/motionfit/fine_tuning/crop", 40, "crop of 40 does not fit .*32x40"),
        ("evaluations", {"../x": {}}, r"evaluations\.\.\./x"),
        ("flow/tvl1/bound", float("inf"), r"tvl1\.bound: .*finite"),
        ("flow/tvl1/bound", ".nan", r"tvl1\.bound: "),
        ("flow/tvl1/bound", 1e300, r"tvl1\.bound: .*less"),
        ("datasets/demo-target/fps", float("inf"), r"demo-target\.fps: .*finite"),
        ("datasets/demo-target/fps", 1e-300, r"demo-target\.fps: .*greater"),
        ("datasets/demo-target/seed", 10**30, r"demo-target\.seed: .*less"),
        ("datasets/demo-target/speed", [0, float("nan")], r"demo-target\.speed\.1: .*finite"),
        ("datasets/demo-target/shards", 10**9, r"demo-target\.shards: .*less"),
        ("motion_models/motion/training/learning_rate", float("nan"), "learning_rate: .*finite"),
        ("motion_models/motion/training/weight_decay", float("inf"), "weight_decay: .*finite"),
        ("motion_models/motion/training/seed", 2**32, r"training\.seed: .*less"),
        ("motion_models/motion/training/epochs", 10**30, r"training\.epochs: .*less"),
        ("motion_models/motion/training/clips_per_video", 10**12, "clips_per_video: .*less"),
        ("motion_models/motion/network/clip_length", 10**12, "clip_length: .*less"),
        ("appearance_models/appearance/frame_size", [10**9, 32], r"frame_size\.0: .*less"),
        ("evaluations/motionfit/clips", 10**12, r"motionfit\.clips: .*less"),
        ("resources", {"flow": {"threads": 10**9}}, r"flow\.threads: .*less"),
        (
            "datasets/demo-target",
            {"format": "kinetics", "videos": "v", "annotations": ["a.csv", "./a.csv"]},
            "a.csv is listed twice",
        ),
    ],
)
def test_the_message_names_the_key_of_a_mistake(path, value, message):
    with pytest.raises(MotionFitError, match=message) as error:
        load_config(change(path, value))
    assert "the config is not right" in str(error.value)


def test_a_name_that_leads_out_of_the_results_folder_is_refused():
    values = demo()
    values["flow"]["../../x"] = values["flow"]["tvl1"]
    with pytest.raises(MotionFitError, match="a name becomes a folder"):
        load_config(values)


def test_a_missing_key_is_an_error():
    values = demo()
    del values["motion_models"]["motion"]["flow"]
    with pytest.raises(MotionFitError, match=r"motion_models\.motion\.flow: this key is missing"):
        load_config(values)


def test_missing_files_and_folders_are_errors(tmp_path):
    values = change("appearance_models/random/network", {"backbone": "s3d", "weights": "no.pth"})
    weights = values["appearance_models"]["appearance"]["network"] = {
        "backbone": "s3d_g",
        "weights": str(tmp_path),
    }
    with pytest.raises(MotionFitError) as error:
        check_paths(load_config(values))
    text = str(error.value)
    assert "appearance_models.random.network.weights: there is no file no.pth" in text
    assert f"appearance_models.appearance.network.weights: there is no file {tmp_path}" in text
    values["datasets"]["source"] = {"format": "folders", "videos": __file__, "labels": "/dev/null"}
    with pytest.raises(MotionFitError) as error:
        check_paths(load_config(values))
    assert f"datasets.source.videos: there is no folder {__file__}" in str(error.value)
    assert "datasets.source.labels: there is no file /dev/null" in str(error.value)
    del values["datasets"]["source"]
    del values["appearance_models"]["random"]["network"]["weights"]
    weights["weights"] = str(tmp_path / "s3d.pth")
    (tmp_path / "s3d.pth").touch()
    check_paths(load_config(values))


def test_equal_recipes_give_equal_text():
    values = demo()
    motion = values["motion_models"]["motion"]
    values["motion_models"]["motion"] = dict(reversed(motion.items())) | {"labelled_part": None}
    first, second = load_config(demo()), load_config(values)
    assert first.motion_models["motion"].to_json() == second.motion_models["motion"].to_json()


def test_fine_tuning_uses_the_labelled_part_of_its_motion_model():
    values = demo()
    values["labelled_parts"] = {"few": {"label_fraction": 0.2}, "half": {"label_fraction": 0.5}}
    values["motion_models"]["motion"]["labelled_part"] = "few"
    config = load_config(values)
    labels = {
        name: config.labels_of_evaluation(recipe).label_fraction
        for name, recipe in config.evaluations.items()
    }
    assert labels == {"motionfit": 0.2, "random": 1.0, "motion": 0.2}
    values["evaluations"]["motion"]["labelled_part"] = "few"
    with pytest.raises(MotionFitError, match=r"motion\.labelled_part: without fine-tuning"):
        load_config(values)
    values["evaluations"]["motion"]["labelled_part"] = None
    values["evaluations"]["motionfit"]["labelled_part"] = "half"
    values["evaluations"]["random"]["labelled_part"] = "few"
    config = load_config(values)
    assert config.labels_of_evaluation(config.evaluations["motionfit"]).label_fraction == 0.5
    assert config.labels_of_evaluation(config.evaluations["random"]) == config.labels_of("motion")


def test_fine_tuning_with_two_motion_models_must_name_its_labelled_part():
    values = demo()
    values["labelled_parts"] = {"few": {"label_fraction": 0.2}}
    values["motion_models"]["few"] = values["motion_models"]["motion"] | {"labelled_part": "few"}
    values["evaluations"]["motionfit"]["fine_tuning"] |= {"mars": {"motion_model": "few"}}
    with pytest.raises(MotionFitError, match=r"motionfit\.labelled_part: .* different parts"):
        load_config(values)
    values["evaluations"]["motionfit"]["labelled_part"] = "few"
    load_config(values)


def test_all_labels_of_another_data_set_are_used():
    config = load_config(read(ROOT / "configs" / "paper.yaml"))
    assert config.labels_of_evaluation(config.evaluations["hmdb51"]).label_fraction == 1


def test_one_model_serves_all_splits_of_another_data_set():
    config = load_config(read(ROOT / "configs" / "paper.yaml"))
    own, other = config.evaluations["ucf101"], config.evaluations["hmdb51"]
    assert [config.model_split(own, "motionfit", split) for split in (1, 2, 3)] == [1, 2, 3]
    assert [config.model_split(other, "motionfit", split) for split in (1, 2, 3)] == [1, 1, 1]
    teacher = config.evaluations["mars-hmdb51"]
    assert config.model_split(teacher, "motion", 3) == 1
    fixed = config.model_copy(
        update={
            "motion_models": {
                "motion": config.motion_models["motion"].model_copy(update={"motion_split": 2})
            }
        }
    )
    assert fixed.model_split(own, "motionfit", 3) == 2


def test_the_model_split_must_be_a_split_that_the_model_is_made_for():
    values = yaml.safe_load((ROOT / "configs" / "kinetics-ucf101-hmdb51.yaml").read_text())
    values["motion_models"]["motion"]["motion_split"] = 2
    with pytest.raises(MotionFitError, match=r"hmdb51\.model_split is 1, but .* split 2 only"):
        load_config(values)
    del values["evaluations"]["hmdb51"]["model_split"]
    load_config(values)


def test_resources_of_a_stage_are_laid_over_the_defaults_of_the_stage():
    values = {"appearance_model": {"gpu": 4}, "flow": {"threads": 2}}
    resources = StageResources.model_validate(values)
    model, flow = resources.appearance_model, resources.flow
    assert (model.gpu, model.threads, model.mem_mb, model.runtime) == (4, 8, 32000, 4320)
    assert (flow.threads, flow.runtime) == (2, 720)
    assert resources.taught_model == StageResources().taught_model  # unlike appearance_model
    with pytest.raises(ValueError, match="nonsense"):
        StageResources.model_validate({"nonsense": {"gpu": 1}})
