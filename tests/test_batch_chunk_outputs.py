"""What film teams deliver, made in chunks: masters with alpha, sequences, descriptions, several outputs in one pass."""

from __future__ import annotations

import json
import os
import signal
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from batch_bodies import soft_work
from batch_runs import children, input_folder, read_manifest, read_until, run_batch, run_both, start, wait_until
from media import audio_packets, read_pictures, video_facts, video_times, write_video
from stand_ins import numbered_clip, numbered_frame

from shm_stream.batch_chunked import ChunkedShot
from shm_stream.batch_files import digest
from shm_stream.join_pictures import join_pictures

pytestmark = pytest.mark.timeout(240)
COUNT = 81
CHUNK = ("--chunk", "1.1", "--jobs", "2")
"""Three chunks of 27 frames."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return input_folder(tmp_path, monkeypatch)


@pytest.fixture
def both(folder, monkeypatch, capsys):
    """(OUT in one piece, OUT in chunks) of a batch with these arguments."""
    return partial(run_both, monkeypatch, capsys, folder, CHUNK)


def moving(number: int) -> np.ndarray:
    """Its number, and something that moves under it."""
    stripes = np.roll(np.arange(0, 256, 2, dtype=np.uint8), 3 * number)
    return numbered_frame(number) // 2 + stripes[None, :, None] // 2


def film_clip(path: Path, timecode: str | None = "01:00:00:05", **options) -> Path:
    """With a sound track, a title and a timecode."""
    plain = path.with_name(f"plain{path.suffix}")
    write_video(plain, map(moving, range(COUNT)), pix_fmt="yuv420p", audio=[("aac", COUNT / 25, 0.1)], **options)
    with av.open(str(plain)) as given, av.open(str(path), "w") as output:
        copies = {stream: output.add_stream_from_template(stream) for stream in given.streams}
        output.metadata["title"] = "Ten"
        copies[given.streams.video[0]].metadata.update({} if timecode is None else {"timecode": timecode})
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream]
                output.mux(packet)
    plain.unlink()
    return path


def pictures(path: Path, decoder: str | None = None) -> np.ndarray:
    """[N, H, W, 4] of as many bits as there are."""
    frames = read_pictures(path, decoder)
    fine = frames[0].format.components[0].bits > 8
    return np.stack([frame.to_ndarray(format="rgba64le" if fine else "rgba") for frame in frames])


def said(path: Path) -> dict:
    """All that a file says beside its pictures; names of tags are written in many ways."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        tags = {key.lower(): value for key, value in (container.metadata | stream.metadata).items()}
        facts = {"tag": stream.codec_context.codec_tag, "rate": stream.average_rate, "words": tags}
    return {**facts, **video_facts(path), "times": video_times(path)}


def told(out: Path) -> list[dict]:
    """The sidecars of a batch, and what its manifest says but for checksums and times."""
    line = read_manifest(out)[0]
    sidecars = [json.loads(path.read_text()) for path in sorted(out.rglob("*.json")) if ".qc" not in path.parts]
    return [*sidecars, {key: line[key] for key in ("status", "reason", "frames", "warnings", "settings")}]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--for", "resolve"], ["a.mov"]),
        pytest.param(
            ["--bg", "transparent", "--suffix", ".mkv", "--bits", "16", "--sidecar"], ["a.mkv"], marks=pytest.mark.slow
        ),
        pytest.param(["--bg", "transparent", "--codec", "qtrle", "--shrink", "1"], ["a.mov"], marks=pytest.mark.slow),
        (["--bg", "transparent", "--alpha", "--foreground", "--suffix", ".avi", "--sidecar"],
         ["a.avi", "a.alpha.avi", "a.foreground.avi"]),
    ],
    ids=["ProRes", "FFV1", "QuickTime RLE", "three of Ut Video"],
)  # fmt: skip
def test_masters_are_those_of_one_piece(both, folder, arguments, names):
    source = film_clip(folder / "a.mov")
    whole, chunked = both(*arguments)
    for name in names:
        one, other = pictures(whole / name), pictures(chunked / name)
        assert len(one) == COUNT and (one == other).all() and np.ptp(one[60]) > 100, name
        assert said(whole / name) == said(chunked / name), name
    assert audio_packets(whole / names[0]) == audio_packets(chunked / names[0]) != []
    assert len(audio_packets(source)) == len(audio_packets(chunked / names[0]))
    assert told(whole) == told(chunked)


