"""Draws text on pictures."""

import cv2
import numpy as np

FONT = "sans"


def draw_text(image: np.ndarray, text: str, x: int, y: int, size: int, grey: int) -> None:
    """Draws one line of text onto an image (H, W, 3) uint8 in place, with its baseline at `y` and
    letters of about `size` pixels. Text beyond the right edge is cut off."""
    cv2.putText(
        image, text, (x, y), (grey,) * 3, cv2.FontFace(FONT), size, 500, cv2.PUT_TEXT_ALIGN_LEFT
    )


def text_width(text: str, size: int) -> int:
    """Width of a line of text in pixels."""
    return cv2.getTextSize((1, 1), text, (0, 0), cv2.FontFace(FONT), size, 500)[2]
