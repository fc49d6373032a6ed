"""A data set in a module that imports little, since a worker that reads it imports the module."""

import os
import signal

from torch.utils.data import Dataset


class Deadly(Dataset):
    """Kills the worker that reads it, as the system does when memory runs out."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return i
