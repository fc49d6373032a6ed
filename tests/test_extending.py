"""Follows the steps of "To add" in docs/architecture.md in a copy of the project."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.videos import make_video
from tests.workflow.runs import environment

ROOT = Path(__file__).resolve().parents[1]


class Copy:
    """A copy of the project that a test extends."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("motionfit", "rules", "profiles", "envs"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in ("Snakefile", "config.yaml"):
            shutil.copy(ROOT / name, folder / name)

    def add_file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def insert(self, name: str, before: str, text: str) -> None:
        """Inserts text before the first occurrence of `before` in a file."""
        file = self.folder / name
        content = file.read_text()
        assert before in content, (name, before)
        file.write_text(content.replace(before, text + before, 1))

    def replace(self, name: str, old: str, new: str) -> None:
        """Replaces text that occurs once in a file."""
        file = self.folder / name
        content = file.read_text()
        assert content.count(old) == 1, (name, old)
        file.write_text(content.replace(old, new))

    def add_data_set(self, recipe: dict, videos: list[str]) -> None:
        """Writes a config file `own.yaml` with a data set `own` of empty video files."""
        (self.folder / "videos").mkdir()
        for name in videos:
            (self.folder / "videos" / f"{name}.mp4").touch()
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        config["datasets"]["own"] = recipe
        (self.folder / "own.yaml").write_text(yaml.safe_dump(config))

    def make(self, target: str) -> str:
        """Makes a file with Snakemake and returns its content."""
        command = ("-m", "snakemake", target, "--cores", "1", "--max-jobs-per-timespan", "100/1s")
        self.run(*command, "--configfile", "own.yaml")
        return (self.folder / target).read_text()

    def run(self, *arguments: str) -> str:
        """Runs Python in the copy and returns its output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment() | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path) -> Copy:
    return Copy(tmp_path / "copy")


def test_adding_a_backbone(copy):
    copy.add_file(
        "motionfit/models/tiny.py",
        """
from torch import Tensor, nn

from motionfit.modality import CHANNELS, Modality
from motionfit.models.network import VideoNetwork


class Tiny(VideoNetwork):
    dim = 8

    def __init__(self, modality: Modality, classes: int):
        super().__init__()
        self.conv = nn.Conv3d(CHANNELS[modality], 8, 3, 2)
        self.norm = nn.BatchNorm3d(8)
        self.fc = nn.Linear(8, classes)

    def feature_map(self, clips: Tensor) -> Tensor:
        return self.norm(self.conv(clips)).relu()

    def last_layers(self) -> list[nn.Module]:
        return [self.norm, self.fc]


def tiny(modality: Modality, classes: int) -> Tiny:
    return Tiny(modality, classes)
""",
    )
    copy.insert(
        "motionfit/config/backbones.py",
        '    "r3d_18": Backbone',
        '    "tiny": Backbone("motionfit.models.tiny", 8, None),\n',
    )
    recipe = {
        "pseudo_labels": None,
        "network": {"backbone": "tiny", "clip_length": 4},
        "training": {"crop": 32},
    }
    code = """
import sys
from pathlib import Path
import torch
from motionfit.cli import main
from motionfit.models import load_model

assert main(["stage", "random_model", "--recipe", sys.argv[1], "--output", "model.pt"]) == 0
network, about = load_model(Path("model.pt"))
print(about.backbone, network.features(torch.zeros(2, 3, 4, 32, 32)).shape)
"""
    made = copy.run("-c", code, json.dumps(recipe)).splitlines()[-1]
    assert made == "tiny torch.Size([2, 8])"


def test_adding_a_flow_method(copy):
    copy.add_file(
        "motionfit/flow/nothing.py",
        """
import numpy as np


def compute(pairs, threads):
    return [np.full((*frame.shape, 2), 3, np.float32) for frame, _ in pairs]
""",
    )
    copy.insert("motionfit/config/flow.py", '"dis", "farneback"]', '"nothing", ')
    make_video(copy.folder / "v.mp4")
    copy.run("-m", "motionfit", "flow", "v.mp4", "--method", "nothing", "--npy", "flow.npy")
    assert np.load(copy.folder / "flow.npy").mean() == 3


def test_adding_a_format_of_data_sets(copy):
    copy.insert(
        "motionfit/config/data_sets.py",
        "Dataset = Annotated[",
        '''class Pairs(DatasetRecipe):
    """Videos that are named CLASS-NUMBER."""

    format: Literal["pairs"]
    videos: Path


''',
    )
    copy.insert("motionfit/config/data_sets.py", "Ucf101 | Hmdb51", "Pairs | ")
    copy.insert("motionfit/config/__init__.py", "    LabelledPart,\n    Ucf101", "    Pairs,\n")
    copy.add_file(
        "motionfit/datasets/pairs.py",
        """
from motionfit.config import Pairs
from motionfit.datasets.files import index_frame, scan_videos


