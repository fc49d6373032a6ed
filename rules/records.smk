"""What has to be made: the record beside each result decides. Dates don't count, nor does what
Snakemake keeps in .snakemake: neither says anything about results that were copied.

Snakemake has no setting for that. So the first input of each rule is a look-up, `current`, which has
Snakemake make results that are not this config's. The look-ups of the other inputs, decorated with
`input_files`, have Snakemake treat them as old if the result is this config's.
"""

import logging
from functools import cache, wraps

from snakemake.io import flag
from snakemake.logging import logger
from snakemake.settings.enums import RerunTrigger

from motionfit.config import Demo
from motionfit.config_checks import check_data_set, message, refuse_vanished
from motionfit.datasets.build import build_index
from motionfit.datasets.index import read_index as read_index_table
from motionfit.errors import MotionFitError
from motionfit.graph import State, differences, indexed, record_of, state_of
from motionfit.records import is_unfinished, record_path

reasons_told = set()
indexes_checked = set()
current_job = {"state": State.OTHER}
"""State of the result of the job whose inputs Snakemake looks up at the moment. `current` sets it,
since it is the first look-up of each job."""


def stop(message):
    """Ends a plan or a run. If a look-up raised an exception, Snakemake would show a traceback."""
    logger.error(message)
    raise SystemExit(1)


class OldUnlessRemade:
    """The value of an input's flag `ancient`: true if the file is there and Snakemake is not going
    to make it again."""

    def __init__(self, path):
        self.path = path

    def __bool__(self):
        return exists(self.path) and self.path not in workflow.dag.forcefiles


def input_files(look_up):
    """Decorates a look-up of input files, one path or several.

    If the job's result is this config's, the files count as old: the job does not run again because
    one is newer or is made again. Missing files are left out, since Snakemake would make them, and
    then the result too. If the job has no result, which may not be needed any more, the files count
    as old unless they are made again.
    """

    @wraps(look_up)
    def files(wildcards):
        paths = look_up(wildcards)
        if current_job["state"] not in (State.CURRENT, State.MISSING):
            return paths
        paths = [paths] if isinstance(paths, str) else paths
        if current_job["state"] is State.CURRENT:
            return [ancient(path) for path in paths if exists(path) or tell_gap(path)]
        return [flag(path, "ancient", OldUnlessRemade(path)) for path in paths]

    return files


@cache
def tell_gap(path):
    """Warns of a missing file that nothing needs, if the job that makes it was interrupted."""
    if is_unfinished(path):
        logger.warning(
            f"{path} is missing, since the job that makes it was interrupted. What is made from it is "
            f"there, so it is not made again; `snakemake {path}` makes it"
        )


@cache
def exists(path):
    """Whether a file was there when this was first asked. Later, jobs make some of them."""
    return Path(path).exists()


# --------------------------------------------------------------------------------------- indexes


def read_index(dataset):
    """The index of a data set, after it is made if it has to be. (The checkpoint is asked only then:
    if it is there already, Snakemake would not evaluate all jobs that depend on several indexes.)
    """
    path = Path(f"results/index/{dataset}.csv")
    if not (workflow.is_main_process and index_is_current(dataset)):
        path = Path(checkpoints.index.get(dataset=dataset).output.index)
    return read_index_once(dataset, path, path.stat().st_mtime_ns)


@cache
def read_index_once(dataset, path, _changed):
    try:
        index = read_index_table(path)
    except MotionFitError as error:
        stop(error)
    what_others_need = indexed(index)
    if workflow.is_main_process:
        check(dataset, index, what_others_need.fingerprint)
    return what_others_need


@cache
def index_is_current(dataset):
    """Whether the index that is there is this config's: its record says so, or an index that is made
    in memory is the same. With --touch it is taken as it is."""
    artefact = GRAPH.index(dataset)
    if not Path(artefact.path).is_file():
        return False
    if state_of(artefact) is State.CURRENT:
        return True
    is_demo = isinstance(CONFIG.datasets[dataset], Demo)
    if not workflow.touch and (is_demo or not is_same_index(dataset)):
        return False
    if not workflow.dryrun:
        record_of(artefact).finish()
    return True


def is_same_index(dataset):
    """Whether an index that is made in memory equals the one that is there."""
    before = index_on_disk(dataset)
    return before is not None and before.equals(index_in_memory(dataset))


def index_on_disk(dataset):
    """The index of a data set as it is; None if there is none that can be read."""
    try:
        return read_index_table(Path(f"results/index/{dataset}.csv"))
    except MotionFitError:
        return None


@cache
def index_in_memory(dataset):
    """The index of a data set as its job would make it now, checked. The job logs its warnings."""
    logging.getLogger("motionfit.datasets").setLevel(logging.ERROR)
    try:
        index = build_index(CONFIG.datasets[dataset])
        refuse_vanished(CONFIG.datasets[dataset].videos, index_on_disk(dataset), index)
    except MotionFitError as error:
        stop(message(dataset, [str(error)]))
    check(dataset, index, indexed(index).fingerprint)
    return index


