"""Frames as JPEG."""

import cv2
import numpy as np


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """(H, W) grey or (H, W, 3) RGB uint8 to JPEG."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def decode_rgb(data: np.ndarray) -> np.ndarray:
    """JPEG bytes to (H, W, 3) uint8. Raises cv2.error where they are none."""
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode_grey(data: np.ndarray) -> np.ndarray:
    """JPEG bytes to (H, W) uint8. Raises ValueError or cv2.error where they are none."""
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError("no JPEG")
    return image
