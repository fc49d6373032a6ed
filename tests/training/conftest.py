"""Settings of all tests of trainings."""

import math

import pytest

from motionfit.training import loop


@pytest.fixture(autouse=True)
def a_checkpoint_after_each_epoch(monkeypatch):
    """However slow the machine is at the moment. On a busy one, some would be left out, and tests
    that end a training at its n-th checkpoint would fail."""
    monkeypatch.setattr(loop, "QUICK", math.inf)
