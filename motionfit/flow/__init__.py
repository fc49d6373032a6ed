"""Optical flow. Each method has its own module; `compute_flow` calls them all."""

from motionfit.flow.methods import METHODS, compute_flow
