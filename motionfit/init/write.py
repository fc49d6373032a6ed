"""Writes the config of a run, and prints what was found."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

import motionfit
from motionfit.config import Network
from motionfit.datasets.files import CONTROL, few
from motionfit.errors import MotionFitError
from motionfit.evaluation.comparison import FEWEST_GROUPS
from motionfit.files import check_writable, replacing
from motionfit.init.choices import Choices, Machine, choose
from motionfit.init.look import Labelled, Looks, look_at_labelled, look_at_unlabelled
from motionfit.init.text import config_text, options_of
from motionfit.modality import Modality

FEW = 12
"""Labelled videos per class below which a class is hard to learn and to judge."""


def write_config(
    run: Path, labelled: Path, unlabelled: Path | None, weights: Path | None, machine: Machine
) -> None:
    """Looks into the folders and writes RUN/config.yaml and, if the names of the videos suggest
    groups, RUN/labels.csv. Prints what was found.

    Raises MotionFitError if a folder is missing or unusable, if a file exists already, or if the
    weights are not those of torchvision's r2plus1d_18.
    """
    config, labels = run / "config.yaml", run / "labels.csv"
    if CONTROL.search(str(run)):
        raise MotionFitError(f"the name of the folder {str(run)!a} contains a control character")
    if config.exists():
        raise MotionFitError(f"{config} exists already: name another folder for the run")
    check_writable(config)
    if unlabelled:
        check_apart(labelled, unlabelled)
    if weights:
        check_weights(weights)

    with names_option("--labelled"):
        target = look_at_labelled(labelled)
    with names_option("--unlabelled"):
        source = look_at_unlabelled(unlabelled) if unlabelled else None
    if target.grouped_by and labels.exists():
        raise MotionFitError(
            f"{labels} exists already, and the names of the videos suggest groups, which would be "
            "written there: name another folder for the run"
        )
    choices = choose(target, source, machine)
    listed = target.csv
    if target.grouped_by:
        listed = labels
        rows = target.index.rename(columns={"video": "path"})
        others = pd.DataFrame({"path": target.unlabelled, "label": "", "group": ""})
        with replacing(labels) as temporary:
            pd.concat([rows, others]).to_csv(temporary, index=False)
    with replacing(config) as temporary:
        text = config_text(run, target, source, listed, weights, choices)
        temporary.write_text(text, encoding="utf-8")
    for printed in summary(target, source.looks if source else None, choices):
        print(printed)
    for printed in next_steps(run, target, weights):
        print(printed)


@contextmanager
def names_option(option: str) -> Iterator[None]:
    """Makes errors name the option of the command instead of a key of the config."""
    try:
        yield
    except MotionFitError as error:
        raise MotionFitError(re.sub("^(videos|labels): ", f"{option}: ", str(error))) from None


def check_apart(labelled: Path, unlabelled: Path) -> None:
    """Raises MotionFitError if one folder contains the other. Test videos would be in the source,
    too."""
    one, other = labelled.resolve(), unlabelled.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise MotionFitError(
            f"one of the folders {labelled} and {unlabelled} contains the other, so test videos "
            "would be unlabelled ones, too: put the videos into separate folders, or leave out "
            "--unlabelled to use the labelled videos without their labels"
        )


def check_weights(weights: Path) -> None:
    """Raises MotionFitError if a file has no weights that the network for them can start from."""
    if not weights.is_file():
        raise MotionFitError(f"--weights: there is no file {weights}")

    from motionfit.models.pretrained import starting_network

    recipe = Network(backbone="r2plus1d_18", weights=weights)
    starting_network(recipe, Modality.FRAMES, classes=2, seed=0)


def summary(target: Labelled, source: Looks | None, choices: Choices) -> Iterator[str]:
    """What was found, line by line."""
    yield f"labelled videos    {len(target.index)} in {target.folder}"
    counts = [f"{label} {count}" for label, count in target.classes.items()]
    yield f"  classes          {len(counts)}: {few(counts, 12)}"
    if target.grouped_by:
        yield f"  groups           {target.groups}, guessed by {target.grouped_by}"
    elif target.has_groups:
        yield f"  groups           {target.groups}, by labels.csv"
    else:
        yield "  groups           none found: each video counts as a recording of its own"
    yield from described(target.looks)
    if source:
        yield f"unlabelled videos  {source.count}"
        yield from described(source)
    motion, size = choices.motion, "x".join(map(str, choices.flow_size.value))
    yield (
        f"motion             at {size} pixels and {choices.fps.value} frames per second, half of "
        f"the pixels move {motion.typical:.2f} pixels per frame or more, and 5% move "
        f"{motion.fast:.1f} or more ({motion.watched} videos)"
    )
    failed = [*target.looks.failed, *(source.failed if source else []), *motion.failed]
    if failed:
        yield f"damaged            {len(failed)} of the sample: {few(failed)}"
    if not choices.machine.gpu:
        yield "no GPU             so the networks and frames are small; --device gpu plans for one"


def described(looks: Looks) -> Iterator[str]:
    yield f"  seconds          {spread(looks.seconds)}"
    yield f"  frames/second    {spread(looks.rates)}"


def spread(values: np.ndarray) -> str:
    """The median of values, and their range."""
    low, middle, high = np.percentile(values, [0, 50, 100])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})" if high > low else f"{middle:.3g}"


def next_steps(run: Path, target: Labelled, weights: Path | None) -> Iterator[str]:
    yield f"\nwrote {run / 'config.yaml'}. Most lines say why; change what you know better."
    if target.grouped_by:
        yield (
            f"wrote {run / 'labels.csv'}. Look at its groups: videos of one group (recording, "
            "person) are never both learned from and tested. Correct them if the guess is wrong; "
            "delete the column only if each video is a recording of its own."
        )
    elif not target.has_groups:
        yield (
            "If some videos are of the same recording, list them in a labels.csv with a column "
            "group. Otherwise results look better than they are."
        )
    found = torchvision_weights()
    if found and not weights:
        yield f"To compare with a network from Kinetics, add --weights {found}."
    if len(target.index) < FEW * len(target.classes) or target.groups < FEWEST_GROUPS:
        yield (
            f"These are few labelled videos. About {FEW} per class, from {FEWEST_GROUPS} groups or "
            "more, are the least that can be learned from and judged."
        )
    options = options_of(run)
    if not Path("Snakefile").exists():
        snakefile = Path(motionfit.__file__).parents[1] / "Snakefile"
        options += f" --snakefile {shlex.quote(str(snakefile))}"
    yield f"\nNext:\n  motionfit estimate {options_of(run)}\n  snakemake --cores all {options}"


def torchvision_weights() -> Path | None:
    """The weights of R(2+1)D-18 that torchvision has downloaded on this machine, if any."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    return next(iter(sorted((home / "hub" / "checkpoints").glob("r2plus1d_18-*.pth"))), None)
