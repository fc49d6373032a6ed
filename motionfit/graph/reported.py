"""What the report reads besides metrics, tables and figures."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from motionfit.digests import digest
from motionfit.graph.artefacts import Artefact, Input
from motionfit.graph.recipes import size_name

if TYPE_CHECKING:
    from motionfit.graph.graph import Graph

REPORTED: dict[str, tuple[str | None, ...]] = {
    "index": (None,),
    "ledger": (None,),
    "motion_model": ("history.csv",),
    "appearance_model": ("history.csv",),
    "taught_model": ("history.csv",),
    "motion_judgement": (None,),
    "pseudo_labels": (None, "quality.json", "map.csv"),
    "fine_tuning": ("history.csv",),
    "recognition": ("predictions.csv",),
    "retrieval": ("neighbours.csv",),
}
"""Rule to the files that the report reads of each of its artefacts; None is the first file."""


def other_files(graph: "Graph", behind_metrics: Iterable[Artefact]) -> Input:
    """The files that are not shards, so they are known without an index. All but the ledgers follow
    from the metrics and tables, so only the ledgers have a fingerprint.

    `behind_metrics`: what the metrics are made from, of a graph that has read no index.
    """
    files: dict[str, Artefact] = {}
    for artefact in behind_metrics:
        for name in REPORTED.get(artefact.rule, ()):
            path = artefact.beside(name) if name else artefact.path
            files[path] = graph.artefact(artefact.rule, artefact.wildcards)
    for name in graph.reported_evaluations:
        recipe = graph.config.evaluations[name]
        for split in recipe.splits if "recognition" in recipe.measures else ():
            recognition = graph.recognition(name, split)
            files[recognition.beside("predictions.csv")] = recognition
    for table in graph.config.tables:
        # The page shows the measures themselves, not the table's own files.
        for measures in graph.table(table).inputs["metrics"].made_by:
            files[measures.path] = measures
    ledgers = [artefact for artefact in files.values() if artefact.rule == "ledger"]
    return Input(
        tuple(files),
        tuple(files.values()),
        lambda: digest(*(ledger.fingerprint for ledger in ledgers)),
    )


def clips(graph: "Graph", behind_metrics: Iterable[Artefact]) -> Input:
    """The shards that the report may take clips from: all flow with the frames of its size, and the
    frames of pseudo-labels, of recognition, of retrieval and of near-duplicates. Which of these
    clips it shows depends on the results.

    They have no fingerprint: they follow from the metrics, as the other files do.
    """
    config = graph.config
    flows: dict[tuple[str, str], None] = {}
    frames: dict[tuple[str, str], None] = {}
    for artefact in behind_metrics:
        names = artefact.wildcards
        match artefact.rule:
            case "flow":
                flows[names["dataset"], names["flow"]] = None
                frames[names["dataset"], size_name(config.flow[names["flow"]].size)] = None
            case "pseudo_labels":
                labels = config.pseudo_labels[names["pseudo_labels"]]
                size = config.size_of(labels.motion_model)
                frames[labels.dataset, size_name(size)] = None
            case "recognition" | "retrieval":
                evaluation = config.evaluations[names["evaluation"]]
                size = config.size_of(evaluation.model)
                frames[evaluation.dataset, size_name(size)] = None
    for target, other in graph.compared_data_sets:
        frames[other, size_name(graph.compared_size(target, other))] = None
    made = [graph.frames(*names, shard) for names in frames for shard in graph.shards(names[0])]
    made += [graph.flow(*names, shard) for names in flows for shard in graph.shards(names[0])]
    return Input(tuple(artefact.path for artefact in made), tuple(made))
