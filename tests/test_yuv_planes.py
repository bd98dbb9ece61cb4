"""Planes as decoders give them: views, conversion when it is asked for, and which frames come as planes at all."""

from __future__ import annotations

import functools
import gc
import itertools
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from media import palette_picture, to_yuv, write_video

from shm_stream import planes as planes_module
from shm_stream.colour import ColourTags, rgb_from_yuv, yuv_from_rgb
from shm_stream.frame import Frame
from shm_stream.orientation import Orientation
from shm_stream.planes import frame_to_rgb, new_planes, planes_from_rgb, planes_of
from shm_stream.recolour import recoloured
from shm_stream.reduce import reduce_picture, reduce_to_rgb
from shm_stream.source import open_source
from shm_stream.yuv_planes import YuvPlanes

pytestmark = pytest.mark.timeout(60)
WEBCAM = Path(__file__).resolve().parents[1] / "examples" / "webcam.mkv"
TAGS = ColourTags(1, 1)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "nv12"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (1, 1), (2, 3)])
def test_planes_are_views_of_the_frame(pix_fmt, size):
    frame = av.VideoFrame.from_ndarray(palette_picture(*size), "rgb24").reformat(format=pix_fmt)
    planes = planes_of(frame, TAGS)
    sites = ((size[1] + 1) // 2, (size[0] + 1) // 2)
    assert planes.size == size[::-1] and planes.u.shape == planes.v.shape == sites
    assert planes.interleaved == (pix_fmt == "nv12")
    assert (
        planes.y.ctypes.data == frame.planes[0].buffer_ptr
        and planes.chroma[0].ctypes.data == frame.planes[1].buffer_ptr
    )
    np.testing.assert_array_equal(planes_module.rgb_from_planes(planes), frame_to_rgb(frame, TAGS, VideoReformatter()))


def test_other_formats_have_no_planes():
    picture = palette_picture(64, 48)
    for pix_fmt in ("yuv444p", "yuv422p", "yuv420p10le", "rgb24", "gray", "yuva420p"):
        assert planes_of(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=pix_fmt), TAGS) is None


def test_memory_lives_as_long_as_its_planes():
    """Views of decoded frames stay what they were, however many frames the decoder gives after them."""
    kept = [(frame.picture, frame.picture.y.copy()) for frame in open_source(WEBCAM, max_frames=40)]
    gc.collect()
    for planes, luma in kept:
        np.testing.assert_array_equal(planes.y, luma)
    luma, *_ = (planes.y for planes, _ in kept)
    expected = luma.copy()
    del kept, planes
    gc.collect()
    np.testing.assert_array_equal(luma, expected)


@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_new_planes_are_what_an_encoder_takes(size):
    width, height = size
    planes = planes_from_rgb(palette_picture(*size), ColourTags(9, 2))
    assert planes.frame.format.name == "yuv420p" and (planes.frame.width, planes.frame.height) == size
    assert (int(planes.frame.colorspace), int(planes.frame.color_range)) == (9, 2)
    expected = to_yuv(palette_picture(*size), 9, True)
    assert np.abs(planes.y.astype(int) - expected[0]).max() <= 1
    assert not np.shares_memory(planes.y, new_planes(height, width, TAGS).y)


def test_rgb_is_made_once_and_only_when_asked_for(monkeypatch):
    made = []
    convert = planes_module.rgb_from_planes
    monkeypatch.setattr("shm_stream.frame.rgb_from_planes", lambda planes: made.append(planes) or convert(planes))
    frame = next(iter(open_source(WEBCAM)))
    assert isinstance(frame.picture, YuvPlanes) and frame.planes is frame.picture
    assert frame.size == (480, 640) and not made
    assert frame.pixels is frame.pixels and len(made) == 1 and frame.pixels.shape == (480, 640, 3)
    pixels = np.zeros((4, 5, 3), np.uint8)
    still = Frame(pixels, 0, 0, 1, 1)
    assert still.pixels is pixels and still.planes is None and still.size == (4, 5) and len(made) == 1


