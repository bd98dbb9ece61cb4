"""`--for`, numbers of sequences, rates of folders, and what is refused."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from deliverables import Format, read, run_job
from media import palette_picture, video_times, write_video

from shm_stream.cli import main
from shm_stream.errors import InputError

pytestmark = pytest.mark.timeout(60)


TARGET_FACTS = {
    "nuke": ("in_nuke/in.1001.exr", {"colours": "linear", "alpha_mode": "premultiplied", "first_number": 1001}),
    "resolve": ("in_resolve.mov", {"codec": "prores_ks", "alpha_mode": "straight", "bits": 10, "alpha_bits": 16}),
    "premiere": ("in_premiere.mov", {"codec": "prores_ks", "alpha_mode": "straight", "bits": 10, "alpha_bits": 16}),
    "obs": ("in_obs.webm", {"codec": "libvpx-vp9", "alpha_mode": "straight", "pixel_format": "yuva420p"}),
    "web": ("in_web.webm", {"codec": "libvpx-vp9", "alpha_mode": "straight", "pixel_format": "yuva420p"}),
}


@pytest.mark.parametrize("target", TARGET_FACTS)
def test_targets_get_what_the_sidecar_says(tmp_path, target):
    name, facts = TARGET_FACTS[target]
    if target == "nuke":
        pytest.importorskip("OpenEXR")
    write_video(tmp_path / "in.mp4", [palette_picture(128, 64)] * 3)
    report = run_job(tmp_path / "in.mp4", target=target)
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
        run_job(tmp_path / "in.mp4", bg="red", rate=Fraction(24))


def test_sequences_are_numbered_as_asked(tmp_path):
    write_video(tmp_path / "in.mp4", [palette_picture(64, 48)] * 3)
    run_job(
        tmp_path / "in.mp4", output=tmp_path / "s" / "a%%.%03d.png", bg="red", start_number=99,
        alpha=f"{tmp_path}/m/", image_format="png",
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["a%.099.png", "a%.100.png", "a%.101.png"]
    assert sorted(path.name for path in (tmp_path / "m").iterdir())[0] == "in_000099.png"
    with pytest.raises(InputError, match="a%.099.png exists; add -y"):
        run_job(tmp_path / "in.mp4", output=tmp_path / "s" / "a%%.%03d.png", bg="red")


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
        run_job(tmp_path / "in.mp4", **options)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_photo_for_nuke_is_one_picture(tmp_path):
    pytest.importorskip("OpenEXR")
    assert cv2.imwrite(str(tmp_path / "face.png"), np.zeros((32, 48, 3), np.uint8))
    run_job(tmp_path / "face.png", target="nuke")
    run_job(tmp_path / "face.png", target="nuke", output=tmp_path / "cut.exr")
    assert sorted(path.name for path in tmp_path.glob("*.exr")) == ["cut.exr", "face_nuke.exr"]


def test_a_shorter_sequence_takes_the_place_of_a_longer_one(tmp_path):
    pictures = [np.full((32, 48, 3), 40 * number, np.uint8) for number in range(5)]
    (tmp_path / "s.0001.txt").touch()
    for count in (5, 2):
        source = write_video(tmp_path / "in.mkv", pictures[:count])
        run_job(source, output=tmp_path / "s.%04d.png", bg="red", start_number=3, overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("s.*")) == ["s.0001.txt", "s.0003.png", "s.0004.png"]


def test_the_docs_name_every_target():
    text = (Path(__file__).resolve().parent.parent / "docs" / "media.md").read_text(encoding="utf-8")
    assert all(f"| `--for {target}` |" in text for target in TARGET_FACTS)
