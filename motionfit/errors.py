class MotionFitError(Exception):
    """Something the user can mend: the message says what is wrong, where, and what to do."""
