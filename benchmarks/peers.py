"""Other programs' networks, and the loop that their users write around them.

A matte is a callable: [H, W, 3] uint8 RGB → [H, W] float32 alpha in 0..1.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime

from shm_stream.cli_options import Parser
from shm_stream.errors import InputError, ShmStreamError
from shm_stream.video_codecs import SETTINGS

Matte = Callable[[np.ndarray], np.ndarray]
GREEN = (0, 177, 64)
MEDIAPIPE = {
    "MediaPipe selfie": "selfie_segmenter.tflite",
    "MediaPipe selfie landscape": "selfie_segmenter_landscape.tflite",
    "MediaPipe selfie multiclass": "selfie_multiclass_256x256.tflite",
}
RVM_CHECKPOINT = "rvm_mobilenetv3.pth"
RVM_OPTIONS = "--variant mobilenetv3 --device cpu --output-type video --output-video-mbps 4 --disable-progress"


class MediaPipe:
    """A selfie model of MediaPipe in LiteRT.

    With one channel out it takes RGB in 0..1 and gives the probability of person. With six it takes RGB in -1..1 and
    gives logits, background first; their softmax is served sharpened by a factor of two.
    """

    def __init__(self, model: Path, threads: int):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError("MediaPipe's models need LiteRT; run `pip install ai-edge-litert`") from error
        try:
            self._network = Interpreter(model_path=str(model), num_threads=threads)
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{model} is not a readable .tflite model") from error
        self._network.allocate_tensors()
        facts, self._out = self._network.get_input_details()[0], self._network.get_output_details()[0]["index"]
        self._in, self._size = facts["index"], (int(facts["shape"][2]), int(facts["shape"][1]))
        self._classes = int(self._network.get_output_details()[0]["shape"][3])

    def __call__(self, image: np.ndarray) -> np.ndarray:
        x = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        self._network.set_tensor(self._in, x[None] if self._classes == 1 else 2 * x[None] - 1)
        self._network.invoke()
        y = self._network.get_tensor(self._out)[0]
        return cv2.resize(y[..., 0] if self._classes == 1 else self._person(y), image.shape[1::-1])

    @staticmethod
    def _person(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(2 * (logits - logits.max(-1, keepdims=True)))
        return 1 - powers[..., 0] / powers.sum(-1)


class U2Net:
    """U2-Net as rembg runs it: 320x320, ImageNet's mean and deviation, the answer stretched to 0..1."""

    MEAN = np.array((0.485, 0.456, 0.406), np.float32)
    DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)

    def __init__(self, model: Path):
        if not model.is_file():
            raise InputError(f"{model} does not exist; --help says where rembg keeps u2net.onnx")
        try:
            self._network = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own kinds of error have no common base
            raise InputError(f"{model} is not a readable .onnx model") from error
        self._in = self._network.get_inputs()[0].name

    def __call__(self, image: np.ndarray) -> np.ndarray:
        x = cv2.resize(image, (320, 320), interpolation=cv2.INTER_LANCZOS4).astype(np.float32)
        x = (x / max(x.max(), 1.0) - self.MEAN) / self.DEVIATION
        y = self._network.run(None, {self._in: x.transpose(2, 0, 1)[None]})[0][0, 0]
        y = (y - y.min()) / max(y.max() - y.min(), 1e-6)
        return cv2.resize(y, image.shape[1::-1], interpolation=cv2.INTER_LANCZOS4).clip(0, 1)


@dataclass(frozen=True)
class Timing:
    """What a run took."""

    fps: float
    matte_ms: float | None = None
    """A frame's alpha alone, from the picture to alpha in its size."""


def over(image: np.ndarray, alpha: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """[H, W, 3] uint8 over a colour, in numpy."""
    alpha = alpha[..., None]
    return (alpha * image + (1 - alpha) * np.array(colour, np.float32)).astype(np.uint8)


def composite_loop(clip: Path, target: Path, matte: Matte) -> Timing:
    """Decode, matte, blend over green, encode as H.264 with shm-stream's settings; no sound. A matte that has `over`
    blends itself."""
    blend = getattr(matte, "over", over)
    began, matting, frames = time.perf_counter(), 0.0, 0
    with av.open(str(clip)) as source, av.open(str(target), "w") as out:
        video = source.streams.video[0]
        video.thread_type = "AUTO"
        stream = out.add_stream("libx264", rate=video.average_rate, options=dict(SETTINGS["libx264"]))
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for frame in source.decode(video):
            image = frame.to_ndarray(format="rgb24")
            start = time.perf_counter()
            alpha = matte(image)
            matting += time.perf_counter() - start
            picture = av.VideoFrame.from_ndarray(blend(image, alpha, GREEN), format="rgb24")
            picture.pts, picture.time_base = frame.pts, frame.time_base
            out.mux(stream.encode(picture))
            frames += 1
        out.mux(stream.encode(None))
    return Timing(frames / (time.perf_counter() - began), 1e3 * matting / frames)


def whole_process(words: list[str], folder: Path | None = None) -> float:
    """Seconds of a command in `folder`, its start included. Raises ShmStreamError with its last words if it fails."""
    began = time.perf_counter()
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, errors="replace")
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ShmStreamError(f"`{shlex.join(words)}` ended with code {done.returncode}: {last}")
    return seconds


def rvm_words(checkout: Path, clip: Path, target: Path, more: str) -> list[str]:
    """The command that runs the user's Robust Video Matting. Raises InputError where something is missing."""
    if not (checkout / "inference.py").is_file():
        raise InputError(f"{checkout} holds no inference.py; give a checkout of RobustVideoMatting")
    try:
        options = [*shlex.split(RVM_OPTIONS), "--checkpoint", RVM_CHECKPOINT, *shlex.split(more)]  # the last one counts
    except ValueError as error:
        raise InputError(f"--rvm-args {more!r} cannot be split into options: {error}") from error
    parser = Parser(prog="bench_peers.py", add_help=False)
    parser.add_argument("--checkpoint")
    weights = checkout / parser.parse_known_args(options)[0].checkpoint
    if not weights.is_file():
        raise InputError(f"{weights} does not exist; put {RVM_CHECKPOINT} there or give --rvm-args '--checkpoint FILE'")
    files = ["--input-source", str(clip.absolute()), "--output-composition", str(target.absolute())]
    return [sys.executable, "inference.py", *options, *files]
