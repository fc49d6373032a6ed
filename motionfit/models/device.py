"""The device of networks outside training."""

import torch


def inference_device(threads: int) -> torch.device:
    """A GPU if there is one, otherwise the CPU with `threads` threads."""
    torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
