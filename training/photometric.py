"""What cameras, light and codecs do to a picture. All functions: [H, W, 3] uint8 RGB in and out."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np


def relight(picture: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Exposure, gamma, contrast and colour temperature, as one table per channel."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.normal(0, 0.22 * strength))
    gain = np.exp(rng.normal(0, 0.14 * strength) + rng.normal(0, 0.05 * strength, 3))
    contrast = 1 + rng.normal(0, 0.12 * strength)
    tables = [np.clip((levels**gamma * g - 0.5) * contrast + 0.5, 0, 1) * 255 + 0.5 for g in gain]
    return cv2.LUT(picture, np.stack(tables, -1).astype(np.uint8)[None])


def saturate(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Between grey (rarely) and over-saturated."""
    amount = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(picture, amount, grey, 1 - amount, 0)


def sensor_noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of up to 14 levels, sometimes in blotches of two pixels as cameras in low light make."""
    height, width = picture.shape[:2]
    step = 2 if rng.random() < 0.5 else 1
    noise = rng.normal(0, rng.uniform(1, 14), (-(-height // step), -(-width // step), 3)).astype(np.float32)
    if step == 2:
        noise = cv2.resize(noise, (width, height))
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def compress(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """JPEG at quality 25 to 90."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 91))])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def low_light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A dim room: 4 to 30 % of the light, amplified again in part, with the noise that few photons make.

    Noise has the standard deviation sqrt(light / photons), as counting has, and a constant part from reading out.
    """
    level = rng.uniform(0.04, 0.3)
    light = (picture / np.float32(255)) ** 2.2 * level
    photons = np.exp(rng.uniform(np.log(150), np.log(3000)))
    spread = np.sqrt(light / photons + rng.uniform(0.001, 0.006) ** 2)
    light += spread * rng.standard_normal(picture.shape, np.float32)
    gain = level ** -rng.uniform(0, 0.8)
    return (np.clip(light * gain, 0, 1) ** (1 / 2.2) * 255 + 0.5).astype(np.uint8)


def video(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """H.264 at the quality of a call: the second frame of a clip that moves a little, through encoder and decoder."""
    height, width = picture.shape[:2]
    even = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    before = np.roll(even, tuple(rng.integers(-3, 4, 2)), (0, 1))
    quality = {"preset": "ultrafast", "tune": "zerolatency", "crf": str(rng.integers(26, 41))}
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = *even.shape[1::-1], "yuv420p", Fraction(1, 30)
    encoder.options, encoder.thread_count = quality, 1
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = []
    for index, pixels in enumerate((before, even, None)):
        frame = None if pixels is None else av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        if frame:
            frame.pts = index
        for packet in encoder.encode(frame):
            frames += decoder.decode(packet)
    frames += decoder.decode(None)
    return np.ascontiguousarray(frames[-1].to_ndarray(format="rgb24")[:height, :width])


def shake(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Motion blur of the whole frame, 3 to 7 pixels long."""
    return cv2.filter2D(picture, -1, motion_kernel(rng, 7))


def blur(picture: np.ndarray, rng: np.random.Generator, most: float) -> np.ndarray:
    """Gaussian blur with sigma up to `most` pixels."""
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, most))


def motion_kernel(rng: np.random.Generator, most: int = 9) -> np.ndarray:
    """A line of random direction, 3 to `most` pixels long, summing to 1."""
    length = int(rng.integers(3, most + 1))
    kernel = np.zeros((most, most), np.float32)
    angle = rng.uniform(0, np.pi)
    offset = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    middle = (most - 1) / 2
    start, end = (tuple(int(round(v)) for v in middle + sign * offset) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return kernel / kernel.sum()


def lens_kernel(rng: np.random.Generator, most: int = 9) -> np.ndarray:
    """A disc of up to `most` pixels across, as an unfocused lens makes of a point; sums to 1."""
    radius = rng.uniform(0.8, most / 2)
    y, x = np.mgrid[:most, :most] - (most - 1) / 2
    kernel = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return kernel / kernel.sum()


def camera(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random chain of the above, as a webcam or phone would apply it to the whole frame."""
    chain = (
        (relight, 0.7),
        (saturate, 0.3),
        (lambda p, r: blur(p, r, 1.4), 0.15),
        (shake, 0.06),
        (low_light, 0.06),
        (sensor_noise, 0.3),
        (compress, 0.4),
        (video, 0.06),
    )
    for step, probability in chain:
        if rng.random() < probability:
            picture = step(picture, rng)
    return picture
