"""What to try next, from what the run measured."""

from motionfit.judgement import Judgement
from motionfit.report.verdicts import Verdict


def what_to_try(judgements: list[tuple[str, Judgement]], verdicts: list[Verdict]) -> list[str]:
    """One sentence per step that could be better, in the order of the pipeline, and what the
    comparisons lack."""
    tried = [
        f"{step}: {' '.join(judgement.advice)}"
        for step, judgement in judgements
        if judgement.advice
    ]
    lacking = [verdict.lacking for verdict in verdicts if verdict.lacking]
    return list(dict.fromkeys([*tried, *lacking]))
