"""Writes the chosen values as a commented config."""

import json
import shlex
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from motionfit.init.choices import BATCH_ON_CPU, Choice, Choices, even
from motionfit.init.look import Labelled, Unlabelled

VIDEOS_PER_SHARD = 100
PRETRAINED_SIDE = 64
"""Shorter side in pixels of the frames for a network that starts from torchvision's weights, if
there is no GPU. They learned from 112 pixels."""
STAGES = (
    "motion_judgement",
    "features",
    "pseudo_labels",
    "appearance_model",
    "fine_tuning",
    "recognition",
    "retrieval",
)
"""Stages besides motion_model that by default would use a GPU, or all cores."""


def config_text(
    run: Path,
    labelled: Labelled,
    unlabelled: Unlabelled | None,
    labels: Path | None,
    weights: Path | None,
    choices: Choices,
) -> str:
    """The config, as YAML with a comment for each choice.

    `run` is the folder of the run and `labels` the CSV file with the labels, if there is one.
    `weights` are weights of torchvision to compare with, if any.
    """

    def path(path: Path) -> str:
        """A path as YAML: relative to the run's folder if it is in it, so that the folder can be
        moved; else absolute."""
        path, folder = path.absolute(), run.absolute()
        name = path.relative_to(folder) if path.is_relative_to(folder) else path
        return json.dumps(str(name), ensure_ascii=False)

    def commented(choice: Choice) -> str:
        value = choice.value
        return f"{value if isinstance(value, str) else json.dumps(value)} # {choice.why}"

    def shards(videos: int) -> int:
        return min(9999, max(1, round(videos / VIDEOS_PER_SHARD)))

    gpu, flow_size = choices.machine.gpu, choices.flow_size.value
    scale = (128 if gpu else PRETRAINED_SIDE) / min(flow_size)
    environment = Environment(
        loader=PackageLoader("motionfit.init", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("config.yaml.jinja").render(
        options=options_of(run),
        labelled=labelled,
        unlabelled=unlabelled,
        labels=labels,
        weights=weights,
        choices=choices,
        crops={
            "flow": 112 if gpu else min(flow_size),
            "frames": 112 if gpu else min(choices.frame_size.value),
            "pretrained": 112 if gpu else PRETRAINED_SIDE,
        },
        pretrained_size=[even(side * scale) for side in flow_size],
        batch_size=BATCH_ON_CPU,
        other_stages=STAGES,
        path=path,
        commented=commented,
        shards=shards,
    )


def options_of(run: Path) -> str:
    """The options of the commands that check and run the config in a folder."""
    return shlex.join(["--directory", str(run), "--configfile", str(run / "config.yaml")])