def index_pairs(recipe: Pairs):
    videos = scan_videos(recipe.videos)
    rows = [
        {"video": v, "label": v.split("-")[0], "group": v, "split1": ("train", "test")[i % 2]}
        for i, v in enumerate(videos)
    ]
    return index_frame(recipe.videos, rows, ["split1"])
""",
    )
    copy.add_data_set(
        {"format": "pairs", "videos": "videos", "shards": 2}, ["wave-1", "wave-2", "jump-1"]
    )
    rows = copy.make("results/index/own.csv").splitlines()
    assert [row.split(",")[2] for row in rows] == ["label", "jump", "wave", "wave"]
    record = json.loads((copy.folder / "results/index/own.csv.made_from.json").read_text())
    assert record["options"]["recipe"]["format"] == "pairs"


def test_adding_a_loss(copy):
    copy.insert(
        "motionfit/training/losses.py",
        "def mixed_loss(",
        '''def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predicted classes."""
    return -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()


''',
    )
    copy.insert(
        "motionfit/config/training.py",
        "    clip_gap: Natural",
        "    entropy_weight: Annotated[float, Field(ge=0)] = 0.0\n",
    )
    objective = "motionfit/training/objective.py"
    copy.insert(objective, "    clip_order_loss,\n", "    entropy,\n")
    copy.insert(
        objective,
        "        self._neighbours = recipe.neighbours",
        "        self._entropy_weight = recipe.entropy_weight\n",
    )
    copy.insert(
        objective,
        "        accuracies: Hits = {}\n",
        "        loss = loss + self._entropy_weight * entropy(logits)\n",
    )
    code = """
from types import SimpleNamespace
import torch
from motionfit.config import Training
from motionfit.models import build_network
from motionfit.training.objective import ClipLosses

network = build_network("r2plus1d_small", "frames", 4, 0)
torch.nn.init.zeros_(network.fc.weight)
torch.nn.init.zeros_(network.fc.bias)
batch = SimpleNamespace(labels=torch.zeros(2, 3, dtype=torch.int64))
for weight in (0.0, 0.5):
    objective = ClipLosses(network, "frames", Training(entropy_weight=weight), 4)
    loss, _ = objective.losses(torch.ones(2, 3, 128), batch, {"clips": torch.tensor(6.0)})
    print(round(loss.item() / torch.tensor(4.0).log().item(), 3))
"""
    assert copy.run("-c", code).split() == ["1.0", "1.5"]


def test_adding_a_teaching_method(copy):
    copy.insert(
        "motionfit/training/losses.py",
        "def mars_loss(",
        '''def cosine_loss(features: Tensor, teacher: Tensor) -> Tensor:
    """Mean cosine distance between the features of a network and those of its teacher."""
    return 1 - F.cosine_similarity(features, teacher, dim=-1).mean()


''',
    )
    models = "motionfit/config/models.py"
    copy.insert(
        models,
        "TEACHING = (",
        '''class Cosine(Teaching):
    """The RGB network learns the direction of a motion model's features."""

    key: ClassVar[str] = "cosine"
    title: ClassVar[str] = "cosine distance"


''',
    )
    copy.replace(models, "TEACHING = (Mers,)", "TEACHING = (Mers, Cosine)")
    field = "    mers: Mers | None = None\n"
    copy.replace(models, field, "    cosine: Cosine | None = None\n" + field)
    objective = "motionfit/training/objective.py"
    copy.insert(
        objective,
        "from motionfit.config import Mers",
        "from motionfit.config.models import Cosine as CosineRecipe\n",
    )
    copy.insert(objective, "    feature_loss,\n", "    cosine_loss,\n")
    copy.insert(
        objective,
        "TAUGHT_BY",
        '''class Cosine(Objective):
    """Learns the direction of the features of a teacher."""

    def __init__(self, network: VideoNetwork, teacher: Teacher, recipe: CosineRecipe):
        super().__init__(network, Modality.FRAMES)
        self.teacher = teacher
        network.fc.requires_grad_(False)

    def forward(self, batch: Batch, counts: Counts | None = None) -> tuple[Tensor, Hits]:
        return cosine_loss(self.features(batch), self.teacher(batch)), {}


''',
    )
    copy.replace(objective, "{MersRecipe: Mers}", "{MersRecipe: Mers, CosineRecipe: Cosine}")
    code = """
import torch, yaml
from types import SimpleNamespace
from motionfit.config import load_config
from motionfit.graph import Graph
from motionfit.models import build_network
from motionfit.training.objective import TAUGHT_BY, Teacher

values = yaml.safe_load(open("config.yaml"))
recipe = values["appearance_models"]["random"]
recipe["cosine"] = {"motion_model": "motion", "dataset": "demo-source"}
config = load_config(values)
print(Graph(config).model("random", 1).rule)

teaching = config.appearance_models["random"].teaching
teacher = Teacher(build_network("r2plus1d_small", "flow", 2, 0))
student = build_network("r2plus1d_small", "frames", 2, 0)
objective = TAUGHT_BY[type(teaching)](student, teacher, teaching)
objective.features = lambda batch: torch.ones(2, 3, 4)
objective.teacher.forward = lambda batch: -torch.ones(2, 3, 4)
print(round(objective(None)[0].item()))
"""
    assert copy.run("-c", code).split() == ["taught_model", "2"]


def test_adding_a_plot_and_a_column_to_the_report(copy):
    copy.insert(
        "motionfit/report/plots.py",
        "def training_section(",
        '''@matplotlib.rc_context(STYLE)
