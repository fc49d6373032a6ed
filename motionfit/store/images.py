"""Encodes and decodes frames as JPEG."""

import cv2
import numpy as np


def encode_jpeg(image: np.ndarray, quality: int) -> bytes:
    """Encodes a grey (H, W) or RGB (H, W, 3) uint8 image as JPEG."""
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def decode_rgb(data: np.ndarray) -> np.ndarray:
    """Decodes the bytes of a JPEG to (H, W, 3) uint8 RGB. Raises cv2.error if they are not a
    JPEG."""
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode_grey(data: np.ndarray) -> np.ndarray:
    """Decodes the bytes of a JPEG to (H, W) uint8 grey. Raises ValueError or cv2.error if they are
    not a JPEG."""
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError("not a JPEG")
    return image
