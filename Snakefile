import gc
import logging
import shlex
import signal
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from motionfit.errors import MotionFitError
from motionfit.run_folder import check_writable, enter, redate

# The stages are this folder's package, in whatever working directory a job runs, and run with the
# Python that runs Snakemake unless the rules have an environment of their own.
prefix = f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}; "
if not workflow.deployment_settings.deployment_method:
    prefix += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(prefix)

# Before a job's time is up a scheduler sends SIGUSR1 to all its processes, and only a training is to
# notice: Snakemake and the shell above it would end, and the training with them.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

# A plan makes millions of objects and hardly a cycle: to look for cycles at Python's own pace takes
# a seventh of its time.
gc.set_threshold(100_000)

# Where the disk is full Snakemake can't write its own log, and would show a traceback for each line
# of it; the terminal has the lines.
logging.raiseExceptions = False

if workflow.is_main_process:
    try:
        if said := enter(Path.cwd()):
            logger.warning(said)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None


onstart:
    # Once, and not in each job. A dry run goes on where it can't be written.
    try:
        check_writable(Path("results"))
        if said := redate(Path("results")):
            logger.warning(said)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None


include: "rules/records.smk"
include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/flow.smk"
include: "rules/motion_model.smk"
include: "rules/pseudo_labels.smk"
include: "rules/appearance_model.smk"
include: "rules/evaluation.smk"
include: "rules/report.smk"
include: "rules/tables.smk"


rule all:
    default_target: True
    input:
        "results/report/index.html",
