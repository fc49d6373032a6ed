"""Makes the ledger of a data set: the videos that could not be decoded, or only in part."""

from typing import Annotated

from cyclopts import Parameter

from motionfit.datasets.index import read_index
from motionfit.options import Fraction, FramesFolder, IndexFile, Output
from motionfit.store.frames import collect_ledgers


def ledger(
    *,
    dataset: Annotated[str, Parameter(help="Name of the data set.")],
    index: IndexFile,
    frames: FramesFolder,
    max_failed: Fraction,
    output: Output,
) -> None:
    """Join the lists of videos that could not be decoded.

    Parameters
    ----------
    max_failed
        Fraction of the videos that may be lost.
    """
    collect_ledgers(dataset, read_index(index), frames, max_failed, output)
