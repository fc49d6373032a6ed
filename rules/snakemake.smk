"""What Snakemake does differently than a run needs it, and the ways around."""

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

# The stages are the package beside the Snakefile, in whatever working directory a job runs. They run
# with the Python that runs Snakemake, unless the rules have an environment of their own.
prefix = f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}; "
if not workflow.deployment_settings.deployment_method:
    prefix += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(prefix)

# Before a job's time is up, a scheduler sends SIGUSR1 to all its processes. Only a training is to
# notice it: Snakemake and the shell above it would end, and the training with them.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

# A plan makes millions of objects and hardly a cycle. Looking for cycles at Python's own pace takes
# a seventh of its time.
gc.set_threshold(100_000)

# If the disk is full, Snakemake can't write its own log, and would show a traceback for each line of
# it. The terminal has the lines.
logging.raiseExceptions = False

# A killed Snakemake leaves its lock, and its own message does not tell that from a run that goes on.
if workflow.is_main_process:
    try:
        if warning := enter(Path.cwd()):
            logger.warning(warning)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None


# If the clock was set back, Snakemake refuses inputs from the future. This and the check of the
# folder happen once, and not in each job. A dry run goes on even if it can't write.
onstart:
    try:
        check_writable(Path("results"))
        if warning := redate(Path("results")):
            logger.warning(warning)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None