def numbers_section(run: Run) -> PlotSection:
    """A bar for the number of classes of each data set."""
    figure = Figure()
    names, classes = zip(*((d.name, d.classes) for d in run.datasets), strict=True)
    figure.subplots().bar(names, classes)
    plot = Plot("all", "data sets", svg(figure, "Classes of the data sets"))
    return PlotSection("numbers", "Numbers", ["Are there <many>?"], [plot])


''',
    )
    page = "motionfit/report/page.py"
    copy.insert(page, "confusion_section, training_section\n", "numbers_section, ")
    copy.insert(page, "training_section]", "numbers_section, ")
    copy.insert(
        "motionfit/report/results_table.py",
        '    "test videos": videos',
        '    "clips": lambda run, evaluation: evaluation.recipe.clips,\n',
    )
    code = f"""
import sys
from pathlib import Path
sys.path.append({str(ROOT / "tests/report")!r})
from fake_run import fake_run
from motionfit.config import load_config
from motionfit.report import write_report

dataset = {{"format": "ucf101", "videos": "/videos", "annotations": "/lists"}}
model = {{"pseudo_labels": None, "frame_size": [24, 32], "training": {{"crop": 16}}}}
evaluation = {{"model": "model", "dataset": "target", "measures": ["recognition"], "clips": 7}}
config = load_config({{
    "datasets": {{"target": dataset}},
    "flow": {{}},
    "appearance_models": {{"model": model}},
    "evaluations": {{"evaluation": evaluation | {{"fine_tuning": {{"crop": 16}}}}}},
}})
write_report(config, fake_run(config, Path("results"), ["run", "walk"]), Path("report.html"))
"""
    copy.run("-c", code)
    html = (copy.folder / "report.html").read_text(encoding="utf-8")
    assert '<a href="#numbers">Numbers</a> <a href="#curves">Training</a> ' in html
    section = html.split('<section id="numbers">')[1].split("</section>")[0]
    assert section.startswith("\n<h2>Numbers</h2>\n<p>Are there &lt;many&gt;?</p>\n")
    assert 'aria-label="Classes of the data sets"' in section
    assert '<th rowspan="2">clips</th><th rowspan="2">test videos</th>' in html
    assert '<td class="n">7</td><td>' in html


def test_adding_a_stage(copy):
    copy.add_file(
        "motionfit/stages/listing.py",
        '''"""Ids of the videos of a data set."""

from motionfit.datasets.index import read_index
from motionfit.options import Count, IndexFile, Output


def listing(*, index: IndexFile, first: Count, output: Output) -> None:
    """List the first videos of a data set."""
    output.write_text("".join(f"{video}\\n" for video in read_index(index)["video"][:first]))
''',
    )
    copy.insert(
        "motionfit/stage_names.py", '    "frames":', '    "listing": "List the first videos.",\n'
    )
    copy.insert(
        "motionfit/config/resources.py",
        "    frames: Resources",
        "    listing: Resources = Resources()\n",
    )
    copy.insert(
        "motionfit/graph/graph.py",
        "    @of_rule\n    def motion_model(",
        """    @of_rule
    def listing(self, dataset: str) -> Job:
        return Job(
            f"results/listing/{dataset}.txt",
            {"first": 2},
            {"index": lambda: self._index(dataset)},
        )

""",
    )
    copy.insert(
        "rules/data.smk",
        "rule frames:",
        """rule listing:
    input:
        record=current("listing"),
        index=reads("listing", "index"),
    output:
        videos="results/listing/{dataset}.txt",
    log:
        "results/logs/listing/{dataset}.log",
    threads: resources("listing").threads
    params:
        first=option("listing", "first"),
        made_from=made_from("listing"),
    shell:
        "python -m motionfit stage --log {log:q} --made-from {params.made_from:q}"
        " listing"
        " --index {input.index:q} --first {params.first} --output {output.videos:q}"


""",
    )
    copy.add_data_set({"format": "folders", "videos": "videos", "labelled": False}, ["0", "1", "2"])
    assert copy.make("results/listing/own.txt") == "0.mp4\n1.mp4\n"
    # A change of an option in the graph reruns the stage.
    copy.replace("motionfit/graph/graph.py", '{"first": 2}', '{"first": 1}')
    assert copy.make("results/listing/own.txt") == "0.mp4\n"
