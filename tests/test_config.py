import json
from pathlib import Path

import pytest
import yaml

from motionfit.config import Config, Training, check_paths, load_config
from motionfit.errors import MotionFitError

ROOT = Path(__file__).resolve().parents[1]


def demo() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_paper_defaults():
    training = Training()
    assert (training.epochs, training.milestones) == (120, (40, 60, 80))
    assert (training.learning_rate, training.momentum, training.weight_decay) == (1e-3, 0.9, 5e-4)
    assert (training.batch_size, training.clips_per_video, training.crop) == (8, 3, 112)


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *sorted((ROOT / "configs").glob("*.yaml"))],
                         ids=lambda path: path.name)  # fmt: skip
def test_every_config_file_is_right(path):
    load_config(yaml.safe_load(path.read_text()))


def test_the_schema_file_is_the_recipes():
    written = json.loads((ROOT / "schemas" / "config.schema.json").read_text())
    assert written == Config.model_json_schema()


def change(path: str, value) -> dict:
    values = demo()
    *parents, last = path.split("/")
    place = values
    for key in parents:
        place = place[key]
    place[last] = value
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
        ("motion_models/motion/dataset", "kinetics",
         r"motion_models\.motion\.dataset: .* named 'kinetics' \(there are: demo-"),
        ("motion_models/motion/flow", "brox", r"motion_models\.motion\.flow: .*'brox'.*tvl1"),
        ("pseudo_labels/clusters/motion_model", "x", r"clusters\.motion_model: .*'x'"),
        ("appearance_models/appearance/pseudo_labels", "x", r"appearance\.pseudo_labels: .*'x'"),
        ("evaluations/motionfit/model", "x", r"evaluations\.motionfit\.model: .*'x'"),
        ("evaluations/motionfit/dataset", "x", r"evaluations\.motionfit\.dataset: .*'x'"),
        ("evaluations/motionfit/splits", [1, 2],
         r"evaluations\.motionfit\.splits: the data set 'demo-target' has no split 2 \(it has 1\)"),
        ("evaluations/motionfit/dataset", "demo-source", r"no labelled .* \(train: 0\)"),
        ("datasets/demo-target/test", 0, r"no test videos \(test: 0\)"),
        ("datasets/demo-target", {"format": "folders", "videos": "v", "labelled": False},
         r"motion_models\.motion: .*'demo-target'.*it has no labels"),
        ("motion_models/motion/motion_split", "one", "motion_split: .*`target` or the number"),
        ("motion_models/motion/training/epochs", True, r"training\.epochs: .*integer"),
        ("evaluations/motionfit/fine_tuning", None, "motionfit.fine_tuning: .*needs fine-tuning"),
        ("evaluations/motion/fine_tuning", {"multi_clip_weight": 0, "crop": 28},
         r"evaluations\.motion\.fine_tuning\.multi_clip_weight: with 0 no labels are learned"),
        ("appearance_models/random/network/weights", "r3d.pth",
         r"appearance_models\.random\.network: weights: .* none of r2plus1d_small"),
        ("motion_models/motion/network", {"backbone": "s3d", "weights": "s3d.pth"},
         r"motion_models\.motion\.network\.weights: .* for RGB, .* on flow"),
        ("pseudo_labels/clusters/whiten", True, r"clusters: whiten scales .*give pca"),
        ("motion_models/motion/training/multi_clip_weight", 0,
         r"evaluations\.motion\.fine_tuning: .*'motion' learns no labels"),
        ("motion_models/motion/training",
         {"multi_clip_weight": 0.5, "clips_per_video": 1, "crop": 28},
         r"motion_models\.motion\.training: clip order .*clips_per_video of 2 to 4, not 1"),
        ("evaluations/motionfit/fine_tuning/crop", 40, "crop of 40 does not fit .*32x40"),
        ("evaluations", {"../x": {}}, r"evaluations\.\.\./x"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_key(path, value, message):
    with pytest.raises(MotionFitError, match=message) as error:
        load_config(change(path, value))
    assert "the config is not right" in str(error.value)


def test_a_name_can_not_leave_the_results_folder():
    values = demo()
    values["flow"]["../../x"] = values["flow"]["tvl1"]
    with pytest.raises(MotionFitError, match="a name becomes a folder"):
        load_config(values)


def test_a_missing_key_is_told():
    values = demo()
    del values["motion_models"]["motion"]["flow"]
    with pytest.raises(MotionFitError, match=r"motion_models\.motion\.flow: this key is missing"):
        load_config(values)


def test_a_weight_file_has_to_be_there(tmp_path):
    values = change("appearance_models/random/network", {"backbone": "s3d", "weights": "no.pth"})
    weights = values["appearance_models"]["appearance"]["network"] = {
        "backbone": "s3d_g", "weights": str(tmp_path)
    }  # fmt: skip
    with pytest.raises(MotionFitError) as error:
        check_paths(load_config(values))
    text = str(error.value)
    assert "appearance_models.random.network.weights: there is no file no.pth" in text
    assert f"appearance_models.appearance.network.weights: there is no file {tmp_path}" in text
    del values["appearance_models"]["random"]["network"]["weights"]
    weights["weights"] = str(tmp_path / "s3d.pth")
    (tmp_path / "s3d.pth").touch()
    check_paths(load_config(values))


def test_equal_recipes_give_equal_text():
    values = demo()
    motion = values["motion_models"]["motion"]
    values["motion_models"]["motion"] = dict(reversed(motion.items())) | {"label_fraction": 1}
    first, second = load_config(demo()), load_config(values)
    assert first.motion_models["motion"].to_json() == second.motion_models["motion"].to_json()
