"""Known colours through decoder and encoder, for every matrix and range."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from media import palette_picture, to_yuv, video_facts, write_video, yuv_frame

from shm_stream.colour import ColourTags, resolve_tags, rgb_from_yuv, yuv_from_rgb
from shm_stream.errors import InputError
from shm_stream.planes import frame_from_grey, frame_from_rgb, frame_to_rgb, plane_view
from shm_stream.sink import open_sink
from shm_stream.source import open_source


def inner_error(pixels: np.ndarray, picture: np.ndarray) -> float:
    """Largest mean error of a channel in the middle of the bars (chroma is shared across their borders)."""
    width = picture.shape[1]
    position = np.arange(width) * 8 % width / width
    return np.abs(pixels.astype(int) - picture)[:, (position > 0.3) & (position < 0.7)].mean(axis=(0, 1)).max()


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_tagged_video_decodes_to_its_colours(tmp_path, matrix, full, pix_fmt):
    picture = palette_picture(320, 96)
    path = write_video(
        tmp_path / "a.mkv", [picture] * 2, matrix=matrix, full=full, pix_fmt=pix_fmt, codec="ffv1", options={}
    )
    source = open_source(path)
    assert (source.colour.matrix, source.colour.range) == (matrix, 2 if full else 1)
    assert inner_error(next(iter(source)).pixels, picture) <= 1


@pytest.mark.parametrize(("height", "matrix"), [(96, 6), (720, 1)])
def test_untagged_video_is_taken_by_its_height(tmp_path, height, matrix):
    picture = palette_picture(320, height)
    source = open_source(write_video(tmp_path / "a.mp4", [picture], matrix=matrix, tagged=False))
    assert (source.colour.matrix, source.colour.range) == (matrix, 1)
    assert inner_error(next(iter(source)).pixels, picture) <= 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuvj420p", "yuv420p10le", "gbrp"])
@pytest.mark.parametrize("size", [(64, 48), (63, 47), (2, 2)])
def test_every_format_converts_at_every_size(pix_fmt, size):
    """Against libswscale's own conversion from the same RGB."""
    picture = np.full((size[1], size[0], 3), (180, 70, 40), np.uint8)
    full = pix_fmt == "yuvj420p"
    tags = ColourTags(1, 2 if full else 1)
    frame = av.VideoFrame.from_ndarray(picture, "rgb24")
    frame = frame.reformat(format=pix_fmt, dst_colorspace=1, src_color_range=2, dst_color_range=tags.range)
    pixels = frame_to_rgb(frame, tags, VideoReformatter())
    assert pixels.shape == picture.shape
    assert np.abs(pixels.astype(int) - picture).max() <= 2


@pytest.mark.parametrize("height", [47, 120, 121, 239, 240, 241, 362])
def test_smooth_pictures_survive_4_2_0_at_every_size(height):
    rows, columns = np.mgrid[0:height, 0:63]
    picture = np.dstack([100 + columns, 60 + rows * 100 // height, 200 - columns]).astype(np.uint8)
    tags = ColourTags(1, 1)
    back = frame_to_rgb(frame_from_rgb(picture, "yuv420p", tags), tags, VideoReformatter())
    assert np.abs(back.astype(int) - picture).max() <= 4
    assert np.abs(back.astype(int).mean((0, 1)) - picture.mean((0, 1))).max() < 0.3  # no drift of brightness


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_encoding_follows_the_standard(matrix, full):
    picture = palette_picture(64, 16)
    frame = frame_from_rgb(picture, "yuv444p", ColourTags(matrix, 2 if full else 1))
    for plane, expected in zip(frame.planes, to_yuv(picture, matrix, full), strict=True):
        assert np.abs(plane_view(plane).astype(int) - expected).max() <= 1
    assert (int(frame.colorspace), int(frame.color_range)) == (matrix, 2 if full else 1)


def test_matrices_are_inverse_of_each_other():
    for matrix in (1, 4, 5, 6, 7, 9):
        for colour_range in (1, 2):
            tags = ColourTags(matrix, colour_range)
            there, back = (np.vstack([rows(tags), [0, 0, 0, 1]]) for rows in (yuv_from_rgb, rgb_from_yuv))
            assert np.allclose(there @ back, np.eye(4))


def test_grey_levels_survive_limited_range():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for colour_range in (1, 2):
        tags = ColourTags(1, colour_range)
        back = frame_to_rgb(frame_from_grey(grey, "yuv420p", tags), tags, VideoReformatter())
        assert np.abs(back.astype(int) - grey[..., None]).max() <= (1 if colour_range == 1 else 0)


def test_unsupported_matrix_is_refused():
    with pytest.raises(InputError, match="colour matrix 14"):
        resolve_tags(14, 1, 9, 16, height=1080, pix_fmt="yuv420p10le")
    assert resolve_tags(2, 0, 2, 2, height=480, pix_fmt="yuvj420p") == ColourTags(6, 2)


def test_reading_does_not_change_the_frame():
    frame = yuv_frame(palette_picture(64, 32), "yuv420p", 1, False)
    before = bytes(frame.planes[0])
    frame_to_rgb(frame, ColourTags(1, 1), VideoReformatter())
    assert bytes(frame.planes[0]) == before


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
@pytest.mark.parametrize(("matrix", "full"), [(1, False), (6, False), (1, True), (9, False)])
def test_tags_and_colours_reach_the_output(tmp_path, matrix, full, suffix):
    picture = palette_picture(320, 96)
    source = open_source(write_video(tmp_path / "in.mp4", [picture] * 2, matrix=matrix, full=full))
    with_tags = open_sink(tmp_path / f"out{suffix}", source, kind="composite", crf=4)
    for frame in source:
        with_tags.write(frame, frame.pixels)
    with_tags.finish()
    primaries = 9 if matrix == 9 else matrix
    assert video_facts(tmp_path / f"out{suffix}")["tags"] == (matrix, 2 if full else 1, primaries, primaries)
    assert inner_error(next(iter(open_source(tmp_path / f"out{suffix}"))).pixels, picture) <= 2
