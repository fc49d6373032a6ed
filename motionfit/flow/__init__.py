"""Optical flow: one module a method, behind `compute_flow`."""

from motionfit.flow.methods import METHODS, compute_flow

__all__ = ["METHODS", "compute_flow"]