@pytest.mark.slow
def test_a_web_video_keeps_its_alpha_at_every_frame(both, folder):
    film_clip(folder / "a.mov")
    whole, chunked = both("--for", "web")
    one, other = (pictures(out / "a.webm", "libvpx-vp9")[..., 3].astype(int) for out in (whole, chunked))
    assert one.shape == other.shape and len(one) == COUNT
    distance = np.abs(one - other).mean((1, 2))  # each was encoded with key frames of its own
    assert distance.max() < 6 and np.abs(one[:-1] - one[1:]).mean() > 10
    assert said(whole / "a.webm") == said(chunked / "a.webm") and told(whole) == told(chunked)


def test_mattes_of_film_have_its_timecode(both, folder):
    film_clip(folder / "a.mov")
    whole, chunked = both("--alpha", "-ss", "1")
    assert said(chunked / "a.alpha.mov")["words"]["timecode"] == "01:00:01:05"
    assert said(whole / "a.alpha.mov") == said(chunked / "a.alpha.mov")


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx265", pytest.param("libsvtav1", marks=pytest.mark.slow)])
def test_other_codecs_are_joined(both, folder, codec):
    film_clip(folder / "a.mov", timecode=None)
    whole, chunked = both("--bg", "red", "--codec", codec, "--suffix", ".mp4")
    one, other = (pictures(out / "a.mp4").astype(int) for out in (whole, chunked))
    assert one.shape == other.shape and np.abs(one - other).mean((1, 2, 3)).max() < 12
    assert said(whole / "a.mp4") == said(chunked / "a.mp4")


@pytest.mark.slow
def test_what_an_output_cannot_keep_is_said_as_of_one_piece(both, folder):
    film_clip(folder / "a.mov", timecode=None, aspect=Fraction(4, 3))
    whole, chunked = both("--bg", "transparent", "--suffix", ".webm")
    assert told(whole) == told(chunked)
    assert "aac audio does not fit into .webm" in told(chunked)[-1]["warnings"][0]
    assert "; the pixel aspect 4:3 is not kept" in told(chunked)[-1]["warnings"][0]


def interlaced_clip(path: Path) -> Path:
    """Each frame weaves two moments, top field first."""
    fields = [np.roll(moving(0), number, axis=1) for number in range(2 * COUNT)]
    woven = [np.where(np.arange(48)[:, None, None] % 2, *pair[::-1]) for pair in zip(fields[::2], fields[1::2])]
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "4", "g": "12", "bf": "0"}
    return write_video(path, woven, pix_fmt="yuv420p", options=options)


@pytest.mark.slow
def test_whole_pictures_of_fields_are_those_of_one_piece(both, folder):
    assert read_pictures(interlaced_clip(folder / "a.mp4"))[0].interlaced_frame
    arguments = ("--bg", "transparent", "--suffix", ".mkv")
    whole, chunked = both(*arguments, "--deinterlace")
    one, other = pictures(whole / "a.mkv"), pictures(chunked / "a.mkv")
    assert len(one) == COUNT and (one == other).all()


def test_a_mask_for_all_frames_is_no_reason_for_one_piece(both, folder, monkeypatch):
    write_video(folder / "a.mp4", map(moving, range(COUNT)), pix_fmt="yuv420p")
    planned, tasks = [], ChunkedShot.tasks
    monkeypatch.setattr(ChunkedShot, "tasks", lambda self: planned.append(tasks(self)) or planned[-1])
    half = np.zeros((48, 128), np.uint8)
    half[:, 64:] = 255
    cv2.imwrite(str(folder.with_name("half.png")), half)
    arguments = ("--alpha", "--codec", "ffv1", "--suffix", ".mkv", "--holdout", str(folder.with_name("half.png")))
    whole, chunked = both(*arguments)
    one, other = pictures(whole / "a.alpha.mkv"), pictures(chunked / "a.alpha.mkv")
    assert (one == other).all() and one[:, :, 64:, 0].max() == 0 < one[:, :, :64, 0].max() and len(planned) == 1


