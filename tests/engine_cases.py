"""Frames for engines, and the way through their stages."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from shm_stream.frame import Frame
from shm_stream.work import Work


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def work_of(pixels, index=0):
    return Work(Frame(pixels, index, index, Fraction(1, 25), 1))


def run_stages(engine, work):
    for _, function in engine.stages:
        work = function(work)
    engine.wait(work)
    return work


def moving_clip(count):
    """A bright disc that crosses a textured scene, with noise."""
    generator = np.random.default_rng(2)
    scene = cv2.resize(noise(9, 16, seed=3), (448, 256), interpolation=cv2.INTER_CUBIC)
    for index in range(count):
        picture = scene.copy()
        cv2.circle(picture, (60 + 12 * index, 128), 60, (230, 180, 150), -1)
        yield np.clip(picture + generator.normal(0, 5, picture.shape), 0, 255).astype(np.uint8)
