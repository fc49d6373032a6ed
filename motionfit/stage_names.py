"""The names of the stages of a run.

A stage, its rule, its command (`motionfit stage NAME`), its module in `motionfit/stages/` and its
key of `resources` in the config have one name.
"""

STAGES = {
    "render_demo": "Render the videos of a demo data set.",
    "index": "Index a data set: one row per video.",
    "frames": "Decode, resize and store the videos of a shard.",
    "ledger": "Join the lists of videos that could not be decoded.",
    "flow": "Compute the optical flow of a shard of frames.",
    "duplicates": "Find test videos that are also in the training set or in a source.",
    "motion_model": "Train a motion model on labelled flow, or frames.",
    "motion_judgement": "Tell whether a motion model recognises more than guessing does.",
    "features": "Extract the features of the dense clips of some shards.",
    "pseudo_labels": "Cluster motion features to pseudo-labels.",
    "random_model": "Save an RGB network with random or pre-trained weights, as a baseline.",
    "appearance_model": "Train an RGB network on pseudo-labels.",
    "taught_model": "Train an RGB network on the features of a motion model.",
    "fine_tuning": "Train a model on the labels of a target.",
    "recognition": "Classify the test videos of a split.",
    "retrieval": "Measure the recall at k of training videos, with test videos as queries.",
    "metrics": "Join the measures of the splits of an evaluation.",
    "table": "Put the measures of evaluations beside published figures.",
    "retrieval_figure": "Show queries and the nearest videos that were retrieved for them.",
    "report": "Write the report of a run as one HTML file.",
}
"""Name to the first line of the stage's docstring, in the order of the pipeline. The lines are
repeated here because the list of stages is shown without importing their modules."""


def stage_module(name: str) -> str:
    """The module of a stage. It is imported when its stage runs, so that light stages do not wait
    for PyTorch."""
    return f"motionfit.stages.{name}"
