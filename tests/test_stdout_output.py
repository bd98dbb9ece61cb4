"""Pictures through a pipe, as the program at its other end gets them."""

from __future__ import annotations

import shutil
import subprocess

import av
import numpy as np
import pytest
from media import audio_packets, read_pictures, write_video
from stand_ins import frame_number, numbered_clip, numbered_frame, read_numbers, slow_command

from shm_stream.planes import plane_view

pytestmark = pytest.mark.timeout(60)
COUNT = 12


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", COUNT)


def pipe(clip, *words) -> subprocess.CompletedProcess:
    command = [*slow_command(0), str(clip), "-o", "-", *words]
    return subprocess.run(command, capture_output=True, timeout=40)


def test_nut_has_pictures_times_and_sound(tmp_path):
    pictures = [numbered_frame(number) for number in range(25)]
    clip = write_video(tmp_path / "in.mkv", pictures, pix_fmt="yuv420p", audio=[("aac", 1, 0)])
    result = pipe(clip, "--bg", "red")
    assert result.returncode == 0 and b"25 frames in" in result.stderr
    (tmp_path / "got.nut").write_bytes(result.stdout)
    with av.open(str(tmp_path / "got.nut")) as container:
        frames = list(container.decode(video=0))
    assert frames[0].format.name == "yuv420p"
    assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(25)], abs=1e-4)
    assert [frame_number(frame.to_ndarray(format="rgb24")) for frame in frames] == list(range(25))
    own = {data for _, data in audio_packets(clip)}
    assert {data for _, data in audio_packets(tmp_path / "got.nut")} <= own


@pytest.mark.parametrize(("bg", "bytes_a_pixel"), [("red", 1.5), ("transparent", 4)])
def test_bare_pixels(clip, bg, bytes_a_pixel):
    result = pipe(clip, "--bg", bg, "--stdout-format", "rawvideo")
    assert result.returncode == 0 and len(result.stdout) == COUNT * 48 * 128 * bytes_a_pixel
    pictures = np.frombuffer(result.stdout, np.uint8).reshape(COUNT, -1)
    if bg == "transparent":
        rgba = pictures.reshape(COUNT, 48, 128, 4)
        assert [frame_number(picture) for picture in rgba] == list(range(COUNT)) and (rgba[..., 3] == 255).all()
    else:
        luma = pictures[:, : 48 * 128].reshape(COUNT, 48, 128, 1)
        assert [frame_number(picture) for picture in luma] == list(range(COUNT))


@pytest.mark.parametrize("full", [False, True])
def test_levels_are_those_that_readers_take(tmp_path, full):
    grey = np.full((48, 128, 3), 200, np.uint8)
    clip = write_video(tmp_path / "in.mkv", [grey] * 2, pix_fmt="yuv420p", codec="ffv1", options={}, full=full)
    (tmp_path / "got.nut").write_bytes(pipe(clip, "--bg", "red").stdout)
    shown = read_pictures(tmp_path / "got.nut")[0]
    assert np.abs(plane_view(shown.planes[0]).astype(int) - round(16 + 200 * 219 / 255)).max() <= 1


def test_ffmpeg_reads_it(clip, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the ffmpeg program: apt install ffmpeg")
    command = [*slow_command(0), str(clip), "--bg", "red", "-o", "-"]
    encode = ["ffmpeg", "-v", "error", "-i", "-", "-crf", "10", str(tmp_path / "got.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        subprocess.run(encode, stdin=process.stdout, check=True, timeout=40)
        process.stdout.close()
    assert process.returncode == 0 and read_numbers(tmp_path / "got.mp4") == list(range(COUNT))


def test_reader_that_leaves_ends_it_with_one_line(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 200)
    command = [*slow_command(0), str(clip), "--bg", "red", "-o", "-", "-o", str(tmp_path / "rec.mkv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(200_000)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert said.startswith("shm-stream: error: stdout was closed by its reader after ") and said.count("\n") == 1
    kept = read_numbers(tmp_path / "rec.mkv")
    assert len(kept) >= 10 and kept == list(range(len(kept)))


def test_terminal_is_refused(clip):
    script = shutil.which("script")
    if script is None:
        pytest.skip("needs the script program: apt install bsdutils")
    command = " ".join(f"'{word}'" for word in [str(clip), "--bg", "red", "-o", "-"])
    words = " ".join(f"'{word}'" for word in slow_command(0)[:2])
    program = slow_command(0)[2].replace("'", "'\\''")
    result = subprocess.run(
        [script, "-qec", f"{words} '{program}' {command}", "/dev/null"], capture_output=True, timeout=40
    )
    assert result.returncode == 2 and b"stdout is a terminal" in result.stdout
