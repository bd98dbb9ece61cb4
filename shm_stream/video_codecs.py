"""Which encoder, pixel format and settings a video output gets, tried out before any file is made."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from .colour import FULL, RGB, ColourTags
from .errors import InputError
from .fine_planes import depth_of
from .planes import limited
from .thread_priority import usual_priority

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
"""By extension. All but AVI keep every timestamp."""
OPAQUE_CODECS = {".webm": "libvpx-vp9", ".avi": "utvideo"}
FINE_CODEC = "libx265"
"""Instead of H.264 for sources of more than 8 bits: players know HEVC of 10 bits, hardly any H.264 of 10 bits."""
TRANSPARENT_CODECS = {".mov": "prores_ks", ".webm": "libvpx-vp9", ".mkv": "ffv1", ".avi": "utvideo"}
ALPHA_FORMATS = {
    "prores_ks": ("yuva444p10le",),
    "libvpx-vp9": ("yuva420p",),
    "ffv1": ("gbrap12le", "gbrap16le", "bgra"),
    "qtrle": ("argb",),
    "png": ("rgba",),
    "utvideo": ("gbrap",),
    "magicyuv": ("gbrap",),
}
"""Encoders that keep an alpha channel → the pixel formats that do, in order of preference."""
OPAQUE_FORMATS = (
    "yuv420p", "yuv444p", "yuv422p", "yuvj420p", "yuvj444p", "bgr0", "rgb24", "gbrp",
    "yuv420p10le", "yuv422p10le", "yuv444p10le", "gbrp10le", "yuv420p12le", "yuv422p12le", "yuv444p12le", "gbrp12le",
    "yuv420p16le", "yuv422p16le", "yuv444p16le", "gbrp16le",
)  # fmt: skip
"""In order of preference among those of one depth."""
SETTINGS = {
    "libx264": {"preset": "veryfast", "crf": "18"},
    "libx265": {"preset": "veryfast", "crf": "20", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "good", "cpu-used": "4", "row-mt": "1", "crf": "24"},
    "libsvtav1": {"preset": "8", "crf": "26"},
    "prores_ks": {"vendor": "apl0"},
    "h264_nvenc": {"preset": "p4", "rc": "vbr", "cq": "21"},
    "hevc_nvenc": {"preset": "p4", "rc": "vbr", "cq": "23"},
    "av1_nvenc": {"preset": "p4", "rc": "vbr", "cq": "28"},
}
QUALITY = {codec: "cq" for codec in SETTINGS if codec.endswith("_nvenc")}
"""What encoders call crf, if not so."""
ON_A_GPU = ("_nvenc", "_qsv", "_amf")
"""How the names of encoders end that need one."""
DEVICE_FORMAT = "cuda"
"""FFmpeg's name for pictures that are encoded where they lie."""
MOST_OF_SVT_AV1 = 6
"""Its levels of parallelism end there."""
APPLE_TAGS = {("libx265", "mp4"), ("libx265", "mov")}
"""Where HEVC is called hvc1: Apple's players do not open it as hev1, FFmpeg's own choice."""
KNOWN = "libx264, libx265, libvpx-vp9, libsvtav1, prores_ks, ffv1, qtrle, utvideo, magicyuv"


@dataclass(frozen=True)
class Encoding:
    """How to open the encoder and the container."""

    container: str
    codec: str
    pix_fmt: str
    options: dict[str, str]
    tags: ColourTags
    threads: int = 0
    """0: as many as the encoder likes."""


def with_threads(encoding: Encoding, threads: int) -> Encoding:
    """The same with that many threads: some encoders mean other things by FFmpeg's own number."""
    options = encoding.options
    if encoding.codec == "libx265":
        return replace(encoding, options=options | {"x265-params": f"{options['x265-params']}:pools={threads}"})
    if encoding.codec == "libsvtav1":
        return replace(encoding, options=options | {"svtav1-params": f"lp={min(threads, MOST_OF_SVT_AV1)}"})
    return replace(encoding, threads=threads)


def takes_device_frames(encoding: Encoding, size: tuple[int, int]) -> bool:
    """Whether the encoder reads 8-bit 4:2:0 pictures of `size` (width, height) from a GPU's memory, and PyAV hands them
    over."""
    known = encoding.codec in QUALITY and hasattr(av.VideoFrame, "from_dlpack")
    return known and encoding.pix_fmt == "yuv420p" and not any(side % 2 for side in size)


