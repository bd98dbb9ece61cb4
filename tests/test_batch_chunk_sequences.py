"""Sequences of pictures made in chunks: the files of one piece, byte for byte."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from batch_runs import input_folder, read_manifest, run_both
from media import write_video

from shm_stream.batch_files import digest

pytestmark = pytest.mark.timeout(120)
COUNT = 78
CHUNK = ("--chunk", "1", "--jobs", "2")
"""Three chunks of 26 frames."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = input_folder(tmp_path, monkeypatch)
    columns = np.arange(0, 256, 4, dtype=np.uint8)
    pictures = [np.tile(np.roll(columns, number)[None, :, None], (32, 1, 3)) for number in range(COUNT)]
    write_video(folder / "a.mp4", pictures, pix_fmt="yuv420p")
    return folder


@pytest.mark.parametrize(
    ("words", "names", "dtype"),
    [
        ("--bg transparent --suffix .png --alpha --foreground", ("a", "a.alpha", "a.foreground"), np.uint8),
        ("--bg transparent --suffix .png --bits 16 --start-number 1001", ("a",), np.uint16),
        ("--bg red --suffix .tif --alpha", ("a", "a.alpha"), np.uint8),
        ("--bg transparent --suffix .tif --alpha --bits 16 --alpha-mode premultiplied", ("a", "a.alpha"), np.uint16),
    ],
    ids=["PNG", "PNG of 16 bits", "TIFF", "TIFF of 16 bits"],
)
def test_a_sequence_has_the_files_of_one_piece(monkeypatch, capsys, folder, words, names, dtype):
    if dtype == np.uint16 and ".tif" in words:
        pytest.importorskip("tifffile")
    whole, chunked = run_both(monkeypatch, capsys, folder, CHUNK, *words.split())
    first = 1001 if "1001" in words else 0
    for name in names:
        one, other = ({path.name: digest(path) for path in sorted((out / name).iterdir())} for out in (whole, chunked))
        assert one == other
        assert [path.rpartition(".")[0] for path in one] == [f"{name}.{first + index:04}" for index in range(COUNT)]
        assert len({*one.values()}) > 60, "the pictures differ from each other"
    picture = cv2.imread(str(next((chunked / "a").iterdir())), cv2.IMREAD_UNCHANGED)
    assert picture.dtype == dtype and picture.shape == (32, 64, 3 if "red" in words else 4)
    lines = [read_manifest(out)[0] for out in (whole, chunked)]
    assert lines[0]["outputs"] == lines[1]["outputs"] and lines[1]["frames"] == COUNT
