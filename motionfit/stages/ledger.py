"""Makes the ledger of a data set: the videos that could not be decoded, or only in part."""

from motionfit.datasets.index import read_index
from motionfit.options import Fraction, FramesFolder, IndexFile, Output
from motionfit.store.frames import collect_ledgers


def ledger(
    *,
    dataset: str,
    index: IndexFile,
    frames: FramesFolder,
    max_failed: Fraction,
    output: Output,
) -> None:
    """Join the lists of videos that could not be decoded.

    Parameters
    ----------
    dataset
        Name of the data set.
    max_failed
        Fraction of the videos that may be lost.
    """
    collect_ledgers(dataset, read_index(index), frames, max_failed, output)
