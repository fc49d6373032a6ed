"""The command line: a sub-command a stage, and the user's tools.

Only argument parsing. What a stage needs is imported when it runs, so that `--help` and the light
stages do not wait for PyTorch.
"""

import argparse
import json
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from motionfit import __version__, config
from motionfit.errors import InterruptedTrainingError, MotionFitError
from motionfit.files import cannot_write, refused
from motionfit.gpus import own_gpus
from motionfit.interruption import INTERRUPTED, interruptible
from motionfit.records import Record
from motionfit.terminal import set_terminal, terminal

if TYPE_CHECKING:
    from motionfit.training.compute import Compute

Arguments = argparse.Namespace

log = logging.getLogger(__name__)

RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
"""Where torchrun, srun and a training itself say which process of theirs this is."""
LAST_LINES = 20
"""Lines of its log that a failing command shows."""


# ------------------------------------------------------------------------------------ the stages


def render_demo(args: Arguments) -> None:
    from motionfit.datasets.demo import render_demo

    render_demo(config.parse_recipe(config.Demo, args.recipe), args.output)


def index(args: Arguments) -> None:
    from motionfit.datasets import build_index
    from motionfit.datasets.index import write_index

    write_index(build_index(config.parse_dataset(args.recipe), args.videos), args.output)


