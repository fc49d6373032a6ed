"""Decides by the record beside each result whether Snakemake makes the result again. Dates of files
and the metadata in .snakemake don't count, since neither is right for results that were copied.

Snakemake has no setting for that. So the first input of each rule is a look-up, `current`, which
makes Snakemake remake results that do not match the config. The look-ups of the other inputs,
decorated with `input_files`, make Snakemake treat these files as old if the result matches the
config.
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

reasons_logged = set()
indexes_checked = set()
current_job = {"state": State.CHANGED}
"""State of the result of the job whose inputs Snakemake is looking up. `current` sets it, since it
is the first look-up of each job."""


def stop(message):
    """Ends a plan or a run with a message. For an exception in a look-up, Snakemake would show a
    traceback."""
    logger.error(message)
    raise SystemExit(1)


class OldUnlessRemade:
    """The value of an input's flag `ancient`: true if the file exists and Snakemake is not going to
    make it again."""

    def __init__(self, path):
        self.path = path

    def __bool__(self):
        return exists(self.path) and self.path not in workflow.dag.forcefiles


def input_files(look_up):
    """Decorates a look-up of input files that returns one path or several.

    If the job's result matches the config, the files count as old: the job does not run again
    because a file is newer or is made again. Missing files are left out, since Snakemake would make
    them and then the result too. If the job has no result, the result may not be needed any more,
    so the files count as old unless they are made again.
    """

    @wraps(look_up)
    def files(wildcards):
        paths = look_up(wildcards)
        if current_job["state"] not in (State.CURRENT, State.MISSING):
            return paths
        paths = [paths] if isinstance(paths, str) else paths
        if current_job["state"] is State.CURRENT:
            return [ancient(path) for path in paths if exists(path) or warn_if_unfinished(path)]
        return [flag(path, "ancient", OldUnlessRemade(path)) for path in paths]

    return files


@cache
def warn_if_unfinished(path):
    """Warns of a missing file that no job needs, if the job that makes it was interrupted."""
    if is_unfinished(path):
        logger.warning(
            f"{path} is missing, since the job that makes it was interrupted. The results that are "
            f"made from it exist, so it is not made again; `snakemake {path}` makes it"
        )


@cache
def exists(path):
    """Whether a file existed when this was first called for it. Jobs may make it later."""
    return Path(path).exists()


# --------------------------------------------------------------------------------------- indexes


def read_index(dataset):
    """The index of a data set. If it does not match the config, waits until it is made.

    The checkpoint is asked only in that case: otherwise Snakemake would not evaluate all jobs that
    depend on several indexes.
    """
    path = Path(GRAPH.index(dataset).path)
    if not (workflow.is_main_process and index_is_current(dataset)):
        path = Path(checkpoints.index.get(dataset=dataset).output.index)
    return read_index_once(dataset, path, path.stat().st_mtime_ns)


@cache
def read_index_once(dataset, path, _changed):
    try:
        index = read_index_table(path)
    except MotionFitError as error:
        stop(error)
    content = indexed(index)
    if workflow.is_main_process:
        check(dataset, index, content.fingerprint)
    return content


@cache
def index_is_current(dataset):
    """Whether the index on disk matches the config: by its record, or because an index that is made
    in memory is the same. With --touch, any index on disk counts as matching."""
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
    """Whether an index that is made in memory equals the one on disk."""
    before = index_on_disk(dataset)
    return before is not None and before.equals(index_in_memory(dataset))


def index_on_disk(dataset):
    """The index of a data set as it is on disk; None if it is missing or unreadable."""
    try:
        return read_index_table(Path(GRAPH.index(dataset).path))
    except MotionFitError:
        return None


@cache
def index_in_memory(dataset):
    """The index of a data set as its job would make it now, checked. Warnings are not shown here,
    since the job logs them."""
    logging.getLogger("motionfit.datasets").setLevel(logging.ERROR)
    try:
        index = build_index(CONFIG.datasets[dataset])
        refuse_vanished(CONFIG.datasets[dataset].videos, index_on_disk(dataset), index)
    except MotionFitError as error:
        stop(message(dataset, [str(error)]))
    check(dataset, index, indexed(index).fingerprint)
    return index


def check(dataset, index, fingerprint):
    """Ends the plan or the run if a data set does not fit the config. The message lists all
    problems of this data set, and those of the other data sets that can be indexed now. Each
    content of an index, known by its fingerprint, is checked once."""
    if (dataset, fingerprint) in indexes_checked:
        return
    indexes_checked.add((dataset, fingerprint))
    findings = check_data_set(WRITTEN, dataset, index)
    for warning in findings.warnings:
        logger.warning(f"warning: the data set {dataset!r}: {warning}")
    if findings.problems:
        stop("\n".join([message(dataset, findings.problems), *messages_of_others(dataset)]))


def messages_of_others(dataset):
    """Yields a message for each other data set with problems."""
    for name, recipe in WRITTEN.datasets.items():
        if name != dataset and not isinstance(recipe, Demo):
            try:
                problems = check_data_set(WRITTEN, name, build_index(recipe)).problems
            except MotionFitError as error:
                problems = [str(error)]
            if problems:
                yield message(name, problems)


# ------------------------------------------------------------------------------ states of results


def made_from(rule):
    """For `params`: the record, as JSON, that a job of a rule writes beside its result."""

    def look_up(wildcards):
        return record_of(artefact_of(rule, wildcards)).to_json()

    return look_up


def current(rule, stage=None):
    """For `input`, before the other inputs: no file. It sees to it that the job runs if its result is
    not this config's. `stage`: if the rule does not have the name of its stage."""

    def look_up(wildcards):
        current_job["state"] = State.CHANGED
        if workflow.is_main_process:
            artefact = artefact_of(stage or rule, wildcards)
            # Asks for the indexes that the job depends on. If one is still to be made, Snakemake
            # comes back to the job after that.
            artefact.fingerprint
            if not is_forced(rule, artefact.path):
                current_job["state"] = force_if_outdated(artefact)
            outputs, _ = workflow.get_rule(rule).expand_output(wildcards)
            if current_job["state"] is State.CURRENT and not all(map(exists, outputs)):
                current_job["state"] = State.MISSING
            # With --until, Snakemake asks of a last job only whether an input is newer.
            is_last = rule in workflow.dag_settings.until
            if is_last and current_job["state"] is State.MISSING:
                workflow.dag.forcefiles.add(artefact.path)
            # Here, where no profile replaces it: the records know all but the software of a rule.
            workflow.dag_settings.rerun_triggers = {RerunTrigger.SOFTWARE_ENV}
        return []

    return look_up


