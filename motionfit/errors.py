class MotionFitError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do."""


class InterruptedTrainingError(MotionFitError):
    """A training was ended by Ctrl-C, and has kept what it had learned."""
