"""The command line: the user's tools, and the stages of a run.

Options are derived from the parameters of functions. What a command needs is imported when it runs,
so that `--help` and light commands do not wait for PyTorch.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from motionfit import __version__
from motionfit.config import Config, FlowMethod
from motionfit.errors import MotionFitError
from motionfit.gpus import own_gpus
from motionfit.init.commands import init
from motionfit.jobs import attempt, attempt_with_log, recorded
from motionfit.options import CORES, FrameSize, Threads, between
from motionfit.records import Record
from motionfit.stage_names import STAGES, stage_module
from motionfit.use.commands import about, embed, export, need_other_files, predict, search

RAISED = {"exit_on_error": False, "print_error": False, "result_action": "return_value"}
"""Makes a mistake in the options raise an error, which `attempt` turns into a message."""

app = App(
    name="motionfit",
    help="Motion-augmented self-training for video recognition. `snakemake --cores all` runs the "
    "pipeline. These are tools for its videos, configs and models.",
    version=__version__,
    default_parameter=Parameter(negative=(), consume_multiple=True),
    help_format="markdown",
)

app.command(init, usage="Usage: motionfit init RUN --labelled FOLDER [OPTIONS]")
app.command(predict, usage="Usage: motionfit predict --model PATH [OPTIONS] VIDEO...")
app.command(embed, usage="Usage: motionfit embed --model PATH --output FILE [OPTIONS] VIDEO...")
app.command(search, usage="Usage: motionfit search QUERY --index FILE --model PATH [OPTIONS]")
app.command(export, usage="Usage: motionfit export MODEL --output FOLDER [OPTIONS]")
app.command(about, usage="Usage: motionfit about MODEL")


@app.command
def flow(
    video: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    npy: Path | None = None,
    size: FrameSize | None = None,
    method: FlowMethod = "tvl1",
    threads: Threads = CORES,
) -> None:
    """Compute the optical flow of a video.

    Parameters
    ----------
    video
        Video file.
    output
        Write the flow as a video: hue for direction, saturation for speed.
    npy
        Write the flow as a NumPy file: (frames - 1, height, width, 2) float32, x and y in pixels
        per frame.
    size
        Height and width to compute it at, such as 128x171 (default: the video's own).
    method
        As flow.NAME.method in the config.
    """
    from motionfit.flow.video import video_flow

    if not (output or npy):
        raise MotionFitError("nothing to write: give --output, --npy or both")
    need_other_files((video,), (output, npy))
    if output and output.suffix.lower() != ".mp4":
        raise MotionFitError(f"{output}: the flow is written as an MP4 file, so name it .mp4")
    video_flow(video, size, method, threads, output, npy)


@app.command(usage="Usage: motionfit check [PATH...]")
def check(*paths: Path) -> int:
    """Check the shards and models of a run against their checksums.

    Parameters
    ----------
    paths
        Files, or folders that hold them (default: results).
    """
    from motionfit.check import check

    wrong = check(list(paths) or [Path("results")])
    for error in wrong:
        print(f"error: {error}", file=sys.stderr)
    print(
        f"{len(wrong)} damaged: delete each and run again. If everything that is made from it is "
        "finished, Snakemake leaves the gap: `snakemake FILE --cores all`, with the --directory "
        "and --configfile of the run, fills it"
        if wrong
        else "all files are intact"
    )
    return int(bool(wrong))


@app.command(usage="Usage: motionfit estimate [OPTIONS] [TARGET...]")
def estimate(*targets: str, configfile: Path | None = None, directory: Path | None = None) -> None:
    """Say what a run would cost: jobs, hours and disk of each stage.

    The figures follow from the config and from rates measured on this machine, in some minutes on a
    sample of the videos.

    Parameters
    ----------
    targets
        Tables and figures of the config (default: all, and the report).
    configfile
        Config file of the run (default: the demo's).
    directory
        Folder of the run; paths in the config are relative to it (default: this one).
    """
    from motionfit.estimate import estimate

    estimate(configfile, directory, targets)


@app.command
def results(run: Path = Path(), /) -> None:
    """Print the main results of a run: one row per evaluation, in percent.

    Top-1 accuracy, and recall at 1 by clip and by video. The report has all measures.

    Parameters
    ----------
    run
        The --directory of the run (default: this folder).
    """
    from motionfit.evaluation.runs import print_results

    print_results(run)


@app.command
def compare(first: Path, second: Path, /, *, output: Path | None = None) -> None:
    """Compare the results of two runs.

    For top-1 accuracy, a 95% confidence interval of the difference respects the groups of the test
    videos (docs/small-sets.md).

    Parameters
    ----------
    first
        The --directory of a run.
    second
        That of another run, with evaluations of the same names.
    output
        Write the comparison as a CSV file, too.
    """
    from motionfit.evaluation.runs import print_comparison

    if output and output.suffix.lower() != ".csv":
        raise MotionFitError(f"{output}: the comparison is written as a CSV file, so name it .csv")
    print_comparison(first, second, output)


@app.command
def schema() -> None:
    """Print the JSON schema of the config."""
    print(json.dumps(Config.model_json_schema(), indent=2))


# ------------------------------------------------------------------------------------- the stages


stages = App(
    name="motionfit stage",
    help="Run a stage by hand. The jobs of the workflow call the same command.",
    default_parameter=Parameter(negative=(), consume_multiple=True),
    help_format="markdown",
    usage="Usage: motionfit stage [OPTIONS] NAME ...",
    help_epilogue="Options of every stage, before its name: --log FILE writes all output to a "
    "file; --gpus N reserves N GPUs for this command and waits until they are free; 0 hides all "
    "GPUs; by default all are visible; --made-from JSON is saved beside the result.",
)
for _position, (_name, _text) in enumerate(STAGES.items()):
    _command = f"{stage_module(_name)}:{_name}"
    stages.command(_command, name=_name, help=_text, sort_key=_position)

# The stages are an application of their own, so that their modules are imported late: when output
# goes to the log and the GPUs are chosen.
app.command(App(name="stage", help="Run a stage, as the workflow does.", help_flags=[]))


@app["stage"].default
def stage(
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    log: Path | None = None,
    made_from: str | None = None,
    gpus: Annotated[int | None, between(0, 1024)] = None,
) -> int | None:
    """Run a stage. Write its output to `log`, reserve `gpus` GPUs, and save the record `made_from`
    next to its result."""
    if command in ((), ("--help",), ("-h",)) and not (log or made_from):
        return stages(["--help"], **RAISED)
    name = command[0] if command else ""
    if name not in STAGES:
        raise MotionFitError(f"there is no stage {name!r} (there are: {', '.join(STAGES)})")
    try:
        record = Record.parse(made_from) if made_from else None
    except ValueError as error:
        raise MotionFitError(f"--made-from: this is not a record ({error})") from None

    def run() -> int | None:
        if gpus is not None:
            own_gpus(gpus)  # before PyTorch is imported, which looks for them
        stages[name].help = None  # its own help shows its docstring instead of the line of the list
        return recorded(lambda: stages(command, **RAISED), record)

    return attempt_with_log(run, log) if log else run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status. An error that the user can fix is one message."""
    status, message = attempt(lambda: app(arguments, **RAISED))
    sys.stderr.write(message)
    return status
