"""A runner without networks, and clips whose frames carry their number."""

from __future__ import annotations

import signal
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK = 16
BITS = 8
SLOW_COMMAND = """
import sys, time
sys.path.insert(0, {tests!r})
from stand_ins import StandInRunner
from shm_stream import cli, engine_choice
class Slow(StandInRunner):
    def mnet(self, x):
        time.sleep({seconds})
        return super().mnet(x)
engine_choice.load_runner = lambda *arguments: Slow()
sys.exit(cli.main())
"""


class StandInRunner:
    """Says the same about every pixel: M-Net's `alpha_raw`, or foreground at once when not `unknown`."""

    name = "stand-in"
    device = "cpu"
    halo = 8
    multiple = 4

    def __init__(self, *, unknown: bool = True, alpha_raw: float = 1.0):
        self.unknown = unknown
        self.alpha_raw = alpha_raw
        self.tnet_inputs: list[np.ndarray] = []
        self.mnet_shapes: list[tuple[int, ...]] = []

    def tnet(self, x: np.ndarray) -> np.ndarray:
        self.tnet_inputs.append(x.copy())
        logits = np.full((3, x.shape[2] // 4, x.shape[3] // 4), -50, np.float32)
        logits[2 if self.unknown else 0] = 50
        return logits

    def mnet(self, x: np.ndarray) -> np.ndarray:
        self.mnet_shapes.append(x.shape)
        _, height, width = x.shape
        return np.full((height - 2 * self.halo, width - 2 * self.halo), self.alpha_raw, np.float32)


def slow_command(seconds: float) -> list[str]:
    """The words that start `shm-stream` with a StandInRunner whose M-Net takes that long; arguments follow."""
    return [sys.executable, "-c", SLOW_COMMAND.format(tests=str(Path(__file__).parent), seconds=seconds)]


def default_signals() -> None:
    """For a process to be interrupted, also where the tests were started with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def numbered_frame(number: int, height: int = 48, width: int = BITS * BLOCK) -> np.ndarray:
    """[height, width, 3] uint8: `number` in binary, as eight black or white columns of BLOCK pixels."""
    bits = [255 * (number >> bit & 1) for bit in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8), BLOCK)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def frame_number(pixels: np.ndarray) -> int:
    """What `numbered_frame` wrote, read back from [H, W, 3] uint8."""
    middle = pixels[pixels.shape[0] // 2, BLOCK // 2 :: BLOCK, 0]
    return sum(int(level > 127) << bit for bit, level in enumerate(middle))


def write_clip(path: Path, pictures, rate: int = 25, codec: str = "libx264") -> Path:
    """Encode [H, W, 3] uint8 pictures into a video file."""
    with av.open(str(path), "w") as container:
        stream = None
        for index, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options={"crf": "10"})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered_clip(path: Path, count: int, **options) -> Path:
    return write_clip(path, (numbered_frame(number) for number in range(count)), **options)


def read_pictures(path: Path) -> list[np.ndarray]:
    """Every picture of a video as [H, W, 3] uint8."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def read_numbers(path: Path) -> list[int]:
    return [frame_number(picture) for picture in read_pictures(path)]
