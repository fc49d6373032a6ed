"""The report of a run: one HTML file, written from the result files."""

from motionfit.report.page import write_report