def frames(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.store.frames import store_frames

    index = read_index(args.index)
    store_frames(
        index[index["shard"] == args.shard], args.size, args.fps, args.quality, args.output
    )


def ledger(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.store.frames import collect_ledgers

    collect_ledgers(args.dataset, read_index(args.index), args.frames, args.max_failed, args.output)


def store_flow(args: Arguments) -> None:
    from motionfit.flow.stage import store_flow

    recipe = config.parse_recipe(config.Flow, args.recipe)
    store_flow(args.frames, recipe, args.threads, args.output)


def compute(args: Arguments) -> "Compute":
    """What a training runs on."""
    from motionfit.training.compute import Compute

    return Compute(
        args.threads,
        args.devices,
        args.nodes,
        compile=args.compile,
        channels_last=args.channels_last,
        gpu_decoding=args.gpu_decoding,
    )


def labelled_part(args: Arguments) -> config.LabelledPart:
    return config.parse_recipe(config.LabelledPart, args.labelled_part)


def train_motion_model(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.training.motion_model import train_motion_model

    train_motion_model(
        config.parse_recipe(config.MotionModel, args.recipe),
        labelled_part(args),
        read_index(args.index),
        args.split,
        args.clips,
        compute(args),
        args.output,
    )


def features(args: Arguments) -> None:
    from motionfit.pseudo_labels.features import store_features

    store_features(
        config.parse_recipe(config.Features, args.recipe),
        args.model,
        args.clips,
        args.shards,
        args.threads,
        args.output,
    )


def pseudo_labels(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.pseudo_labels.stage import make_pseudo_labels

    make_pseudo_labels(
        config.parse_recipe(config.PseudoLabels, args.recipe),
        read_index(args.index),
        args.split,
        labelled_part(args),
        args.features,
        args.shards,
        args.threads,
        args.output,
    )


def train_appearance_model(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.training.appearance_model import train_appearance_model
    from motionfit.training.labels import read_pseudo_labels

    train_appearance_model(
        config.parse_recipe(config.AppearanceModel, args.recipe),
        read_index(args.index),
        args.split,
        read_pseudo_labels(args.pseudo_labels),
        args.frames,
        compute(args),
        args.output,
    )


def train_mers_model(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.training.appearance_model import train_mers_model

    train_mers_model(
        config.parse_recipe(config.AppearanceModel, args.recipe),
        read_index(args.index),
        args.split,
        args.teacher,
        args.frames,
        args.flow,
        compute(args),
        args.output,
    )


def random_model(args: Arguments) -> None:
    from motionfit.models.random import save_random_model

    save_random_model(config.parse_recipe(config.AppearanceModel, args.recipe), args.output)


def fine_tune(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.training.fine_tuning import fine_tune

    fine_tune(
        config.parse_recipe(config.FineTuning, args.recipe),
        args.clip_length,
        labelled_part(args),
        args.model,
        read_index(args.index),
        args.split,
        args.clips,
        compute(args),
        args.output,
        args.teacher,
        args.flow,
    )


def recognise(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.evaluation.recognition import recognise

    recognise(
        args.model,
        read_index(args.index),
        args.split,
        args.clips,
        args.clip_length,
        args.count,
        args.threads,
        args.output,
        args.predictions,
    )


def retrieve(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.evaluation.retrieval import retrieve

    retrieve(
        args.model,
        read_index(args.index),
        args.split,
        args.clips,
        args.clip_length,
        args.count,
        args.recall_at,
        args.threads,
        args.output,
        args.neighbours,
    )


def summarise(args: Arguments) -> None:
    from motionfit.evaluation.summary import summarise

    summarise(args.evaluation, args.splits, args.kinds, args.output)


def table(args: Arguments) -> None:
    from motionfit.tables.stage import write_table

    write_table(
        args.name,
        config.parse_recipe(config.Table, args.recipe),
        args.evaluations,
        args.leaking,
        args.output,
    )


def retrieval_figure(args: Arguments) -> None:
    from motionfit.datasets.index import read_index
    from motionfit.report.pictures import read_nearest
    from motionfit.report.retrieval_figure import write_retrieval_figure

    write_retrieval_figure(
        config.parse_recipe(config.RetrievalFigure, args.recipe),
        read_nearest(args.neighbours),
        read_index(args.index),
        args.frames,
        args.clip_length,
        args.output,
    )


def report(args: Arguments) -> None:
    from motionfit.report import write_report

    write_report(config.load_config(json.loads(args.config)), args.results, args.output)


# ----------------------------------------------------------------------------- the user's tools


def predict(args: Arguments) -> int:
    # Before PyTorch is imported, which takes seconds.
    if args.model.is_dir():
        raise MotionFitError(f"{args.model} is a folder: give the model.pt in it")
    if not args.model.is_file():
        raise MotionFitError(f"there is no model at {args.model}")

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from motionfit.evaluation.predict import Predictor

    predictor = Predictor(args.model, args.threads)
    failed = False
    for video in args.videos:
        try:
            probabilities = predictor(video, args.clips)
        except MotionFitError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
            continue
        print(video, flush=True)
        left_out = len(probabilities) - args.top
        caption = f"and {left_out} less probable: --top" if left_out > 0 else None
        table = Table("class", "probability", caption=caption)
        for name, probability in list(probabilities.items())[: args.top]:
            table.add_row(escape(name), f"{probability:.3f}")
        Console().print(table)
    return int(failed)


def flow(args: Arguments) -> None:
    from motionfit.flow.video import video_flow

    if not (args.output or args.npy):
        raise MotionFitError("nothing to write: give --output, --npy or both")
    files = [path.resolve() for path in (args.video, args.output, args.npy) if path]
    if len(set(files)) < len(files):
        raise MotionFitError("the video, --output and --npy must be different files")
    if args.output and args.output.suffix.lower() != ".mp4":
        raise MotionFitError(f"{args.output}: the flow is written as an MP4 file, so name it .mp4")
    video_flow(args.video, args.size, args.method, args.threads, args.output, args.npy)


def check(args: Arguments) -> int:
    from motionfit.check import check

    wrong = check(args.paths)
    for error in wrong:
        print(f"error: {error}", file=sys.stderr)
    print(
        f"{len(wrong)} damaged: delete each and run again. Where all that is made from it is "
        "finished, Snakemake leaves the gap: `snakemake FILE --cores all`, with the --directory "
        "and --configfile of the run, fills it"
        if wrong
        else "all that are there are as they were written"
    )
    return int(bool(wrong))


def estimate(args: Arguments) -> None:
    from motionfit.estimate import estimate

    estimate(args.configfile, args.directory, args.targets)


def schema(args: Arguments) -> None:
    print(json.dumps(config.Config.model_json_schema(), indent=2))


# ------------------------------------------------------------------------------------ the parser


def positive(text: str) -> int:
    return whole(text, 1)


def quality(text: str) -> int:
    return whole(text, 1, 100)


def clip_length(text: str) -> int:
    return whole(text, 1, 10_000)


def clips(text: str) -> int:
    return whole(text, 1, 1000)


def cores(text: str) -> int:
    return whole(text, 1, 4096)


def whole(text: str, least: int, most: int = 10**9) -> int:
    if not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
        limit = "or more" if most == 10**9 else f"to {most}"
        raise argparse.ArgumentTypeError(f"{text!r} should be a whole number, {least} {limit}")
    return int(text)


def gpus(text: str) -> int:
    return whole(text, 0, 1024)


def rate(text: str) -> float:
    return real(text, 0.001, 1000)


def fraction(text: str) -> float:
    return real(text, 0, 1)


def real(text: str, least: float, most: float) -> float:
    with suppress(ValueError):
        if least <= float(text) <= most:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} should be a number from {least:g} to {most:g}")


def size(text: str) -> tuple[int, int]:
    sides = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text, re.ASCII)
    if not sides or max(map(int, sides.groups())) > 8192:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be height and width in pixels, such as 128x171, 8192 at most"
        )
    return int(sides[1]), int(sides[2])


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="motionfit",
        description="Motion-augmented self-training for video recognition. The pipeline is run by "
        "`snakemake --cores all`; these are its stages, each of which can be run by hand, and "
        "tools for its models.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--log", type=Path, metavar="FILE", help="write all output to this file")
    parser.add_argument(
        "--made-from",
        type=Record.parse,
        metavar="JSON",
        help="what the workflow notes beside the result",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(function, text: str, **options) -> argparse.ArgumentParser:
        name = function.__name__.replace("_", "-")
        added = commands.add_parser(name, help=text, description=text, **options)
        added.set_defaults(function=function)
        return added

    def add(parser: argparse.ArgumentParser, *names: str) -> None:
        """Adds arguments that several stages share."""
        shared = {
            "--recipe": {
                "required": True,
                "metavar": "JSON",
                "help": "the recipe, as the config has it",
            },
            "--index": {
                "required": True,
                "type": Path,
                "metavar": "CSV",
                "help": "index of the data set",
            },
            "--split": {"required": True, "type": positive, "metavar": "N", "help": "split"},
            "--shard": {"required": True, "metavar": "NAME", "help": "shard"},
            "--model": {"required": True, "type": Path, "metavar": "PT", "help": "a model.pt"},
            "--frames": {
                "required": True,
                "type": Path,
                "metavar": "DIR",
                "help": "folder of the shards of frames",
            },
            "--clips": {
                "required": True,
                "type": Path,
                "metavar": "DIR",
                "help": "folder of the shards that the model reads, frames or flow",
            },
            "--clip-length": {
                "required": True,
                "type": clip_length,
                "metavar": "L",
                "help": "frames a clip",
            },
            "--labelled-part": {
                "default": "{}",
                "metavar": "JSON",
                "help": "the part of the training labels that is used, as "
                "labelled_parts in the config has it (default: all)",
            },
            "--count": {
                "type": clips,
                "default": 10,
                "metavar": "N",
                "help": "clips a video (default: 10)",
            },
            "--threads": {
                "type": cores,
                "default": os.cpu_count() or 1,
                "metavar": "N",
                "help": "CPU cores to use (default: all)",
            },
            "--gpus": {
                "type": gpus,
                "metavar": "N",
                "help": "take N GPUs for this command alone, and wait until they are free; "
                "0 hides them (default: see them all)",
            },
            "--output": {
                "required": True,
                "type": Path,
                "metavar": "PATH",
                "help": "file to write",
            },
        }
        for name in names:
            parser.add_argument(name, **shared[name])

    def add_devices(parser: argparse.ArgumentParser) -> None:
        """Adds what a training runs on."""
        add(parser, "--threads", "--gpus")
        parser.add_argument(
            "--devices",
            type=gpus,
            default=1,
            metavar="N",
            help="GPUs of each machine, or processes where it has none; 0 for the CPU (default: 1)",
        )
        parser.add_argument(
            "--nodes",
            type=positive,
            default=1,
            metavar="N",
            help="machines, on each of which srun or torchrun starts a process "
            "a device (default: 1)",
        )
        parser.add_argument("--compile", action="store_true", help="compile the network")
        parser.add_argument(
            "--channels-last", action="store_true", help="keep tensors with their channels last"
        )
        parser.add_argument(
            "--gpu-decoding", action="store_true", help="decode the clips on the GPU"
        )

    stage = command(render_demo, "Render the videos of a demo data set.")
    add(stage, "--recipe", "--output")

    stage = command(index, "Index a data set: one row per video.")
    add(stage, "--recipe", "--output")
    stage.add_argument("--videos", type=Path, metavar="DIR", help="rendered videos of a demo")

    stage = command(frames, "Decode, resize and store the videos of a shard.")
    add(stage, "--index", "--shard", "--output")
    stage.add_argument("--size", required=True, type=size, metavar="HxW", help="size in pixels")
    stage.add_argument("--fps", type=rate, metavar="RATE", help="frames a second (default: all)")
    stage.add_argument("--quality", type=quality, default=95, metavar="Q", help="JPEG quality")

    stage = command(ledger, "Join the ledgers of undecodable videos of a data set.")
    add(stage, "--index", "--output")
    stage.add_argument("--dataset", required=True, metavar="NAME", help="name of the data set")
    stage.add_argument(
        "--frames", required=True, type=Path, metavar="DIR", help="folder of the shards of frames"
    )
    stage.add_argument(
        "--max-failed",
        required=True,
        type=fraction,
        metavar="FRACTION",
        help="fraction of the videos that may be lost",
    )

    stage = command(store_flow, "Compute the optical flow of a shard of frames.")
    add(stage, "--recipe", "--threads", "--gpus", "--output")
    stage.add_argument("--frames", required=True, type=Path, metavar="H5", help="shard of frames")

    stage = command(train_motion_model, "Train a motion model on labelled flow, or frames.")
    add(stage, "--recipe", "--labelled-part", "--index", "--split", "--clips", "--output")
    add_devices(stage)

    stage = command(features, "Extract the features of the dense clips of some shards.")
    add(stage, "--recipe", "--model", "--threads", "--gpus", "--output")
    stage.add_argument(
        "--clips",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the shards of what the model reads, flow or frames",
    )
    stage.add_argument(
        "--shards",
        required=True,
        nargs="+",
        metavar="SHARD",
        help="names of the shards, such as 0003",
    )

    stage = command(pseudo_labels, "Cluster motion features to pseudo-labels.")
    add(
        stage,
        "--recipe",
        "--index",
        "--split",
        "--labelled-part",
        "--threads",
        "--gpus",
        "--output",
    )
    stage.add_argument(
        "--features",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of the files of features",
    )
    stage.add_argument(
        "--shards",
        required=True,
        type=positive,
        metavar="N",
        help="shards that the source is cut into",
    )

    stage = command(train_appearance_model, "Train an RGB network on pseudo-labels.")
    add(stage, "--recipe", "--index", "--split", "--frames", "--output")
    stage.add_argument(
        "--pseudo-labels", required=True, type=Path, metavar="CSV", help="the labels.csv"
    )
    add_devices(stage)

    stage = command(train_mers_model, "Train an RGB network on the features of a motion model.")
    add(stage, "--recipe", "--index", "--split", "--frames", "--output")
    stage.add_argument(
        "--teacher", required=True, type=Path, metavar="PT", help="model.pt of the motion model"
    )
    stage.add_argument(
        "--flow", required=True, type=Path, metavar="DIR", help="folder of the shards of flow"
    )
    add_devices(stage)

    stage = command(
        random_model, "Save an RGB network of random or pre-trained weights, to compare with."
    )
    add(stage, "--recipe", "--output")

    stage = command(fine_tune, "Train a model on the labels of a target.")
    add(
        stage,
        "--recipe",
        "--clip-length",
        "--model",
        "--index",
        "--split",
        "--clips",
        "--labelled-part",
        "--output",
    )
    stage.add_argument(
        "--teacher",
        type=Path,
        metavar="PT",
        help="model.pt of the motion model that MARS learns from",
    )
    stage.add_argument(
        "--flow", type=Path, metavar="DIR", help="folder of the shards of flow that it reads"
    )
    add_devices(stage)

    stage = command(recognise, "Classify the test videos of a split.")
    add(
        stage,
        "--model",
        "--index",
        "--split",
        "--clips",
        "--clip-length",
        "--count",
        "--threads",
        "--gpus",
        "--output",
    )
    stage.add_argument(
        "--predictions",
        required=True,
        type=Path,
        metavar="CSV",
        help="file for the probabilities of each video",
    )

    stage = command(retrieve, "Recall at k of test videos among training videos.")
    add(
        stage,
        "--model",
        "--index",
        "--split",
        "--clips",
        "--clip-length",
        "--count",
        "--threads",
        "--gpus",
        "--output",
    )
    stage.add_argument(
        "--recall-at",
        type=positive,
        nargs="+",
        default=[1, 5, 20],
        metavar="K",
        help="nearest clips that are looked at (default: 1 5 20)",
    )
    stage.add_argument(
        "--neighbours", required=True, type=Path, metavar="CSV", help="file for the nearest videos"
    )

    stage = command(summarise, "Join the measures of the splits of an evaluation.")
    add(stage, "--output")
    stage.add_argument(
        "--evaluation",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder that holds a folder a split",
    )
    stage.add_argument(
        "--splits", required=True, type=positive, nargs="+", metavar="N", help="splits"
    )
    stage.add_argument(
        "--kinds",
        required=True,
        nargs="+",
        choices=["recognition", "retrieval"],
        help="what was measured",
    )

    stage = command(table, "Put the measures of evaluations beside published figures.")
    add(stage, "--recipe")
    stage.add_argument("--name", required=True, metavar="NAME", help="name of the table")
    stage.add_argument(
        "--evaluations",
        type=Path,
        default=Path("results/evaluations"),
        metavar="DIR",
        help="folder that holds a folder an evaluation (default: %(default)s)",
    )
    stage.add_argument(
        "--leaking",
        nargs="+",
        default=[],
        metavar="NAME",
        help="evaluations whose test videos may have been learned from",
    )
    stage.add_argument(
        "--output",
        required=True,
        type=Path,
        nargs="+",
        metavar="FILE",
        help="files to write: .md, .csv, and .svg, a plot over the table's axis",
    )

    stage = command(retrieval_figure, "Show queries and the nearest videos that were retrieved.")
    add(stage, "--recipe", "--index", "--clip-length", "--output")
    stage.add_argument(
        "--neighbours",
        required=True,
        type=Path,
        metavar="CSV",
        help="the nearest videos, as retrieve writes them",
    )
    stage.add_argument(
        "--frames", required=True, type=Path, metavar="DIR", help="folder of the shards of frames"
    )

    stage = command(report, "Write the report of a run as one HTML file.")
    add(stage, "--output")
    stage.add_argument("--config", required=True, metavar="JSON", help="the whole config")
    stage.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder of the results (default: results)",
    )

    tool = command(predict, "Classify videos with a fine-tuned model, from RGB alone.")
    add(tool, "--model", "--threads")
    tool.add_argument(
        "--clips",
        type=clips,
        metavar="N",
        help="clips per video (default: as many as the model's evaluation took)",
    )
    tool.add_argument(
        "--top", type=positive, default=5, metavar="N", help="classes to print (default: 5)"
    )
    tool.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="video files")

    tool = command(flow, "Compute the optical flow of a video.")
    add(tool, "--threads")
    tool.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="MP4",
        help="write the flow as a video: hue for direction, saturation for speed",
    )
    tool.add_argument(
        "--npy",
        type=Path,
        metavar="NPY",
        help="write the flow as a NumPy file: (frames - 1, height, width, 2) "
        "float32, x and y in pixels a frame",
    )
    tool.add_argument(
        "--size",
        type=size,
        metavar="HxW",
        help="height and width to compute it at (default: the video's own)",
    )
    tool.add_argument(
        "--method",
        choices=get_args(config.FlowMethod),
        default=config.Flow().method,
        help="as flow.method in the config (default: %(default)s)",
    )
    tool.add_argument("video", type=Path, metavar="VIDEO", help="video file")

    tool = command(check, "Check the shards and models of a run against their checksums.")
    tool.add_argument(
        "paths",
        nargs="*",
        type=Path,
        default=[Path("results")],
        metavar="PATH",
        help="files, or folders that hold them (default: results)",
    )

    tool = command(
        estimate,
        "Say what a run would cost: jobs, hours and disk of each stage, from what the config asks "
        "for and what this machine does in some minutes on a sample of the videos.",
    )
    tool.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="tables and figures of the config (default: all, and the report)",
    )
    tool.add_argument(
        "--configfile",
        type=Path,
        metavar="YAML",
        help="config file of the run (default: the demo's)",
    )
    tool.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        help="folder of the run, from which paths in the config count (default: this one)",
    )

    command(schema, "Print the JSON schema of the config.")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; a problem that the user can mend is one message and exit status 1."""
    args = build_parser().parse_args(arguments)
    if args.log:
        return run_with_log(args)
    status, message = run(args)
    sys.stderr.write(message)
    return status


def run(args: Arguments) -> tuple[int, str]:
    """Runs a command: its exit status, and what is to be said of a problem."""
    # Before this there was the start of Python and imports, which is work and no waiting.
    begun = time.monotonic() - time.process_time()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    if args.log:
        warnings = logging.StreamHandler(terminal())
        warnings.setLevel(logging.WARNING)
        warnings.setFormatter(logging.Formatter("warning: %(message)s"))
        logging.getLogger("motionfit").addHandler(warnings)
    try:
        if getattr(args, "gpus", None) is not None:
            own_gpus(args.gpus)  # before PyTorch is imported, which looks for them
        # Of several processes that train together one notes what the result is made from.
        record = args.made_from if rank() == "0" else None
        if record:
            record.begin()
        with interruptible():
            status = args.function(args) or 0
            sys.stdout.flush()  # what is printed stands before what is logged
        if record and not status:
            record.finish()
        if args.log:
            # Snakemake's own count, in results/benchmarks, may lack the last half minute.
            *used, _ = os.times()
            log.info("took %.1f s, and %.1f s of CPU time", time.monotonic() - begun, sum(used))
        return status, ""
    except InterruptedTrainingError as error:
        return INTERRUPTED, f"{error}\n"
    except MotionFitError as error:
        return 1, f"error: {error}\n"
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        return 1, f"error: there is not enough memory{reason}: take smaller sizes, or more memory\n"
    except OSError as error:
        # Of a file that may not be read the system's own words say what and where; of a full disk
        # they may not.
        if refused(error):
            error = cannot_write(error.filename or getattr(args, "output", "the output"), error)
        return 1, f"error: {error}\n"


def rank() -> str:
    """Which of the processes of a command this is: "0" for the first, or the only one."""
    return next((os.environ[name] for name in RANKS if name in os.environ), "0")


def run_with_log(args: Arguments) -> int:
    """Sends all that is printed to `args.log`; of several processes that train together each but
    the first has a log of its own beside it. Warnings go to the terminal as well, and where the
    command fails the last lines of its log, so that whoever runs the workflow sees why."""
    if rank() != "0":
        args.log = args.log.with_suffix(f".process{rank()}.log")
    try:
        args.log.parent.mkdir(parents=True, exist_ok=True)
        file = args.log.open("w", encoding="utf-8")
    except OSError as error:
        print(f"error: {cannot_write(args.log, error)}", file=sys.stderr)
        return 1
    streams = {number: os.dup(number) for number in (1, 2)}
    with file:
        for number in streams:
            os.dup2(file.fileno(), number)
    with os.fdopen(os.dup(streams[2]), "w", encoding="utf-8") as stderr:
        set_terminal(stderr)
        try:
            try:
                status, message = run(args)
            except KeyboardInterrupt:
                with suppress(OSError):
                    os.write(2, b"interrupted\n")
                raise
            except Exception:
                status, message = 1, traceback.format_exc()
            with suppress(OSError):  # the disk may be too full for the log
                os.write(2, message.encode(errors="replace"))
        finally:
            set_terminal(None)
            for number, stream in zip(streams, (sys.stdout, sys.stderr), strict=True):
                with suppress(OSError):
                    stream.flush()
                os.dup2(streams[number], number)
                os.close(streams[number])
    if status == INTERRUPTED:
        sys.stderr.write(message)
    elif status:
        lines = args.log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = message.splitlines()
        if lines[len(lines) - len(said) :] != said:
            lines += said
        print(f"The last lines of {args.log}:", *lines[-LAST_LINES:], sep="\n", file=sys.stderr)
    return status
