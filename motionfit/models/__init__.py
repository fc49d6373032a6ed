"""Backbones by name, and models on disk."""

from motionfit.models.backbones import build_network
from motionfit.models.pretrained import origin, starting_network
from motionfit.models.saved import Learned, SavedModel, load_model, save_model
