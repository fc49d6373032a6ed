"""Tables of measured results beside published figures."""
