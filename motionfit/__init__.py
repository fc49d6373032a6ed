"""MotionFit: motion-augmented self-training for video recognition at smaller scale."""

__version__ = "0.1.0"
