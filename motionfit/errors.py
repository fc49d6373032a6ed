class MotionFitError(Exception):
    """An error that the user can fix. The message says what is wrong, where, and what to do."""


class InterruptedTrainingError(MotionFitError):
    """Ctrl-C stopped a training, which has saved its state."""
