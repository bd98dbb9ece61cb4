"""How a picture moves from one frame to another, and values of one frame moved along to the other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .prior import at_size

TOLERANCE = 15.0
"""Steps of 255 by which a picture that was moved may differ from the one it should be; less and less is taken over
until there. Measured with 10, 20 and 40: at 40 moving people drag their edges along (`benchmarks/README.md`)."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Where each place of one frame was, or will be, in another."""

    places: np.ndarray
    """[h, w, 2] float32: (column, row) in the other frame."""
    agreement: np.ndarray
    """[h, w, 1] float32: 1 where the other frame looks the same there, 0 where it does not."""

    def follow(self, values: np.ndarray) -> np.ndarray:
        """[h, w, channels] float32 of the other frame → as they lie in this one; edges are repeated."""
        values = at_size(values, self.places.shape[:2])
        return cv2.remap(values, self.places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def find_motion(picture: np.ndarray, other: np.ndarray, shape: tuple[int, int]) -> Motion:
    """Where `picture` [H, W, 3] uint8 lies in `other`, for values of `shape` (h, w), in which both are the same scene.

    OpenCV's dense inverse search (Kroeger et al., ECCV 2016), ultrafast preset. `other` may have another size.
    """
    other = at_size(other, picture.shape[:2])
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (picture, other)]
    places = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST).calc(*grey, None)
    places[..., 0] += np.arange(picture.shape[1], dtype=np.float32)
    places[..., 1] += np.arange(picture.shape[0], dtype=np.float32)[:, None]
    moved = cv2.remap(other, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Motion(_reduced(places, shape), _agreement(picture, moved, shape))


def _reduced(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The same at `shape`, counted in its pixels; pixel centres lie at halves in both."""
    scale = np.float32([shape[1] / places.shape[1], shape[0] / places.shape[0]])
    half = np.float32(0.5)
    return (cv2.resize(places, shape[::-1], interpolation=cv2.INTER_AREA) + half) * scale - half


def _agreement(picture: np.ndarray, moved: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """By the channel that differs most; a difference counts for its neighbours, too, where alpha's edge may lie."""
    red, green, blue = cv2.split(cv2.absdiff(picture, moved))
    difference = cv2.boxFilter(cv2.max(cv2.max(red, green), blue), cv2.CV_32F, (3, 3))
    difference = cv2.dilate(difference, np.ones((3, 3), np.uint8))
    agreement = np.maximum(1 - difference * np.float32(1 / TOLERANCE), 0)
    return cv2.resize(agreement, shape[::-1], interpolation=cv2.INTER_AREA)[..., None]
