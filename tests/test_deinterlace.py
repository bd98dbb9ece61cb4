"""Interlaced clips are recognised, said in one line, and made whole when asked for."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import yuv_frame

from shm_stream.cli import main
from shm_stream.errors import InputError
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)
STEP = 8


def moving_bar(field: int) -> np.ndarray:
    """[64, 128, 3]: a white bar that moves STEP pixels from field to field."""
    picture = np.full((64, 128, 3), 40, np.uint8)
    picture[:, 10 + field * STEP : 30 + field * STEP] = 220
    return picture


def interlaced_clip(path: Path, interlaced: bool = True, frames: int = 5) -> Path:
    """Each frame weaves two moments, top field first."""
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"} if interlaced else {}
    with av.open(str(path), "w") as container:
        options |= {"preset": "ultrafast", "crf": "4", "bf": "0"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 25)
        for number in range(frames):
            woven = moving_bar(2 * number)
            woven[1::2] = moving_bar(2 * number + 1)[1::2]
            frame = yuv_frame(woven, "yuv420p", 6, False)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def combing(pixels: np.ndarray) -> float:
    """Mean difference of neighbouring rows."""
    return np.abs(np.diff(pixels[8:-8].astype(int), axis=0)).mean()


def test_interlaced_video_is_recognised(tmp_path):
    source = open_source(interlaced_clip(tmp_path / "in.mp4"))
    assert "is interlaced" in source.notice and "--deinterlace" in source.notice
    assert open_source(interlaced_clip(tmp_path / "p.mp4", interlaced=False)).notice is None


@pytest.mark.parametrize("start", [0.0, 0.08])
def test_deinterlaced_frames_are_whole_and_keep_their_times(tmp_path, start):
    path = interlaced_clip(tmp_path / "in.mp4")
    woven = list(open_source(path, start_seconds=start))
    source = open_source(path, deinterlace=True, start_seconds=start)
    whole = list(source)
    assert source.notice is None and source.warning is None
    assert [frame.pts_seconds for frame in whole] == [frame.pts_seconds for frame in woven]
    assert len(whole) == (5 if not start else 3)
    for before, after in zip(woven, whole, strict=True):
        assert combing(before.pixels) > 5 and combing(after.pixels) < 0.4 * combing(before.pixels)


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    path = interlaced_clip(tmp_path / "in.mp4")
    assert main([str(path), "--bg", "red", "-o", str(tmp_path / "a.mp4")]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")] == [
        f"warning: {path} is interlaced: moving edges are combs; --deinterlace makes whole pictures"
    ]
    assert main([str(path), "--bg", "red", "-o", str(tmp_path / "b.mp4"), "--deinterlace"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_pictures_have_no_fields(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="has no fields"):
        open_source(tmp_path / "a.png", deinterlace=True)
