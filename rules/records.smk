"""What has to be made: the record beside each result decides. Dates do not, nor does what Snakemake
keeps in .snakemake: neither says anything of results that were copied.

Snakemake has no setting for that. So each rule has a look-up among its inputs, `current`, which has
Snakemake make a result that is not this config's, and has it count the inputs of the others as old.
"""

from functools import cache

from snakemake.exceptions import WorkflowError
from snakemake.io import flag
from snakemake.logging import logger

from motionfit.config import Demo
from motionfit.datasets import build_index
from motionfit.datasets.index import read_index as table_of_index
from motionfit.errors import MotionFitError
from motionfit.graph import indexed
from motionfit.records import Record, State, differences, record_path, state_of


SAID = set()
OF_JOB = {"is_current": False}
"""Whether the job whose inputs are looked up has a result, and it is this config's."""


def old_for_current(file):
    """The inputs of a job whose result is this config's count as old: it does not run again because
    one of them is newer, or is made again. (Those of others must not: Snakemake hands on through
    them that a job has to run.)"""
    return flag(file, "ancient", OF_JOB["is_current"])


inputflags:
    old_for_current,




@cache
def read_index_once(path, _changed):
    try:
        return indexed(table_of_index(path))
    except MotionFitError as error:
        raise WorkflowError(str(error)) from None


def read_index(dataset):
    """The index of a data set, which is read once, after it is made where it has to be."""
    path = Path(checkpoints.index.get(dataset=dataset).output.index)
    return read_index_once(path, path.stat().st_mtime_ns)


def artefact_of(rule, wildcards):
    """What a job of a rule makes, and all that it is made from."""
    arguments = {n: int(w) if n == "split" else w for n, w in wildcards.items()}
    return getattr(GRAPH, rule)(**arguments)


def made_from(rule):
    """For `params`: what a job of a rule notes beside its result."""

    def look_up(wildcards):
        return Record.of(artefact_of(rule, wildcards)).to_json()

    return look_up


def current(rule):
    """For `input`, before the other inputs: no file. It sees to it that a job runs where its result
    is not this config's."""

    def look_up(wildcards):
        OF_JOB["is_current"] = False
        if workflow.is_main_process:
            artefact = artefact_of(rule, wildcards)
            OF_JOB["is_current"] = is_current(artefact, rule == "index")
        return []

    return look_up


def is_current(artefact, is_index):
    """Whether a result is there and is this config's. One that is another config's is made again; with
    --touch it is taken as this one's."""
    state = state_of(artefact)
    if workflow.touch and state not in (State.CURRENT, State.MISSING):
        Record.of(artefact).finish()
        return True
    if state is State.UNKNOWN and not is_index and not workflow.dag_settings.forceall:
        raise WorkflowError(
            f"{artefact.path} has no record beside it ({record_path(artefact.path)}), so nothing "
            "tells what it was made from. Copy the record too; or delete the file, and it is made "
            "again; or, if you know that all results are this config's, have that noted by "
            "`snakemake --touch`, with the --directory and --configfile of the run"
        )
    if state is State.OTHER:
        tell(artefact)
    # An index that is missing counts as well: Snakemake would leave that gap, and be blind to changes
    # of all that comes after the index.
    if state in (State.OTHER, State.UNFINISHED, State.UNKNOWN) or is_index and state is State.MISSING:
        workflow.dag.forcefiles.add(artefact.path)
    return state is State.CURRENT


def tell(artefact):
    """Says what has changed; of many results that are made again for the same reason, of one."""
    reasons = "; ".join(differences(artefact))
    if reasons and reasons not in SAID:
        SAID.add(reasons)
        logger.info(f"{artefact.path} is made again: {reasons}")


def index_can_be_made(wildcards):
    """For `input`: no file. An index is made anew in memory before Snakemake deletes the old one, so
    that it is kept where the videos or the annotations are not as they should be: on a disk that is
    not mounted, say."""
    recipe = CONFIG.datasets[wildcards.dataset]
    is_current = state_of(GRAPH.index(wildcards.dataset)) is State.CURRENT
    if workflow.is_main_process and not isinstance(recipe, Demo) and not is_current:
        try:
            build_index(recipe)
        except MotionFitError as error:
            raise WorkflowError(f"the data set {wildcards.dataset!r}: {error}") from None
    return []