@pytest.mark.parametrize(
    ("options", "planar"),
    [
        ({"pix_fmt": "yuv420p"}, True),
        ({"pix_fmt": "yuv420p", "rotation": 90}, True),
        ({"pix_fmt": "yuv420p", "rotation": 180, "flips": (True, False)}, True),
        ({"pix_fmt": "yuv444p"}, False),
        ({"pix_fmt": "yuv420p10le", "codec": "ffv1", "options": {}}, False),
    ],
)
def test_which_frames_come_as_planes(tmp_path, options, planar):
    source = open_source(write_video(tmp_path / "a.mp4" if "codec" not in options else tmp_path / "a.mkv",
                                     [palette_picture(96, 64)] * 2, **options))  # fmt: skip
    frames = list(source)
    assert source.planar == planar and [frame.planes is not None for frame in frames] == [planar] * 2
    assert frames[0].size == (source.height, source.width) == frames[0].pixels.shape[:2]


def turned_frames(path, pictures, monkeypatch, **options):
    """(source, frames as they come, the same through RGB) of a clip with a display matrix."""
    path = write_video(path, pictures, pix_fmt="yuv420p", **options)
    source = open_source(path)
    frames = list(source)
    monkeypatch.setattr("shm_stream.upright.planes_of", lambda *_: None)
    return source, frames, list(open_source(path))


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flips", [(False, False), (True, False)])
@pytest.mark.parametrize("full", [False, True])
def test_turned_planes_are_what_is_turned_in_rgb(tmp_path, monkeypatch, rotation, flips, full):
    """Bit for bit where rows stay rows. Else chroma is interpolated in another order and may round to the next step,
    which is up to 2.1 steps of blue, because it counts as lying in the middle of its sites whichever way they turn."""
    pixels = cv2.resize(next(iter(open_source(WEBCAM))).pixels, (160, 96), interpolation=cv2.INTER_AREA)
    source, turned, through_rgb = turned_frames(
        tmp_path / "t.mp4", [pixels] * 2, monkeypatch, rotation=rotation, flips=flips, full=full
    )
    assert source.planar and all(frame.planes is None for frame in through_rgb)
    for frame, other in zip(turned, through_rgb, strict=True):
        assert frame.size == other.size == (source.height, source.width)
        difference = np.abs(frame.pixels.astype(int) - other.pixels)
        assert difference.max() <= (3 if rotation in (90, 270) else 0) and difference.mean() < 0.1


@pytest.mark.parametrize(
    ("size", "rotation", "planar"),
    [
        ((95, 64), 90, False),  # the last column, whose sites have one pixel, would come first
        ((95, 64), 270, True),
        ((96, 63), 90, True),
        ((96, 63), 270, False),
        ((95, 63), 180, False),
        ((95, 64), 180, False),
    ],
)
def test_odd_sides_stay_planes_where_sites_fall_on_sites(tmp_path, monkeypatch, size, rotation, planar):
    picture = cv2.GaussianBlur(palette_picture(*size), (0, 0), 3)
    source, turned, through_rgb = turned_frames(
        tmp_path / "t.mkv", [picture] * 2, monkeypatch, rotation=rotation, codec="ffv1", options={}
    )
    assert source.planar == planar and [frame.planes is not None for frame in turned] == [planar] * 2
    difference = np.abs(turned[0].pixels.astype(int) - through_rgb[0].pixels)
    assert difference.max() <= 3 and turned[0].size == through_rgb[0].size


def test_both_chroma_planes_of_nv12_turn_together():
    planes = planes_of(av.VideoFrame.from_ndarray(palette_picture(64, 48), "rgb24").reformat(format="nv12"), TAGS)
    orientation = Orientation(transposed=True, flipped=True)
    turned = orientation.turned_planes(planes)
    assert turned.interleaved and turned.u.shape == (32, 24) and turned.tags == TAGS and turned.frame is None
    for name in ("y", "u", "v"):
        np.testing.assert_array_equal(getattr(turned, name), np.rot90(getattr(planes, name)))


def test_a_change_of_size_in_mid_stream_is_rgb(tmp_path):
    """MPEG-TS holds pieces of different sizes one after the other."""
    pieces = [
        write_video(tmp_path / f"{width}.ts", [palette_picture(width, 64)] * 4, pix_fmt="yuv420p")
        for width in (96, 128)
    ]
    (tmp_path / "both.ts").write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    source = open_source(tmp_path / "both.ts")
    frames = list(source)
    assert source.planar and len(frames) == 8
    assert [frame.planes is not None for frame in frames] == [True] * 4 + [False] * 4
    assert {frame.size for frame in frames} == {(64, 96)}


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (1081, 1919), (2160, 3840), (100, 150)])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12"])
def test_t_net_reads_the_same_from_planes_as_from_rgb(size, pix_fmt):
    """A real frame at several sizes, measured: 0.3 steps apart on average, 0.5 where chroma has to be enlarged."""
    pixels = next(iter(open_source(WEBCAM))).pixels
    pixels = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC)
    planes = planes_from_rgb(pixels, TAGS)
    if pix_fmt == "nv12":
        planes = planes_of(planes.frame.reformat(format="nv12"), TAGS)
    made, enlarged = reduce_to_rgb(planes, 224, 288).astype(int), size[0] < 448
    difference = made - reduce_picture(planes_module.rgb_from_planes(planes), 224, 288)
    assert made.shape == (224, 288, 3)
    assert np.abs(difference).mean() < (0.6 if enlarged else 0.4) and np.abs(difference.mean((0, 1))).max() < 0.35
    assert np.percentile(np.abs(difference), 99.9) <= (12 if enlarged else 6)


