"""Test clips and pictures, made with PyAV and NumPy alone so that they do not depend on the code under test."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

PALETTE = np.array(
    [(200, 40, 40), (40, 180, 60), (40, 60, 200), (230, 200, 50), (90, 90, 90), (220, 220, 220), (20, 20, 20),
     (180, 70, 190)], np.uint8
)  # fmt: skip
COEFFICIENTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # matrix → (Kr, Kb)


def palette_picture(width: int, height: int, shift: int = 0) -> np.ndarray:
    """[height, width, 3] uint8: eight vertical bars of known colours, rotated by `shift` places."""
    columns = (np.arange(width) * len(PALETTE) // width + shift) % len(PALETTE)
    return np.broadcast_to(PALETTE[columns], (height, width, 3)).copy()


def numbered_picture(number: int, width: int = 96, height: int = 64) -> np.ndarray:
    """[height, width, 3] uint8 grey picture whose level says which one it is (`picture_number` reads it)."""
    return np.full((height, width, 3), 20 + number * 4 % 220, np.uint8)


def picture_number(pixels: np.ndarray) -> int:
    return round((float(pixels.mean()) - 20) / 4)


def to_yuv(rgb: np.ndarray, matrix: int, full: bool) -> np.ndarray:
    """[H, W, 3] uint8 RGB → [3, H, W] uint8 Y, Cb, Cr by the formulas of H.273, in float64."""
    kr, kb = COEFFICIENTS[matrix]
    r, g, b = np.moveaxis(rgb.astype(np.float64), -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    planes = [y, (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))]
    if not full:
        planes = [planes[0] * 219 / 255 + 16, planes[1] * 224 / 255, planes[2] * 224 / 255]
    return np.clip(np.rint([planes[0], planes[1] + 128, planes[2] + 128]), 0, 255).astype(np.uint8)


def yuv_frame(rgb: np.ndarray, pix_fmt: str, matrix: int, full: bool) -> av.VideoFrame:
    """A frame of planar YUV with 8 or 10 bits; chroma is the top left sample of each block."""
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pix_fmt)
    rows_apart, columns_apart = 2 if "420" in pix_fmt else 1, 1 if "444" in pix_fmt else 2
    for index, (plane, values) in enumerate(zip(frame.planes, to_yuv(rgb, matrix, full), strict=True)):
        values = values[::rows_apart, ::columns_apart] if index else values
        if "10" in pix_fmt:
            values = values.astype(np.uint16) * 4
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
        rows[:, : plane.width * values.itemsize] = np.ascontiguousarray(values).view(np.uint8)
    return frame


def write_video(
    path: Path, pictures, *, pts=None, time_base=Fraction(1, 25), codec="libx264", pix_fmt="yuv444p", options=None,
    matrix=1, full=False, tagged=True, rotation=0, flips=(), aspect=None, audio=(), last_duration=1, gop=12,
) -> Path:  # fmt: skip
    """Encode `pictures` ([H, W, 3] uint8 each).

    `audio`: (codec, seconds, start seconds) for each audio stream, and the layout where it is not stereo.
    """
    pictures = list(pictures)
    pts = list(range(len(pictures))) if pts is None else pts
    options = {"crf": "8", "g": str(gop), "preset": "ultrafast", "bf": "0"} if options is None else options
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pix_fmt
        context = stream.codec_context
        stream.time_base = context.time_base = time_base
        context.flags |= av.codec.context.Flags.frame_duration
        if tagged:
            context.colorspace, context.color_range = matrix, 2 if full else 1
            context.color_primaries = context.color_trc = 9 if matrix == 9 else matrix
        if aspect:
            context.sample_aspect_ratio = aspect
        if rotation or flips:
            stream.set_display_rotation(rotation, *flips)
        sounds = [
            (container.add_stream(name, rate=48000, layout=layout[0] if layout else "stereo"), seconds, start)
            for name, seconds, start, *layout in audio
        ]
        for sound, _, _ in sounds:
            sound.metadata.update(language="deu", title="Sound")
        packets = []
        for index, picture in enumerate(pictures):
            frame = yuv_frame(picture, pix_fmt, matrix, full)
            following = pts[index + 1] if index + 1 < len(pts) else pts[index] + last_duration
            frame.pts, frame.time_base, frame.duration = pts[index], time_base, following - pts[index]
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for sound, seconds, start in sounds:
            packets += encode_tone(sound, seconds, start)
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        container.mux(packets)
    return path


def encode_tone(stream, seconds: float, start: float) -> list:
    """Packets of a rising tone, `start` seconds into the file."""
    rate = 48000
    time = np.arange(int(seconds * rate)) / rate
    tone = (np.sin(2 * np.pi * (300 + 200 * time) * time) * 8000).astype(np.int16)
    packets, resampler = [], av.AudioResampler(format=stream.format, layout=stream.layout, rate=rate, frame_size=1024)
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None], format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for position, part in enumerate(resampler.resample(frame)):
        part.pts, part.time_base = round(start * rate) + position * 1024, Fraction(1, rate)
        packets += stream.encode(part)
    return packets + stream.encode(None)


def audio_packets(path: Path, stream: int = 0) -> list[tuple[Fraction, str]]:
    """(time in seconds, hash of the bytes) of each audio packet."""
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[stream])
        return [
            (packet.pts * packet.time_base, hashlib.sha256(bytes(packet)).hexdigest())
            for packet in packets
            if packet.dts is not None
        ]


def audio_layouts(path: Path) -> list[str]:
    """How the channels of each audio stream are arranged."""
    with av.open(str(path)) as container:
        return [stream.layout.name for stream in container.streams.audio]


def video_times(path: Path) -> list[Fraction]:
    """When each picture is shown, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def read_pictures(path: Path, decoder: str | None = None) -> list[av.VideoFrame]:
    """Every frame as PyAV decodes it; `decoder` names another than the default one."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return list(container.decode(stream))
        context = av.CodecContext.create(decoder, "r")
        frames = [frame for packet in container.demux(stream) if packet.size for frame in context.decode(packet)]
        return frames + context.decode(None)


def video_facts(path: Path) -> dict:
    """Size, sample aspect ratio and colour tags as a reader sees them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return {
            "size": (frame.width, frame.height),
            "aspect": stream.sample_aspect_ratio,
            "tags": (int(frame.colorspace), int(frame.color_range), int(frame.color_primaries), int(frame.color_trc)),
            "duration": container.duration / 1e6,
            "format": frame.format.name,
            "codec": stream.codec_context.name,
            "audio": len(container.streams.audio),
        }
