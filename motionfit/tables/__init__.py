"""Tables of the results: what is measured beside what was published."""
