"""Alpha, colour and convention of every deliverable, as other readers find them, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from deliverables import FORMATS, Format, by_ffmpeg, errors, known_picture, read, wanted, write
from media import palette_picture, read_pictures, video_facts, video_times, write_video
from stand_ins import StandInRunner

from shm_stream.cli import main
from shm_stream.controls import Controls
from shm_stream.delivery import Delivery
from shm_stream.errors import InputError
from shm_stream.fine_images import read_exr
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.sink import open_sink
from shm_stream.source import open_source
from shm_stream.transfer import linear_from_srgb, srgb_from_linear

pytestmark = pytest.mark.timeout(60)


def needs_package_of(kind: Format) -> None:
    name = {"exr": "OpenEXR", "tif": "tifffile"}.get(kind.target.rpartition(".")[2])
    if name is not None:
        pytest.importorskip(name, reason=f"{name} is missing: pip install 'shm-stream[film]'")


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.target)
def test_round_trip(tmp_path, kind):
    needs_package_of(kind)
    alpha, colour = errors(write(tmp_path, kind), kind)
    assert alpha <= kind.alpha_error and colour <= kind.colour_error


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is missing: install ffmpeg")
@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.target)
def test_ffmpeg_reads_the_same_alpha(tmp_path, kind):
    needs_package_of(kind)
    error = np.abs(by_ffmpeg(write(tmp_path, kind), kind) - known_picture()[..., 3]).max()
    assert error <= max(2 * kind.alpha_error, 1.5e-3 if kind.bits == 10 else 0)


def test_conventions_differ_where_alpha_is_partial():
    """The test above would not tell conventions apart if the known picture did not."""
    straight, linear = (wanted(Format("", "", 8, "", 0, 0, linear=flag, premultiplied=flag)) for flag in (False, True))
    assert np.abs(straight - linear)[..., :3].max() > 0.5


def test_what_is_stated_in_files(tmp_path):
    package, tifffile = pytest.importorskip("OpenEXR"), pytest.importorskip("tifffile")
    kinds = {kind.target: kind for kind in FORMATS}
    headers = [package.File(str(write(tmp_path, kinds[name]))).header() for name in ("m.%04d.exr", "n.%04d.exr")]
    assert [header["alphaMode"] for header in headers] == ["premultiplied", "straight"]
    assert headers[0]["colorInteropID"] == "lin_rec709_scene" and "colorInteropID" not in headers[1]
    samples = []
    for name in ("k.%04d.tif", "l.%04d.tif"):
        with tifffile.TiffFile(write(tmp_path, kinds[name])) as file:
            samples.append(file.pages[0].extrasamples)
    assert samples == [(2,), (1,)]  # TIFF 6.0: unassociated (straight), associated (premultiplied)


def test_the_curve_is_that_of_srgb_and_goes_on_beyond_white():
    values = np.array([-1.5, -0.02, 0, 0.04045, 0.5, 1, 1.7], np.float32)
    linear = linear_from_srgb(values)
    np.testing.assert_allclose(linear[[2, 3, 4, 5]], [0, 0.0031308, 0.21404114, 1], rtol=1e-4)
    assert abs(linear[4] - 0.5**2.2) > 0.003, "this is not gamma 2.2"
    np.testing.assert_allclose(srgb_from_linear(linear), values, atol=2e-6)


def job(source, **options) -> tuple:
    with Job(JobOptions(source, runner=StandInRunner(alpha_raw=0.3), **options)) as opened:
        return opened.run()


def fine_clip(path: Path, pix_fmt="yuv420p10le", **options) -> Path:
    """Three frames of a grey ramp, in steps that eight bits do not have."""
    return write_video(path, [palette_picture(128, 64)] * 3, pix_fmt=pix_fmt, codec="ffv1", options={}, **options)


def ramp_folder(folder: Path) -> np.ndarray:
    """A folder of two 16-bit pictures; returns [64, 1024, 3] uint16, every level another one."""
    folder.mkdir()
    picture = np.repeat(np.arange(64 * 1024, dtype=np.uint16).reshape(64, 1024, 1), 3, 2)
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return picture


def test_16_bit_pictures_lose_nothing(tmp_path):
    """Opaque alpha: foreground and composite are the input itself, all 65536 levels of it."""
    picture = ramp_folder(tmp_path / "in")
    with Job(
        JobOptions(tmp_path / "in", f"{tmp_path}/c/", bg="red", foreground=f"{tmp_path}/f/", runner=StandInRunner())
    ) as opened:
        opened.run()
    for name in "cf":
        assert np.array_equal(cv2.imread(str(tmp_path / name / "1.png"), cv2.IMREAD_UNCHANGED), picture)


def test_anamorphic_pixels_go_through_exr_and_other_pictures_say_that_they_lose_them(tmp_path):
    package = pytest.importorskip("OpenEXR")
    source = write_video(tmp_path / "in.mp4", [palette_picture(96, 64)] * 2, aspect=Fraction(64, 45))
    job(source, output=tmp_path / "a" / "o.%d.exr", bg="red")
    assert package.File(str(tmp_path / "a" / "o.0.exr")).header()["pixelAspectRatio"] == np.float32(64 / 45)
    assert open_source(tmp_path / "a").sample_aspect_ratio == Fraction(64, 45)
    told = job(source, output=tmp_path / "b" / "o.%d.png", bg="red").warnings
    assert told == ["the pixel aspect 64:45 is not kept by .png; .exr would keep it"]


def test_the_scene_itself_keeps_its_levels_behind_people(tmp_path):
    picture = ramp_folder(tmp_path / "in")
    runner = StandInRunner(alpha_raw=0.0)
    with Job(JobOptions(tmp_path / "in", f"{tmp_path}/o/", bg="off", runner=runner)) as opened:
        opened.run()
    assert np.array_equal(cv2.imread(str(tmp_path / "o" / "1.png"), cv2.IMREAD_UNCHANGED), picture)


def test_exr_in_and_out_keeps_highlights(tmp_path):
    package = pytest.importorskip("OpenEXR")
    (tmp_path / "in").mkdir()
    picture = np.random.default_rng(0).uniform(0, 40, (48, 64, 3)).astype(np.float16)
    package.File({"type": package.scanlineimage}, {"RGB": picture}).write(str(tmp_path / "in" / "a.exr"))
    with Job(JobOptions(tmp_path / "in", tmp_path / "o.%03d.exr", bg="red", runner=StandInRunner())) as opened:
        opened.run()
    written = package.File(str(tmp_path / "o.000.exr")).channels()["RGB"].pixels
    np.testing.assert_allclose(written.astype(float), picture.astype(float), rtol=1e-3)
    assert written.max() > 39


@pytest.mark.parametrize(
    ("target", "options", "depth"),
    [("o.mkv", {"codec": "ffv1"}, 10), ("o.mp4", {}, 10), ("o.mov", {"codec": "prores_ks"}, 10), ("o.webm", {}, 8),
     ("o.mp4", {"bits": 8}, 8), ("o.mkv", {"codec": "ffv1", "bits": 16}, 16)],
)  # fmt: skip
def test_10_bit_video_stays_10_bit_where_the_format_can(tmp_path, target, options, depth):
    source = fine_clip(tmp_path / "in.mkv")
    job(source, output=tmp_path / target, bg="red", **options)
    frame = read_pictures(tmp_path / target)[0]
    assert frame.format.components[0].bits == depth
    assert video_facts(tmp_path / target)["tags"][:2] == (1, 1)
    assert len(video_times(tmp_path / target)) == 3


@pytest.mark.parametrize(
    "controls", [{"mirror": True}, {"feather": 5, "shrink": 2}, {"despill": 80}, {"place": (5, 0, 0.9)}], ids=str
)
def test_edited_10_bit_video_keeps_its_levels(tmp_path, controls):
    """At an alpha of 0.3, 8 bits would leave 66 levels of grey."""
    source = tmp_path / "in.mkv"
    write_ramp_10(source)
    options = JobOptions(source, tmp_path / "out.mkv", "black", codec="ffv1", runner=StandInRunner(alpha_raw=0.3))
    with Job(replace(options, controls=Controls(**controls))) as edited:
        assert edited.engine.fine == {"composite"} and not edited.notices
        edited.run()
    luma = read_pictures(tmp_path / "out.mkv")[0].to_ndarray()[:64]
    assert len(np.unique(luma)) > 200


def test_live_10_bit_video_says_that_it_has_8(tmp_path):
    source, live = fine_clip(tmp_path / "in.mkv"), LiveOptions(loop=True)
    options = JobOptions(source, tmp_path / "out.mkv", "teal", codec="ffv1", runner=StandInRunner(), live=live)
    with Job(options) as live:
        assert not live.engine.fine and "8 bits" in live.notices[0]


def test_10_bit_values_are_bit_exact_through_an_opaque_job(tmp_path):
    """Alpha 1: what a lossless encoder gets is what the decoder gave, luma to the last of ten bits."""
    path = tmp_path / "in.mkv"
    source = write_ramp_10(path)
    with Job(JobOptions(path, tmp_path / "o.mkv", bg="red", codec="ffv1", runner=StandInRunner())) as opened:
        opened.run()
    luma = read_pictures(tmp_path / "o.mkv")[0].to_ndarray()[:64]
    assert np.abs(luma.astype(int) - source).max() == 0
    assert len(np.unique(luma)) > 700


def write_ramp_10(path: Path) -> np.ndarray:
    """A grey clip whose luma takes every value from 64 to 940; returns it, [64, 128] uint16."""
    luma = np.linspace(64, 940, 64 * 128).round().astype(np.uint16).reshape(64, 128)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 9, 1
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(
                np.vstack([luma, np.full((32, 128), 512, np.uint16)]), format="yuv420p10le"
            )
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return luma.astype(int)


def test_hdr_keeps_its_tags_and_is_not_made_linear(tmp_path):
    write_ramp_10(tmp_path / "in.mkv")
    job(tmp_path / "in.mkv", output=tmp_path / "o.mp4", bg="red")
    assert video_facts(tmp_path / "o.mp4")["tags"] == (9, 1, 9, 16)
    assert video_facts(tmp_path / "o.mp4")["codec"] == "hevc"
    pytest.importorskip("OpenEXR")
    with pytest.raises(InputError, match="is HDR .* give --srgb"):
        job(tmp_path / "in.mkv", output=tmp_path / "o.%d.exr", bg="red")
    assert job(tmp_path / "in.mkv", output=tmp_path / "o.%d.exr", bg="red", linear=False).frames == 2


def test_hevc_is_tagged_as_apples_players_want_it(tmp_path):
    fine_clip(tmp_path / "in.mkv")
    job(tmp_path / "in.mkv", output=tmp_path / "o.mov", bg="red", codec="libx265")
    assert b"hvc1" in (tmp_path / "o.mov").read_bytes()


TARGET_FACTS = {
    "nuke": ("in_nuke/in.1001.exr", {"colours": "linear", "alpha_mode": "premultiplied", "first_number": 1001}),
    "resolve": ("in_resolve.mov", {"codec": "prores_ks", "alpha_mode": "straight", "bits": 10}),
    "premiere": ("in_premiere.mov", {"codec": "prores_ks", "alpha_mode": "straight", "bits": 10}),
    "obs": ("in_obs.webm", {"codec": "libvpx-vp9", "alpha_mode": "straight", "pixel_format": "yuva420p"}),
    "web": ("in_web.webm", {"codec": "libvpx-vp9", "alpha_mode": "straight", "pixel_format": "yuva420p"}),
}


@pytest.mark.parametrize("target", TARGET_FACTS)
def test_targets_get_what_the_sidecar_says(tmp_path, target):
    name, facts = TARGET_FACTS[target]
    if target == "nuke":
        pytest.importorskip("OpenEXR")
    write_video(tmp_path / "in.mp4", [palette_picture(128, 64)] * 3)
    report = job(tmp_path / "in.mp4", target=target)
    assert (tmp_path / name).is_file()
    sidecar = tmp_path / ("in_nuke/in.exr.json" if target == "nuke" else f"{name}.json")
    told = json.loads(sidecar.read_text())
    assert {key: told[key] for key in facts} == facts and told["frames"] == report.frames == 3
    alpha = read(tmp_path / name, Format("", name, 8, "", 0, 0, decoder="libvpx-vp9" if "webm" in name else None))
    assert alpha[..., 3].mean() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("24", 24), ("23.976", Fraction(24000, 1001)), ("29.97", Fraction(30000, 1001)), ("12.5", Fraction(25, 2)),
     ("24.0", 24), ("30000/1001", Fraction(30000, 1001)), ("0", None), ("1/0", None), ("x", None), ("-3", None)],
)  # fmt: skip
def test_a_folder_has_the_rate_that_is_given(tmp_path, text, rate, capsys):
    (tmp_path / "in").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), palette_picture(64, 48))
    arguments = [str(tmp_path / "in"), "--bg", "red", "-o", str(tmp_path / "o.mov"), "--rate", text]
    if rate is None:
        assert main(arguments) == 2 and "is not a rate" in capsys.readouterr().err
        return
    assert main(arguments) == 0
    assert video_times(tmp_path / "o.mov") == [number / Fraction(rate) for number in range(3)]


def test_a_video_keeps_its_own_rate(tmp_path):
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2)
    with pytest.raises(InputError, match="has times of its own"):
        job(tmp_path / "in.mp4", bg="red", rate=Fraction(24))


def test_sequences_are_numbered_as_asked(tmp_path):
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 3)
    job(tmp_path / "in.mp4", output=tmp_path / "s" / "a%%.%03d.png", bg="red", start_number=99, alpha=f"{tmp_path}/m/",
        image_format="png")  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["a%.099.png", "a%.100.png", "a%.101.png"]
    assert sorted(path.name for path in (tmp_path / "m").iterdir())[0] == "in_000099.png"
    with pytest.raises(InputError, match="a%.099.png exists; add -y"):
        job(tmp_path / "in.mp4", output=tmp_path / "s" / "a%%.%03d.png", bg="red")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"output": "o.mp4", "bg": "transparent"}, "no transparency; use .mov"),
        ({"output": "o.webm", "bg": "transparent", "alpha_mode": "premultiplied"}, "straight by what browsers"),
        ({"output": "o.%d.png", "bg": "transparent", "alpha_mode": "premultiplied"}, "straight by the PNG standard"),
        ({"output": "o.mov", "bg": "red", "linear": True}, "holds encoded colours"),
        ({"output": "o.mov", "bg": "red", "alpha_mode": "straight"}, "give --bg transparent"),
        ({"output": "o.mov", "bg": "red", "start_number": 3}, "--start-number is for sequences"),
        ({"output": "o.mov", "bg": "red", "image_format": "tif"}, "--image-format is for folders"),
        ({"output": "o.%d.%d.png", "bg": "red"}, "must have one number"),
        ({"output": "o.%d.jpg", "bg": "transparent"}, ".jpg has no transparency"),
        ({"output": "o.%d.tif", "bg": "red", "linear": True, "bits": 8}, "premultiplied colours need 16 bits"),
        ({"output": "o.%d.tif", "bg": "transparent", "alpha_mode": "premultiplied", "bits": 8}, "need 16 bits"),
        ({"output": "o.mov", "bg": "red", "bits": 9}, "9 bits are not usable; give one of 8, 10"),
        ({"output": "o.%d.png", "bg": "red", "start_number": -1}, "start number -1 is out of range"),
        ({"output": "o.mov", "target": "nuke"}, "nuke gets .exr, but the output is"),
        ({"target": "web", "codec": "libx264"}, "exclude each other"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(tmp_path, options, problem):
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2)
    if "output" in options:
        options = options | {"output": tmp_path / options["output"]}
    with pytest.raises(InputError, match=problem) as caught:
        job(tmp_path / "in.mp4", **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(("suffix", "name"), [("exr", "OpenEXR"), ("tif", "tifffile")])
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, suffix, name):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    source = open_source(write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 2))
    with pytest.raises(InputError, match=rf"need the package {name}: pip install 'shm-stream\[film\]'"):
        open_sink(tmp_path / f"o.%d.{suffix}", source, kind="alpha", delivery=Delivery(bits=16))


@pytest.mark.parametrize(("corner", "lit"), [((4, 6), 16), ((-2, 30), 4), ((33, 0), 0), ((0, -5), 0)])
def test_an_exr_is_shown_where_its_stored_window_lies(tmp_path, corner, lit):
    package = pytest.importorskip("OpenEXR")
    window = np.int32(corner), np.int32(corner) + 3
    header = {"dataWindow": window, "displayWindow": (np.int32([0, 0]), np.int32([31, 31]))}
    white = {name: np.ones((4, 4), np.float16) for name in "RGB"}
    package.File({"type": package.scanlineimage, **header}, white).write(str(tmp_path / "a.exr"))
    shown = read_exr(tmp_path / "a.exr")
    assert shown.shape == (32, 32, 3) and np.count_nonzero(shown[..., 0]) == lit


def test_a_damaged_exr_is_one_line(tmp_path):
    pytest.importorskip("OpenEXR")
    (tmp_path / "a.exr").write_bytes(b"v/1\x01" + b"\x00" * 40)
    with pytest.raises(InputError, match="as OpenEXR: it is damaged"):
        open_source(tmp_path / "a.exr")


def test_the_docs_name_every_format_target_and_error():
    """The table of docs/media.md is what tests/deliverables.py prints; only its last digits may change."""
    text = (Path(__file__).resolve().parent.parent / "docs" / "media.md").read_text(encoding="utf-8")
    for kind in FORMATS:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {kind.name} |"))
        _, _, bits, alpha, colour, convention, _ = (cell.strip() for cell in row.split("|"))
        assert (int(bits), convention) == (kind.bits, kind.convention)
        assert float(alpha) <= 1.02 * kind.alpha_error and float(colour) <= 1.02 * kind.colour_error
    assert all(f"| `--for {target}` |" in text for target in TARGET_FACTS)


def test_a_photo_for_nuke_is_one_picture(tmp_path):
    pytest.importorskip("OpenEXR")
    assert cv2.imwrite(str(tmp_path / "face.png"), np.zeros((32, 48, 3), np.uint8))
    job(tmp_path / "face.png", target="nuke")
    job(tmp_path / "face.png", target="nuke", output=tmp_path / "cut.exr")
    assert sorted(path.name for path in tmp_path.glob("*.exr")) == ["cut.exr", "face_nuke.exr"]


def test_a_shorter_sequence_takes_the_place_of_a_longer_one(tmp_path):
    pictures = [np.full((32, 48, 3), 40 * number, np.uint8) for number in range(5)]
    (tmp_path / "s.0001.txt").touch()
    for count in (5, 2):
        source = write_video(tmp_path / "in.mkv", pictures[:count])
        job(source, output=tmp_path / "s.%04d.png", bg="red", start_number=3, overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("s.*")) == ["s.0001.txt", "s.0003.png", "s.0004.png"]