def check(dataset, index, fingerprint):
    """Ends the plan or the run if a data set does not fit the config. The message has everything
    that is wrong with it, and with the other data sets that can be looked at now. An index of a
    fingerprint is checked once."""
    if (dataset, fingerprint) in indexes_checked:
        return
    indexes_checked.add((dataset, fingerprint))
    found = check_data_set(WRITTEN, dataset, index)
    for warning in found.warnings:
        logger.warning(f"the data set {dataset!r}: {warning}")
    if found.problems:
        stop("\n".join([message(dataset, found.problems), *messages_of_others(dataset)]))


def messages_of_others(dataset):
    for name, recipe in WRITTEN.datasets.items():
        if name != dataset and not isinstance(recipe, Demo):
            try:
                found = check_data_set(WRITTEN, name, build_index(recipe)).problems
            except MotionFitError as error:
                found = [str(error)]
            if found:
                yield message(name, found)


# ------------------------------------------------------------------------------- the state of a job


def made_from(rule):
    """For `params`: what a job of a rule notes beside its result."""

    def look_up(wildcards):
        return record_of(artefact_of(rule, wildcards)).to_json()

    return look_up


def current(rule):
    """For `input`, before the other inputs: no file. It sees to it that the job runs if its result is
    not this config's."""

    def look_up(wildcards):
        current_job["state"] = State.OTHER
        if workflow.is_main_process:
            artefact = artefact_of(rule, wildcards)
            # Asks for the indexes that the job depends on. If one is still to be made, Snakemake
            # comes back to the job after that.
            artefact.fingerprint
            if not is_forced(rule, artefact.path):
                current_job["state"] = see_to(artefact)
            # With --until, Snakemake asks of a last job only whether an input is newer.
            is_last = rule in workflow.dag_settings.until
            if is_last and current_job["state"] is State.MISSING:
                workflow.dag.forcefiles.add(artefact.path)
            outputs, _ = workflow.get_rule(rule).expand_output(wildcards)
            if current_job["state"] is State.CURRENT and not all(map(exists, outputs)):
                current_job["state"] = State.MISSING
            # Here, where no profile replaces it: the records know all but the software of a rule.
            workflow.dag_settings.rerun_triggers = {RerunTrigger.SOFTWARE_ENV}
        return []

    return look_up


def current_index(wildcards):
    """The same for the index of a data set. Snakemake deletes the old index before the job runs, so
    the new one is made in memory first. That keeps the old one if the videos or the annotations are
    not as they should be, for example on a disk that is not mounted."""
    current_job["state"] = State.OTHER
    dataset = wildcards.dataset
    if not workflow.is_main_process:
        return []
    if index_is_current(dataset):
        current_job["state"] = State.CURRENT
        return []
    index_comes_first(dataset)
    if not isinstance(CONFIG.datasets[dataset], Demo):
        index_in_memory(dataset)
    artefact = GRAPH.index(dataset)
    if Path(f"results/frames/{dataset}").exists():
        tell(artefact, state_of(artefact))
        tell_once(
            "The jobs after an index depend on its content. All are listed until it is made; then "
            "only those run that it changes."
        )
    # A missing one too: Snakemake would leave the gap, and not see changes of what comes after the
    # index.
    workflow.dag.forcefiles.add(artefact.path)
    return []


def index_comes_first(dataset):
    """Ends a run with `--until` for jobs that are not known before the index is made. Snakemake
    would find none and end well."""
    until = set(workflow.dag_settings.until)
    if until & {"frames", "ledger", "flow", "features"}:
        stop(
            f"--until {' '.join(sorted(until))}: the data set {dataset!r} has no index yet, or another "
            "one is to be made, and without it the jobs are not known. Run with `--until index` "
            "first, then the same command again"
        )


def is_forced(rule, path):
    """Whether the user wants a job to run whatever its record says, by --forcerun and the like."""
    rules = (forced.name for forced in workflow.dag.forcerules)
    return path in workflow.dag.forcefiles or rule in rules


def see_to(artefact):
    """Returns the state of a result. A result of another config is made again, or taken as it is with
    --touch. A result of unknown origin ends the run."""
    state = state_of(artefact)
    if state in (State.CURRENT, State.MISSING):
        return state
    if workflow.touch and state is not State.UNFINISHED:
        record_of(artefact).finish()
        return State.CURRENT
    if state is State.UNKNOWN:
        stop(
            f"{artefact.path} has no record beside it ({record_path(artefact.path)}), so nothing "
            "tells what it was made from. Copy the record too; or delete the file, and it is made "
            "again; or, if you know that all results are this config's, have that noted by "
            "`snakemake --touch`, with the --directory and --configfile of the run"
        )
    tell(artefact, state)
    workflow.dag.forcefiles.add(artefact.path)
    return State.OTHER


def tell(artefact, state):
    """Says why a result is made, unless what it is made from says it."""
    reasons = differences(artefact) if state is State.OTHER else [state.value]
    if reasons:
        tell_once("; ".join(reasons), f"{artefact.path} is made again: ")


def tell_once(reason, of_what=""):
    """Many results are often made again for the same reason: it is told of the first one."""
    if reason not in reasons_told:
        reasons_told.add(reason)
        logger.info(f"{of_what}{reason}")