def container_of(path: Path) -> str:
    """FFmpeg's name of the container for an extension. Raises InputError for an unknown one."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        names = ", ".join(CONTAINERS)
        problem = f"cannot write {path}: unknown extension; use one of {names}, or end with / for a folder"
        raise InputError(problem) from None


def choose_encoding(path: Path, kind: str, size: tuple[int, int], tags: ColourTags, codec, crf, bits=None) -> Encoding:
    """Pick an encoding for `kind` and `size` (width, height) and try to open it. Raises InputError.

    `bits`: of each channel; the least depth that has so many is taken, else the greatest that the encoder knows. None
    means 8, and more for an alpha channel where the encoder has them.

    H.264 and H.265 cannot store odd sizes with 4:2:0 chroma; such videos get 4:4:4 (yuv444p), which keeps the exact
    size but is not played by every browser.
    """
    container = container_of(path)
    codec = _encoder_name(codec or _default_codec(path, kind, bits))
    pix_fmts = _alpha_formats(codec) if kind == "transparent" else _opaque_formats(codec)
    if kind != "transparent" or bits is not None:
        pix_fmts = sorted(pix_fmts, key=lambda pix_fmt: _misfit(depth_of(pix_fmt), bits or 8))
    options = dict(SETTINGS.get(codec, {}))
    if crf is not None:
        options[QUALITY.get(codec, "crf")] = _checked_crf(codec, options, crf)
    problem = None
    for pix_fmt in pix_fmts:
        encoding = Encoding(container, codec, pix_fmt, options, _tags_for(codec, pix_fmt, kind, tags))
        try:
            _try_out(encoding, size)
            return encoding
        except (av.FFmpegError, ValueError) as error:
            problem = problem or error
    if codec.endswith(ON_A_GPU) and isinstance(problem, (av.PermissionError, av.ExternalError)):
        raise InputError(f"{codec} cannot be used: its driver or the GPU is missing; choose another codec")
    width, height = size
    raise InputError(
        f"{codec} cannot write {width}x{height} video into {path.suffix}: {_reason(problem)}; choose another codec "
        f"or extension"
    )


def add_video_stream(container, encoding: Encoding, size: tuple[int, int], rate: Fraction):
    """An encoder's stream in an output container, not opened yet."""
    stream = container.add_stream(encoding.codec, rate=rate.limit_denominator(1 << 20), options=dict(encoding.options))
    stream.width, stream.height = size
    stream.pix_fmt = encoding.pix_fmt
    context = stream.codec_context
    if (encoding.codec, encoding.container) in APPLE_TAGS:
        context.codec_tag = "hvc1"
    context.thread_count = encoding.threads
    context.bit_rate = 0  # quality decides
    context.max_b_frames = 0  # with B-frames mp4 loses the last frame's duration when the rate varies
    context.flags |= av.codec.context.Flags.frame_duration
    context.colorspace, context.color_range = encoding.tags.matrix, encoding.tags.range
    context.color_primaries, context.color_trc = encoding.tags.primaries, encoding.tags.transfer
    return stream


def _misfit(depth: int, bits: int) -> tuple[int, int]:
    """Missing bits are worse than spare ones."""
    return max(0, bits - depth), max(0, depth - bits)


def _default_codec(path: Path, kind: str, bits: int | None) -> str:
    suffix = path.suffix.lower()
    if kind != "transparent":
        return OPAQUE_CODECS.get(suffix, "libx264" if bits in (None, 8) else FINE_CODEC)
    if suffix not in TRANSPARENT_CODECS:
        raise InputError(
            f"{suffix} video has no transparency; use .mov (ProRes 4444), .webm (VP9), .mkv (FFV1), .avi (Ut Video), "
            f"or pictures such as shot.%04d.exr"
        )
    return TRANSPARENT_CODECS[suffix]


def _encoder_name(codec: str) -> str:
    try:
        found = av.codec.Codec(codec, "w")
    except ValueError:
        raise InputError(f"unknown video codec {codec!r}; some that exist: {KNOWN}") from None
    if found.type != "video":
        raise InputError(f"{codec!r} is not a video codec; some that are: {KNOWN}")
    if found.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # this library writes its settings to stderr otherwise
    return found.name


def _alpha_formats(codec: str) -> list[str]:
    if codec not in ALPHA_FORMATS:
        raise InputError(f"codec {codec} keeps no transparency; use one of {', '.join(ALPHA_FORMATS)}")
    return list(ALPHA_FORMATS[codec])


def _opaque_formats(codec: str) -> list[str]:
    offered = {pix_fmt.name for pix_fmt in av.codec.Codec(codec, "w").video_formats or []}
    usable = [pix_fmt for pix_fmt in OPAQUE_FORMATS if pix_fmt in offered]
    if not usable:
        raise InputError(f"codec {codec} takes none of the usual pixel formats; use one of {KNOWN}")
    return usable


def _checked_crf(codec: str, options: dict[str, str], crf) -> str:
    if QUALITY.get(codec, "crf") not in options:
        raise InputError(f"codec {codec} has no quality setting (crf); leave it out")
    if not 0 <= crf <= 63:
        raise InputError(f"crf {crf} is out of range; give 0 (best) to 63, 18 looks like the source with H.264")
    return str(crf)


def _tags_for(codec: str, pix_fmt: str, kind: str, tags: ColourTags) -> ColourTags:
    if av.VideoFormat(pix_fmt).is_rgb:
        return replace(tags, matrix=RGB, range=FULL)
    if pix_fmt.startswith("yuvj"):
        return replace(tags, range=FULL)
    return limited(tags) if kind == "alpha" or codec == "prores_ks" else tags


def _try_out(encoding: Encoding, size: tuple[int, int]) -> None:
    """Open the encoder for a container in memory. Raises what PyAV raises."""
    with av.open(io.BytesIO(), "w", format=encoding.container) as container:
        stream = add_video_stream(container, encoding, size, Fraction(25))
        stream.codec_context.time_base = Fraction(1, 25)
        with usual_priority(encoding.codec):
            stream.codec_context.open(strict=False)


def _reason(error: Exception | None) -> str:
    return getattr(error, "strerror", None) or str(error)
