"""Arrays to and from FFmpeg's frames, with the matrix and range that `ColourTags` names.

The usual 8-bit planar formats go through OpenCV: rounded to the nearest level, where libswscale's quick path is on
average 1.3 levels too dark. Every other format goes through libswscale with its accurate flags. Chroma is
averaged and interpolated about the middle of each 2x2 block in both directions, so a round trip moves nothing.
"""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from .colour import FULL, LIMITED, SWSCALE_MATRIX, ColourTags, rgb_from_yuv, yuv_from_rgb
from .yuv_planes import YuvPlanes

BAND = 120
"""Rows converted at a time (even): the steps between then stay in the cache, which is 2.5 times quicker at 1080p."""
SITED = {"yuv420p": 1, "yuvj420p": 1, "nv12": 2}
"""Formats that `YuvPlanes` holds as they are → samples side by side in their chroma planes."""
PLANAR = frozenset({"yuv422p", "yuvj422p", "yuv444p", "yuvj444p"})
ACCURATE = (
    Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


def plane_view(plane, channels: int = 1, dtype=np.uint8) -> np.ndarray:
    """A writable view of a frame's plane: [h, w] or [h, w, channels]. Valid while the frame lives."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
    pixels = rows[:, : plane.width * channels * np.dtype(dtype).itemsize].view(dtype)
    return pixels if channels == 1 else pixels.reshape(plane.height, plane.width, channels)


def planes_of(frame: av.VideoFrame, tags: ColourTags) -> YuvPlanes | None:
    """The frame's own memory, or None when its format is not one of SITED."""
    samples = SITED.get(frame.format.name)
    if samples is None:
        return None
    luma, *chroma = frame.planes
    return YuvPlanes(plane_view(luma), tuple(plane_view(plane, samples) for plane in chroma), tags, frame)


def new_planes(height: int, width: int, tags: ColourTags) -> YuvPlanes:
    """Planes to write to, of a new yuv420p frame that an encoder takes without copying. Their content is undefined,
    and the frame itself is not tagged yet."""
    return planes_of(av.VideoFrame(width, height, "yuv420p"), tags)


def rgb_from_planes(planes: YuvPlanes) -> np.ndarray:
    """[H, W, 3] uint8 RGB, a fresh array."""
    return _rgb_from_planes([planes.y, *planes.chroma], planes.size[::-1], rgb_from_yuv(planes.tags))


def planes_from_rgb(pixels: np.ndarray, tags: ColourTags) -> YuvPlanes:
    """[H, W, 3] uint8 RGB → planes of a new yuv420p frame."""
    return planes_of(frame_from_rgb(pixels, "yuv420p", tags), tags)


def frame_to_rgb(frame: av.VideoFrame, tags: ColourTags, reformatter: VideoReformatter) -> np.ndarray:
    """[H, W, 3] uint8 RGB, a fresh array. `reformatter` is kept by the caller from frame to frame."""
    planes = planes_of(frame, tags)
    if planes is not None:
        return rgb_from_planes(planes)
    if frame.format.name not in PLANAR:
        return _rgb_by_swscale(frame, tags, reformatter)
    views = [plane_view(plane) for plane in frame.planes]
    return _rgb_from_planes(views, (frame.width, frame.height), rgb_from_yuv(tags))


def _rgb_from_planes(planes: list[np.ndarray], size: tuple[int, int], matrix: np.ndarray) -> np.ndarray:
    """Luma plane and one or two chroma planes of any size → [H, W, 3] uint8 RGB."""
    width, height = size
    rgb = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height))
        chroma = [_enlarged_rows(plane, rows, size) for plane in planes[1:]]
        yuv = cv2.merge([planes[0][rows], *chroma])  # [rows, W, 3] uint8
        cv2.transform(yuv, matrix, rgb[rows])
    return rgb


