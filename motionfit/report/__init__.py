"""The report of a run: one HTML file, made from result files only."""

from motionfit.report.page import write_report

__all__ = ["write_report"]