def files(folder: Path) -> dict[str, str]:
    """Name → sha256."""
    return {path.name: digest(path) for path in sorted(folder.iterdir())}


def test_a_sequence_is_that_of_one_piece_and_nothing_of_a_longer_one_is_left(both, folder):
    pytest.importorskip("OpenEXR")
    film_clip(folder / "100%.mov")
    for out in (folder.with_name("whole"), folder.with_name("chunked")):
        (out / "100%").mkdir(parents=True)
        (out / "100%" / "100%.2000.exr").touch()
    whole, chunked = both("--for", "nuke", "--alpha", "--start-number", "7", "-y")
    names = [f"100%.{7 + index:04d}.exr" for index in range(COUNT)]
    assert [*files(chunked / "100%")] == [*names, "100%.exr.json"]
    assert files(whole / "100%") == files(chunked / "100%")
    assert told(whole) == told(chunked) and told(chunked)[0]["last_number"] == 6 + COUNT
    assert read_manifest(whole)[0]["outputs"][0] == read_manifest(chunked)[0]["outputs"][0]


def test_a_sequence_of_a_damaged_video_has_no_gap(folder, monkeypatch, capsys):
    pytest.importorskip("OpenEXR")
    whole = numbered_clip(folder / "a.mkv", 120).read_bytes()
    (folder / "a.mkv").write_bytes(whole[: len(whole) * 3 // 4])
    found = []
    for name, more in (("whole", ()), ("chunked", CHUNK)):
        out, code, _ = run_batch(monkeypatch, capsys, folder, name, "--for", "nuke", *more, work=soft_work)
        assert code == 1 and read_manifest(out)[0]["status"] == "partial"
        found.append(files(out / "a"))
    assert found[0] == found[1] and 60 < len(found[0]) < 120


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes are found through /proc")
def test_a_killed_worker_costs_its_chunk_of_a_sequence(folder):
    pytest.importorskip("OpenEXR")
    numbered_clip(folder / "a.mp4", COUNT)
    out = folder.with_name("out")
    arguments = (folder, out, "--for", "nuke", *CHUNK[:2], "--progress", "json")
    process = start(*arguments, seconds_per_frame=0.03)
    wait_until(lambda: len([*(out / ".chunks" / "a.mp4" / "0001.transparent").glob("a.*.exr")]) > 5)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "chunk 2 of 3: the worker process was killed by SIGKILL" in err
    assert not (out / "a").exists(), "nothing has its name before all of it is there"
    again = start(*arguments)
    events = read_until(again, lambda event: event["event"] == "end")
    assert again.wait(60) == 0 and again.communicate()[1] == "1 done, 0 skipped (already finished), 0 failed\n"
    assert sum(event["event"] == "frames" for event in events) == 27  # of 81
    assert sorted(os.listdir(out / "a")) == [*(f"a.{1001 + index}.exr" for index in range(COUNT)), "a.exr.json"]
    assert not (out / ".chunks").exists()


@pytest.mark.parametrize("linked", [True, False], ids=["hard links", "no hard links"])
def test_pictures_of_parts_become_one_sequence(tmp_path, monkeypatch, linked):
    parts = [tmp_path / f"{index}.png" for index in range(3)]
    for path in parts:
        path.write_text(path.stem)
    if not linked:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    (tmp_path / "shot").mkdir()
    (tmp_path / "shot" / "s.099.png").touch()
    for _ in range(1 + linked):  # as after an interruption
        join_pictures(parts, tmp_path / "shot" / "s.%03d.png", 7)
        assert {path.name: path.read_text() for path in sorted((tmp_path / "shot").iterdir())} == {
            "s.007.png": "0", "s.008.png": "1", "s.009.png": "2"
        }  # fmt: skip
        assert all(path.exists() == linked for path in parts)
