"""What to try next, from what the run measured."""

from motionfit.judgement import Judgement
from motionfit.report.background import Background
from motionfit.report.verdicts import Verdict


def what_to_try(
    judgements: list[tuple[str, Judgement]], verdicts: list[Verdict], backgrounds: list[Background]
) -> list[str]:
    """One sentence per step that could be better, in the order of the pipeline, what the
    comparisons lack, and what a still frame gives away."""
    tried = [
        f"{step}: {' '.join(judgement.advice)}"
        for step, judgement in judgements
        if judgement.advice
    ]
    lacking = [verdict.lacking for verdict in verdicts if verdict.lacking]
    given_away = [background.sentence for background in backgrounds if background.sentence]
    return list(dict.fromkeys([*tried, *lacking, *given_away]))
