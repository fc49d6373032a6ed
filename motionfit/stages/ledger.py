"""Makes the ledger of a data set: the videos that could not be decoded, or only in part."""

from motionfit import options
from motionfit.datasets.index import read_index
from motionfit.store.frames import collect_ledgers


def ledger(
    *,
    dataset: str,
    index: options.IndexFile,
    frames: options.FramesFolder,
    max_failed: options.Fraction,
    output: options.Output,
) -> None:
    """Join the lists of videos that could not be decoded.

    Parameters
    ----------
    dataset
        Name of the data set.
    max_failed
        options.Fraction of the videos that may be lost.
    """
    collect_ledgers(dataset, read_index(index), frames, max_failed, output)
