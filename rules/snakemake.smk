"""Settings and workarounds for Snakemake, each with its reason."""

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

# Jobs use the package beside the Snakefile, whatever their working directory is. They run with the
# Python that runs Snakemake, unless the rules have their own software environments.
prefix = f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}; "
if not workflow.deployment_settings.deployment_method:
    prefix += f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(prefix)

# Shortly before a job's time limit, a scheduler sends SIGUSR1 to all its processes. Only a training
# handles it. Snakemake and the shell ignore it: otherwise they would end, and the training with
# them.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

# A plan creates millions of objects but few reference cycles. With Python's default threshold, the
# search for cycles takes a seventh of the time.
gc.set_threshold(100_000)

# If the disk is full, Snakemake can't write its own log, and would show a traceback for each line.
# The lines appear in the terminal anyway.
logging.raiseExceptions = False

# A killed Snakemake leaves its lock behind. Snakemake's own message is the same as for a run that
# is still going on.
if workflow.is_main_process:
    try:
        if warning := enter(Path.cwd()):
            logger.warning(warning)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None


# If the clock was set back, Snakemake refuses inputs from the future. This and the check of the
# folder are done once, and not in each job. A dry run does neither, so it works in a folder that is
# not writable.
onstart:
    try:
        check_writable(Path("results"))
        if warning := redate(Path("results")):
            logger.warning(warning)
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None