def _enlarged_rows(chroma: np.ndarray, rows: slice, size: tuple[int, int]) -> np.ndarray:
    """`rows` of a chroma plane interpolated to (width, height); odd sizes lose half of the last sample."""
    (width, height), (lines, columns) = size, chroma.shape[:2]
    step = 2 if lines < height else 1
    first, last = max(rows.start // step - 1, 0), min((rows.stop + 1) // step + 1, lines)
    part, shift = chroma[first:last], rows.start - first * step
    if (columns, step) != (width, 1):
        enlarged = (columns * 2 if columns < width else columns, part.shape[0] * step)
        part = cv2.resize(part, enlarged, interpolation=cv2.INTER_LINEAR)
    return part[shift : shift + rows.stop - rows.start, :width]


def _rgb_by_swscale(frame: av.VideoFrame, tags: ColourTags, reformatter: VideoReformatter) -> np.ndarray:
    options = {}
    if not (frame.format.is_rgb or frame.format.has_palette):
        matrix = SWSCALE_MATRIX[tags.matrix]
        options = {"src_colorspace": matrix, "src_color_range": tags.range, "dst_color_range": FULL}
    rgb = reformatter.reformat(frame, format="rgb24", interpolation=ACCURATE, threads=1, **options)
    return np.ascontiguousarray(plane_view(rgb.planes[0], 3))


def frame_from_rgb(pixels: np.ndarray, pix_fmt: str, tags: ColourTags) -> av.VideoFrame:
    """[H, W, 3] RGB or [H, W, 4] straight RGBA uint8 → a new frame of `pix_fmt` that shares no memory with it."""
    if pix_fmt in ("yuv420p", "yuv444p"):
        frame = _planar(pixels, pix_fmt, tags)
    elif pix_fmt == "yuva420p":
        frame = _planar(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), pix_fmt, tags)
        plane_view(frame.planes[3])[...] = pixels[..., 3]
    else:
        frame = _by_swscale(pixels, pix_fmt, tags)
    return set_tags(frame, tags)


def frame_from_grey(grey: np.ndarray, pix_fmt: str, tags: ColourTags) -> av.VideoFrame:
    """[H, W] uint8, 0 black to 255 white → a new grey frame of `pix_fmt`."""
    if pix_fmt not in ("yuv420p", "yuv444p"):
        return frame_from_rgb(cv2.merge([grey, grey, grey]), pix_fmt, tags)
    frame = av.VideoFrame(grey.shape[1], grey.shape[0], pix_fmt)
    levels = np.arange(256) if tags.range == FULL else np.rint(16 + np.arange(256) * (219 / 255))
    plane_view(frame.planes[0])[...] = cv2.LUT(grey, levels.astype(np.uint8))
    for plane in frame.planes[1:]:
        plane_view(plane)[...] = 128
    return set_tags(frame, tags)


def set_tags(frame: av.VideoFrame, tags: ColourTags) -> av.VideoFrame:
    """Some encoders (ProRes) read the tags from each frame, not from the stream."""
    if not frame.format.is_rgb:
        frame.colorspace, frame.color_range = tags.matrix, tags.range
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame


def _planar(rgb: np.ndarray, pix_fmt: str, tags: ColourTags) -> av.VideoFrame:
    """[H, W, 3] uint8 → yuv420p, yuv444p or yuva420p (its alpha plane is left to the caller)."""
    frame = av.VideoFrame(rgb.shape[1], rgb.shape[0], pix_fmt)
    views = [plane_view(plane) for plane in frame.planes][:3]
    matrix, step = yuv_from_rgb(tags), 1 if pix_fmt == "yuv444p" else 2
    for top in range(0, rgb.shape[0], BAND):
        luma, *chroma = cv2.split(cv2.transform(rgb[top : top + BAND], matrix))
        views[0][top : top + BAND] = luma
        for view, values in zip(views[1:], chroma, strict=True):
            view[top // step : (top + BAND) // step] = values if step == 1 else _halved(values)
    return frame


def _halved(plane: np.ndarray) -> np.ndarray:
    """Mean of each 2x2 block; odd sizes repeat the last row or column."""
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)


def _by_swscale(pixels: np.ndarray, pix_fmt: str, tags: ColourTags) -> av.VideoFrame:
    source = av.VideoFrame.from_ndarray(pixels, "rgba" if pixels.shape[2] == 4 else "rgb24")
    if source.format.name == pix_fmt:
        return source
    options = {}
    if not av.VideoFormat(pix_fmt).is_rgb:
        matrix = SWSCALE_MATRIX[tags.matrix]
        options = {"dst_colorspace": matrix, "src_color_range": FULL, "dst_color_range": tags.range}
    frame = source.reformat(format=pix_fmt, **options)
    if pix_fmt == "yuva444p10le":  # libswscale widens 255 to 1020; opaque must stay opaque
        plane_view(frame.planes[3], dtype=np.uint16)[...] = np.rint(pixels[..., 3] * np.float32(1023 / 255))
    return frame


def limited(tags: ColourTags) -> ColourTags:
    """The same tags in limited range, for what knows no other (ProRes, grey mattes)."""
    return ColourTags(tags.matrix, LIMITED, tags.primaries, tags.transfer)