def current_index(wildcards):
    """Like `current`, for the index of a data set. Snakemake deletes the old index before the job
    runs, so the new index is first made in memory. If that fails, for example since the disk with
    the videos is not mounted, the old index is kept."""
    current_job["state"] = State.CHANGED
    dataset = wildcards.dataset
    if not workflow.is_main_process:
        return []
    if index_is_current(dataset):
        current_job["state"] = State.CURRENT
        return []
    refuse_until_without_index(dataset)
    if not isinstance(CONFIG.datasets[dataset], Demo):
        index_in_memory(dataset)
    artefact = GRAPH.index(dataset)
    if Path(f"results/frames/{dataset}").exists():
        log_why(artefact, state_of(artefact))
        log_once(
            "The jobs after an index depend on its content. Until it is made, all of them are "
            "listed; then only those run whose inputs have changed."
        )
    # A missing index is forced too. Otherwise Snakemake would not make it, and would not notice
    # changes of the results that depend on it.
    workflow.dag.forcefiles.add(artefact.path)
    return []


def refuse_until_without_index(dataset):
    """Ends a run with `--until` for jobs that are unknown until the index is made. Snakemake would
    find no such jobs and end without an error."""
    until = set(workflow.dag_settings.until)
    if until & {"frames", "ledger", "flow", "features"}:
        stop(
            f"--until {' '.join(sorted(until))}: the index of the data set {dataset!r} is missing "
            "or out of date, and the jobs are unknown until it is made. Run with `--until index` "
            "first, then the same command again"
        )


def is_forced(rule, path):
    """Whether the user forces a job to run whatever its record says, for example by --forcerun."""
    rules = (forced.name for forced in workflow.dag.forcerules)
    return path in workflow.dag.forcefiles or rule in rules


def force_if_outdated(artefact):
    """Returns the state of a result, and makes Snakemake remake it if it does not match the config.
    With --touch, such a result is accepted as it is. A result without a record ends the run."""
    state = state_of(artefact)
    if state in (State.CURRENT, State.MISSING):
        return state
    if workflow.touch and state is not State.UNFINISHED:
        record_of(artefact).finish()
        return State.CURRENT
    if state is State.UNKNOWN:
        stop(
            f"{artefact.path} has no record beside it ({record_path(artefact.path)}), so it is "
            "unknown what the file was made from. Copy the record too; or delete the file, and it "
            "is made again; or, if you know that all results match this config, record that with "
            "`snakemake --touch`, with the --directory and --configfile of the run"
        )
    log_why(artefact, state)
    workflow.dag.forcefiles.add(artefact.path)
    return State.CHANGED


def log_why(artefact, state):
    """Logs why a result is made again. If only its inputs have changed, their messages say why."""
    reasons = differences(artefact) if state is State.CHANGED else [state.value]
    if reasons:
        log_once("; ".join(reasons), f"{artefact.path} is made again: ")


def log_once(reason, prefix=""):
    """Logs a reason the first time only, since many results may be made again for the same one."""
    if reason not in reasons_logged:
        reasons_logged.add(reason)
        logger.info(f"{prefix}{reason}")
