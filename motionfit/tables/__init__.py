"""Tables of results: measured beside published figures."""