def test_grey_has_no_colour_in_any_range():
    for colour_range in (1, 2):
        tags = ColourTags(1, colour_range)
        planes = planes_from_rgb(np.full((64, 64, 3), 130, np.uint8), tags)
        assert np.abs(reduce_to_rgb(planes, 32, 32).astype(int) - 130).max() <= 1
        assert np.abs(rgb_from_yuv(tags) @ (*(int(p[0, 0]) for p in (planes.y, planes.u, planes.v)), 1) - 130).max() < 1


@functools.cache
def webcam_picture() -> np.ndarray:
    return next(iter(open_source(WEBCAM))).pixels


def changed_exactly(planes: YuvPlanes, tags: ColourTags) -> list[np.ndarray]:
    """Y, U and V of the same colours by the formulas of H.273 in float64."""
    forward, inverse = yuv_from_rgb(tags), rgb_from_yuv(planes.tags)
    height, width = planes.size
    twice = (planes.u.shape[1] * 2, planes.u.shape[0] * 2)
    u, v = (cv2.resize(np.float64(part), twice, interpolation=cv2.INTER_LINEAR)[:height, :width]
            for part in (planes.u, planes.v))  # fmt: skip
    sites = np.full(planes.u.shape, 128.0), planes.u, planes.v  # chroma does not depend on luma
    made = []
    for given in ((planes.y, u, v), sites):
        rgb = np.einsum("ck,khw->chw", inverse, np.stack([*given, np.ones(given[0].shape)]))
        made.append(np.einsum("ck,khw->chw", forward[:, :3], rgb) + forward[:, 3, None, None])
    return [made[0][0], made[1][1], made[1][2]]


NUMBERS = [(1, 1), (6, 1), (9, 1), (1, 2), (6, 2), (9, 2)]


@pytest.mark.parametrize(("given", "wanted"), [*itertools.permutations(NUMBERS, 2)])
@pytest.mark.parametrize(("size", "pix_fmt"), [((320, 240), "yuv420p"), ((161, 97), "nv12"), ((1, 1), "yuv420p")])
def test_another_matrix_or_range_needs_no_rgb(given, wanted, size, pix_fmt):
    """A step off the exact values at most. The way through RGB is up to two off, for it rounds twice."""
    pixels = cv2.resize(webcam_picture(), size, interpolation=cv2.INTER_AREA)
    planes, tags = planes_from_rgb(pixels, ColourTags(*given)), ColourTags(*wanted)
    if pix_fmt == "nv12":
        planes = planes_of(planes.frame.reformat(format="nv12"), planes.tags)
    made, through_rgb = recoloured(planes, tags), planes_from_rgb(planes_module.rgb_from_planes(planes), tags)
    assert made.tags == tags and made.size == planes.size
    for name, exact in zip("yuv", changed_exactly(planes, tags)):
        assert np.abs(getattr(made, name) - exact).max() <= (1 if name == "y" else 0.51)
        assert np.abs(getattr(made, name).astype(int) - getattr(through_rgb, name)).mean() <= 1  # it blurs chroma
    into = new_planes(*planes.size, tags)
    assert recoloured(planes, tags, into) is into
    for name in "yuv":
        np.testing.assert_array_equal(getattr(into, name), getattr(made, name))


def test_extremes_are_cut_off_and_not_wrapped_around():
    planes = new_planes(4, 4, ColourTags(1, 2))
    planes.y[...], planes.u[...], planes.v[...] = 255, 255, 255
    made = recoloured(planes, ColourTags(6, 2))
    assert made.y.min() == 255 and 235 < made.u.min() <= made.v.max() <= 255
