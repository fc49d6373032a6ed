"""Clips of videos: where they start, how they are cropped, and how they are loaded."""
