"""ProRes 4444 keeps 16 bits of alpha: what is in the file, read by another decoder, and what FFmpeg makes of it."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from deliverables import run_job
from media import palette_picture, read_pictures, write_video
from prores import alpha_of, frames_of, joined, places, slices_of

from shm_stream import native, prores_bypass
from shm_stream.cli import main
from shm_stream.delivery import Delivery
from shm_stream.errors import ShmStreamError
from shm_stream.planes import plane_view
from shm_stream.prores_alpha import code_alpha
from shm_stream.prores_bypass import AlphaBypass
from shm_stream.prores_packet import with_alpha
from shm_stream.sink import open_sink
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(120)
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "webcam.mkv"
SIZES = [(1, 1), (16, 128), (33, 17), (17, 247), (16, 250)]
"""Heights and widths. 247 and 250 columns are slices of 8, 4, 2 and 2 macroblocks, 17 of 2."""


def matte(height: int, width: int) -> np.ndarray:
    """Flat inside and outside, soft between, with faint grain in the soft part."""
    shape = np.zeros((height, width), np.float32)
    cv2.circle(shape, (width // 2, height // 2), max(1, min(height, width) // 3), 1.0, -1)
    soft = cv2.GaussianBlur(shape, (0, 0), max(1, min(height, width) / 20))
    grain = np.random.default_rng(1).normal(0, 3e-4, soft.shape)
    return np.clip(np.where((soft > 0.01) & (soft < 0.99), soft + grain, np.rint(soft)), 0, 1)


def alphas(height: int, width: int) -> dict[str, np.ndarray]:
    """Name → [height, width] uint16."""
    random = np.random.default_rng(height * width)
    steps = np.cumsum(random.integers(-66, 67, height * width)).reshape(height, width)
    runs = np.repeat(random.integers(0, 65536, height * width), random.integers(1, 40, height * width))
    return {
        "noise": random.integers(0, 65536, (height, width)).astype(np.uint16),
        "nothing": np.zeros((height, width), np.uint16),
        "opaque": np.full((height, width), 65535, np.uint16),
        "flat": np.full((height, width), 12345, np.uint16),
        "ramp": np.arange(height * width).reshape(height, width).astype(np.uint16),
        "every difference with a short code": (steps % 65536).astype(np.uint16),
        "runs": runs[: height * width].reshape(height, width).astype(np.uint16),
        "matte": np.rint(matte(height, width) * 65535).astype(np.uint16),
    }


PATHS = list(dict.fromkeys([native.paths()[0], native.REFERENCE]))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_is_coded_is_decoded_in_slices_of_every_width(size):
    for blocks in (1, 2, 4, 8):
        for name, alpha in alphas(*size).items():
            coded, sizes = code_alpha(alpha, blocks)
            ends = np.cumsum(sizes, dtype=int)
            parts = [coded[end - length : end].tobytes() for end, length in zip(ends, sizes)]
            slices = [(*place, part) for place, part in zip(places(*size, blocks), parts, strict=True)]
            assert ends[-1] == len(coded) and np.array_equal(joined(*size, slices), alpha), (name, blocks)


@pytest.mark.skipif(len(PATHS) < 2, reason="built without native code")
@pytest.mark.parametrize("size", [*SIZES, (40, 500)], ids=str)
def test_native_code_writes_the_bytes_of_its_reference(size):
    for name, alpha in alphas(*size).items():
        wide = np.zeros((size[0], size[1] + 5), np.uint16)
        wide[:, : size[1]] = alpha
        for blocks in (1, 8):
            native_bytes, reference = (code_alpha(wide[:, : size[1]], blocks, path=path) for path in PATHS)
            assert all(map(np.array_equal, native_bytes, reference)), name


def test_what_cannot_be_coded_is_refused():
    with pytest.raises(TypeError, match="uint16"):
        code_alpha(np.zeros((4, 4), np.float32), 8)
    for shape, blocks in (((4, 4), 3), ((0, 4), 8), ((4,), 8)):
        with pytest.raises(ValueError, match="cannot code alpha of shape"):
            code_alpha(np.zeros(shape, np.uint16), blocks)
    with pytest.raises(ValueError, match="packed pixels"):
        code_alpha(np.zeros((4, 8), np.uint16)[:, ::2], 8)


def written(path: Path, pictures, **options) -> Path:
    """A file of RGBA `pictures`, [H, W, 4] float32 or uint8, from a sink as jobs open it."""
    height, width = pictures[0].shape[:2]
    bars = [palette_picture(width, height)] * len(pictures)
    clip = write_video(path.parent / "source.mkv", bars, codec="ffv1", options={})
    source = open_source(clip)
    sink = open_sink(path, source, kind="transparent", codec="prores_ks", **options)
    for frame, picture in zip(source, pictures, strict=True):
        sink.write(frame, picture)
    return sink.finish()


def with_colours(alpha: np.ndarray, colours: str = "bars") -> np.ndarray:
    """[H, W] uint16 → [H, W, 4] float32 RGBA."""
    height, width = alpha.shape
    rgb = palette_picture(width, height) / np.float32(255)
    if colours == "noise":
        rgb = np.random.default_rng(2).random((height, width, 3), np.float32)
    return np.dstack([rgb, alpha / np.float64(65535)]).astype(np.float32)


def ffmpeg_planes(path: Path) -> np.ndarray:
    """[frames, 4, H, W] uint16 of 12 bits as the program ffmpeg decodes them, without a word."""
    command = ["ffmpeg", "-v", "warning", "-i", str(path), "-pix_fmt", "yuva444p12le", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    height, width = slices_of(frames_of(path)[0])[0]
    return np.frombuffer(done.stdout, np.uint16).reshape(-1, 4, height, width)


@pytest.mark.parametrize("colours", ["bars", "noise"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_files_hold_every_alpha_of_16_bits(tmp_path, size, colours):
    wanted = list(alphas(*size).values())
    path = written(tmp_path / "a.mov", [with_colours(alpha, colours) for alpha in wanted])
    assert all(np.array_equal(alpha_of(frame), alpha) for frame, alpha in zip(frames_of(path), wanted, strict=True))
    decoded = read_pictures(path)
    assert {frame.format.name for frame in decoded} == {"yuva444p12le"}
    by_pyav = [plane_view(frame.planes[3], dtype=np.uint16) for frame in decoded]
    for alphas_of_12_bits in (by_pyav, ffmpeg_planes(path)[:, 3]):  # FFmpeg leaves the lowest four bits out
        assert all(np.array_equal(read, alpha >> 4) for read, alpha in zip(alphas_of_12_bits, wanted, strict=True))


def encoded_alone(alpha: int, pictures: list[np.ndarray]) -> list[av.Packet]:
    """What prores_ks makes of [H, W] 10-bit samples with a flat alpha: the packets of a stream."""
    height, width = pictures[0].shape
    stream = av.open(io.BytesIO(), "w", format="mov").add_stream("prores_ks", rate=25)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuva444p10le"
    packets = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame(width, height, "yuva444p10le")
        for plane, values in zip(frame.planes, (picture, picture[::-1], picture.T[:height, :width], alpha)):
            plane_view(plane, dtype=np.uint16)[...] = values
        frame.pts = number
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def test_colours_stay_what_the_encoder_made_of_them():
    greys = np.random.default_rng(3).integers(64, 940, (1, 64, 64)).astype(np.uint16)
    (packet,) = encoded_alone(1023, list(greys))
    alpha = alphas(64, 64)["noise"]
    replaced = with_alpha(packet, alpha)
    decoder = av.CodecContext.create("prores", "r")
    before, after = (decoder.decode(av.Packet(content))[0] for content in (bytes(packet), replaced))
    for index in range(3):
        assert np.array_equal(*(plane_view(frame.planes[index], dtype=np.uint16) for frame in (before, after)))
    assert np.array_equal(alpha_of(replaced), alpha)
    assert with_alpha(replaced, np.full((64, 64), 65535, np.uint16)) == bytes(packet)


def test_random_colours_with_random_alpha_leave_room_in_a_slice():
    greys = np.random.default_rng(3).integers(0, 1024, (1, 128, 128)).astype(np.uint16)
    (packet,) = encoded_alone(1023, list(greys))
    _, slices = slices_of(with_alpha(packet, alphas(128, 128)["noise"]))
    assert max(len(part.data) for part in slices) < 65535 / 2


def crafted(colour_bytes: int) -> bytes:
    """A frame of 16x16 with one slice that has so many bytes of each colour; nobody could decode them."""
    part = struct.pack(">BB3H", 64, 4, *[colour_bytes] * 3) + bytes(3 * colour_bytes) + bytes(5)
    header = struct.pack(">HHIHHBBBBBBBB", 20, 1, 0, 16, 16, 0xC0, 0, 1, 1, 1, 2, 0, 0)
    picture = struct.pack(">BIHBH", 64, 10 + len(part), 1, 0, len(part)) + part
    return struct.pack(">I4s", 8 + len(header) + len(picture), b"icpf") + header + picture


def test_a_slice_whose_size_cannot_be_said_is_refused():
    noise = alphas(16, 16)["noise"]
    assert np.array_equal(alpha_of(with_alpha(crafted(21_000), noise)), noise)
    with pytest.raises(ValueError, match="a slice of ProRes would take 65[0-9]* bytes, more than the 65535"):
        with_alpha(crafted(21_800), noise)


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 1), (5, 0), (9, 255), (17, 17), (20, 0xC4), (20, 0x80), (25, 1), (28, 255), (32, 9), (34, 2), (35, 0x40),
     (36, 0), (38, 255)],
)  # fmt: skip
def test_frames_of_another_layout_are_refused(place, value):
    frame = bytearray(crafted(100))
    frame[place] = value
    with pytest.raises(ValueError, match="lays ProRes frames out in a way"):
        with_alpha(frame, np.zeros((16, 16), np.uint16))


@pytest.mark.parametrize("length", [0, 9, 27, 30, 36, 40, 300])
def test_frames_that_end_early_are_refused(length):
    with pytest.raises(ValueError, match="lays ProRes frames out in a way"):
        with_alpha(crafted(100)[:length], np.zeros((16, 16), np.uint16))


def test_an_unknown_layout_ends_the_job_with_the_name_of_the_file(tmp_path, monkeypatch):
    def refuse(packet, alpha):
        raise ValueError("laid out in another way")

    monkeypatch.setattr(prores_bypass, "with_alpha", refuse)
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2)
    with pytest.raises(ShmStreamError, match=r"cannot write .*o\.mov: laid out in another way"):
        run_job(tmp_path / "in.mp4", output=tmp_path / "o.mov", bg="transparent")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_packets_that_come_late_get_the_alpha_of_their_pictures(tmp_path):
    bypass, wanted = AlphaBypass(tmp_path / "o.mov"), list(alphas(32, 32).values())
    for alpha in wanted:
        colours = bypass.keep(with_colours(alpha))
        assert colours.shape == (32, 32, 3)
    given = encoded_alone(1023, [np.full((32, 32), 500, np.uint16)] * len(wanted))
    made = list(bypass.put_into(given))
    assert all(np.array_equal(alpha_of(bytes(packet)), alpha) for packet, alpha in zip(made, wanted, strict=True))
    for before, after in zip(given, made, strict=True):
        names = ("pts", "dts", "duration", "time_base", "is_keyframe", "stream_index")
        assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


def test_pictures_of_8_bits_keep_their_levels(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = written(tmp_path / "a.mov", [np.dstack([levels] * 4)])
    assert np.array_equal(alpha_of(frames_of(path)[0]), levels * np.uint16(257))


@pytest.mark.parametrize("name", ["a.mkv", "premultiplied.mov"])
def test_matroska_and_premultiplied_colours_have_the_same_alpha(tmp_path, name):
    alpha = alphas(48, 64)["matte"]
    options = {"delivery": Delivery(alpha_mode="premultiplied")} if name == "premultiplied.mov" else {}
    path = written(tmp_path / name, [with_colours(alpha)] * 2, **options)
    read = [plane_view(frame.planes[3], dtype=np.uint16) for frame in read_pictures(path)]
    assert all(np.array_equal(plane, alpha >> 4) for plane in read) and len(read) == 2


def test_the_file_has_the_engines_own_alpha(tmp_path):
    """The networks' matte of the example, beside the same as 16-bit PNG."""
    outputs = ["-o", str(tmp_path / "cut.mov"), "--alpha", str(tmp_path / "m.%d.png"), "--bits", "16", "--sidecar"]
    assert main([str(EXAMPLE), "--bg", "transparent", "-t", "0.1", *outputs]) == 0
    mattes = [cv2.imread(str(tmp_path / f"m.{number}.png"), cv2.IMREAD_UNCHANGED) for number in range(3)]
    read = [alpha_of(frame) for frame in frames_of(tmp_path / "cut.mov")]
    assert all(matte.dtype == np.uint16 and len(np.unique(matte)) > 4096 for matte in mattes)
    assert all(np.array_equal(*pair) for pair in zip(read, mattes, strict=True))
    assert np.array_equal(ffmpeg_planes(tmp_path / "cut.mov")[:, 3], np.stack(mattes) >> 4)
    facts = json.loads((tmp_path / "cut.mov.json").read_text())
    assert (facts["codec"], facts["bits"], facts["alpha_bits"]) == ("prores_ks", 10, 16)
    assert "alpha_bits" not in json.loads((tmp_path / "m.png.json").read_text())


@pytest.mark.parametrize("kind", ["output", "alpha"])
def test_prores_without_an_alpha_channel_is_what_it_was(tmp_path, kind):
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2)
    background = {"bg": "red"} if kind == "output" else {}
    run_job(tmp_path / "in.mp4", codec="prores_ks", **{kind: tmp_path / "o.mov"}, **background)
    assert {frame.format.name for frame in read_pictures(tmp_path / "o.mov")} == {"yuv422p10le"}
