"""What encoders and decoders keep: with less look-ahead, and by their level."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
from stand_ins import numbered_frame

from shm_stream.colour import ColourTags
from shm_stream.decoder_memory import decoder_bytes
from shm_stream.encoder_memory import COSTS, bounded, encoder_bytes
from shm_stream.thread_priority import usual_priority
from shm_stream.video_codecs import add_video_stream, choose_encoding

pytestmark = pytest.mark.timeout(300)
TAGS = ColourTags(1, primaries=1, transfer=1)
SUFFIXES = {"libvpx-vp9": ".webm", "prores_ks": ".mov", "qtrle": ".mov", "png": ".mov", "ffv1": ".mkv"}


@pytest.mark.parametrize("codec", COSTS)
def test_encoders_open_with_less_look_ahead(tmp_path, codec):
    path = tmp_path / f"a{SUFFIXES.get(codec, '.avi' if codec in ('utvideo', 'magicyuv') else '.mp4')}"
    usual = choose_encoding(path, "composite", (128, 96), TAGS, codec, None)
    assert encoder_bytes(usual, 10**6, 0.0) <= encoder_bytes(usual, 10**6, 1.0)
    for look_ahead in (1.0, 0.5, 0.0):
        with av.open(str(path), "w") as container, usual_priority(codec):
            stream = add_video_stream(container, bounded(usual, look_ahead), (128, 96), Fraction(25))
            for index in range(4):
                frame = av.VideoFrame.from_ndarray(numbered_frame(index, 96), "rgb24").reformat(format=usual.pix_fmt)
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 4


@pytest.mark.parametrize(
    ("decoder", "size", "pictures"),
    [
        (("h264", 51, "yuv420p"), (3840, 2160), 5),
        (("h264", 40, "yuv420p"), (1920, 1080), 4),
        (("h264", 51, "yuv420p"), (640, 480), 16),
        (("hevc", 150, "yuv420p10le"), (3840, 2160), 6),
        (("hevc", 150, "yuv420p"), (1920, 1080), 16),
        (("vp9", -99, "yuv420p"), (1920, 1080), 8),
        (("prores", -99, "yuv422p10le"), (1920, 1080), 1),
    ],
)
def test_pictures_that_decoders_keep(decoder, size, pictures):
    source = SimpleNamespace(decoder=decoder, width=size[0], height=size[1])
    one = size[0] * size[1] * {"yuv420p": 1.5, "yuv420p10le": 3, "yuv422p10le": 4}[decoder[2]]
    assert decoder_bytes(source) == (pictures + 2) * one
