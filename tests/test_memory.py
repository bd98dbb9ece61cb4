"""`--max-memory`: jobs that stay below what was stated, measured from outside, and those that are refused."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest
from batch_runs import read_manifest
from stand_ins import StandInRunner, numbered_clip, numbered_frame, read_numbers

from shm_stream import InputError, engine_choice, machine
from shm_stream.bench_clip import EXAMPLE, make_clip
from shm_stream.cli import main
from shm_stream.cli_options import make_parser
from shm_stream.colour import ColourTags
from shm_stream.decoder_memory import decoder_bytes
from shm_stream.encoder_memory import COSTS, bounded, encoder_bytes
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.memory_need import Need
from shm_stream.memory_plan import MOST_FRAMES, Plan, choose_plan, share_of_process
from shm_stream.source import open_source
from shm_stream.thread_priority import usual_priority
from shm_stream.video_codecs import add_video_stream, choose_encoding

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell"),
]

MEASURED = """
import sys
from shm_stream.cli import main
from shm_stream.machine import peak_rss_mb
code = main(sys.argv[1:])
print(peak_rss_mb())
sys.exit(code)
"""
TAGS = ColourTags(1, primaries=1, transfer=1)
SUFFIXES = {"libvpx-vp9": ".webm", "prores_ks": ".mov", "qtrle": ".mov", "png": ".mov", "ffv1": ".mkv"}
MB = 10**6


def measured(*words) -> tuple[int, float, str]:
    """Exit code, most resident MB and stderr of the command in a process of its own."""
    command = [sys.executable, "-c", MEASURED, *map(str, words), "-y"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    return done.returncode, float(done.stdout), done.stderr


def least(*words) -> int:
    """MB that the command says it needs at least, in one line, when it may take next to nothing."""
    code, _, said = measured(*words, "--max-memory", "10M")
    assert code == 2 and said.count("\n") == 1, said
    return int(re.search(r"needs (\d+)M of memory at least and may take 10M", said)[1])


def stays_below(*words) -> None:
    """The command works with what it says it needs, takes no more, and not much less."""
    limit = least(*words)
    code, peak, said = measured(*words, "--max-memory", f"{limit}M")
    assert code == 0 and "warning" not in said, said
    assert 0.5 * limit < peak <= limit, (peak, limit)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twelve frames of 720p: encoders look ahead by about as many."""
    target = tmp_path_factory.mktemp("clip") / "clip.mp4"
    make_clip(EXAMPLE, target, (720, 1280), 0.4)
    return target


@pytest.fixture
def quick(monkeypatch):
    """Without networks; the runner that jobs load."""
    runner = StandInRunner()
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: runner)
    return runner


def slow(outputs):
    """One more kind, before a release."""
    return pytest.param(outputs, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "outputs",
    [
        ["--bg", "red", "-o", "a.mp4"],
        ["--bg", "blur", "-o", "a.mp4", "--alpha", "b.mp4", "--codec", "libx265"],
        slow(["--bg", "transparent", "-o", "a.mov"]),
        slow(["--bg", "transparent", "-o", "a.webm"]),
        slow(["--alpha", "a.mkv", "--codec", "ffv1"]),
        ["--foreground", "a.mp4", "--shrink", "1", "--despill", "80"],
        slow(["--bg", "transparent", "-o", "a.%04d.png"]),
        slow(["--bg", "red", "-o", "a.mp4", "--runner", "onnxruntime"]),
    ],
    ids=lambda outputs: " ".join(outputs),
)
def test_a_video_in_the_least_memory(clip, tmp_path, monkeypatch, outputs):
    monkeypatch.chdir(tmp_path)
    stays_below(clip, *outputs)


@pytest.mark.slow
def test_a_sequence_for_nuke_in_the_least_memory(clip, tmp_path):
    pytest.importorskip("OpenEXR", reason="pip install 'shm-stream[film]'")
    stays_below(clip, "--for", "nuke", "--frames", 4, "-o", tmp_path / "a.%04d.exr")


def stays_below_1000_mb(*words, frames: str) -> None:
    code, peak, said = measured(*words, "--max-memory", "1G", "-v")
    assert code == 0 and peak < 1000, said
    assert re.search(rf"memory: at most about \d+ of 1000 MB with {frames} frames", said), said


def test_in_more_than_the_least_memory(clip, tmp_path):
    stays_below_1000_mb(clip, "--bg", "red", "-o", tmp_path / "a.mp4", frames=str(MOST_FRAMES))


@pytest.mark.slow
def test_4k_in_the_least_memory_and_in_more(tmp_path):
    clip = tmp_path / "clip.mp4"
    make_clip(EXAMPLE, clip, (2160, 3840), 0.4)
    words = (clip, "--bg", "red", "-o", tmp_path / "a.mp4")
    stays_below(*words)
    stays_below_1000_mb(*words, frames=r"\d")


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [["--alpha", "a.png"], ["--bg", "transparent", "-o", "b.png"]], ids=lambda o: o[0])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_large_still_in_the_least_memory(tmp_path, monkeypatch, suffix, outputs):
    """With grain, which no encoder makes small."""
    monkeypatch.chdir(tmp_path)
    picture = next(iter(open_source(EXAMPLE))).pixels
    large = cv2.resize(picture, (4096, 3072)) + np.random.default_rng(0).normal(0, 12, (3072, 4096, 3))
    cv2.imwrite(f"still{suffix}", large.clip(0, 255).astype(np.uint8))
    stays_below(f"still{suffix}", *outputs)


@pytest.mark.usefixtures("quick")
def test_nothing_is_left_of_what_was_refused(tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert main([str(clip), "--bg", "red", "-o", str(tmp_path / "out.mp4"), "--max-memory", "20M"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "raise --max-memory, or ask for fewer or smaller outputs" in said
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.usefixtures("quick")
def test_every_frame_arrives_one_at_a_time(tmp_path, monkeypatch):
    clip, out = numbered_clip(tmp_path / "clip.mp4", 60), tmp_path / "out.mp4"
    monkeypatch.setattr("shm_stream.memory_plan.MOST_FRAMES", 1)
    with Job(JobOptions(clip, out, bg="red", max_memory=10**12)) as job:
        assert job.memory.frames == 1
        report = job.run()
    assert report.frames == 60 and report.memory_warning is None and read_numbers(out) == list(range(60))


@pytest.mark.usefixtures("quick")
def test_frames_that_are_kept_back_are_more_of_them(tmp_path, monkeypatch):
    """With as few as one on its way, the stage that waits for later frames would wait for ever."""
    clip, out = numbered_clip(tmp_path / "clip.mp4", 30), tmp_path / "out.mp4"
    monkeypatch.setattr("shm_stream.memory_plan.MOST_FRAMES", 1)
    with Job(JobOptions(clip, out, bg="red", max_memory=10**12, lookahead=3)) as job:
        assert job.memory.frames == 4
        job.run()
    assert read_numbers(out) == list(range(30))


@pytest.mark.usefixtures("quick")
def test_without_the_option_nothing_is_bounded(tmp_path):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    with Job(JobOptions(clip, tmp_path / "out.mp4", bg="red")) as job:
        assert job.memory is None and not job.engine.only_tiles
        assert "rc-lookahead" not in job.sinks["composite"].encoding.options


def test_m_net_is_given_tiles_only(tmp_path, quick):
    cv2.imwrite(str(tmp_path / "still.png"), cv2.resize(numbered_frame(170), (640, 360)))
    for limit, largest in ((None, 360), (10**12, 128)):
        options = JobOptions(tmp_path / "still.png", alpha=tmp_path / "a.png", max_memory=limit, overwrite=True)
        with Job(options) as job:
            quick.mnet_shapes.clear()
            job.run()
        assert max(shape[1] for shape in quick.mnet_shapes) == largest + 2 * quick.halo


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alpha", "a.mp4", "--codec", "mpeg4"], "how much memory mpeg4 takes is not known: leave out --max-memory"),
        (["--alpha", "a.mp4", "--dense"], "--max-memory needs M-Net in tiles: leave out --dense"),
        (["--bg", "red", "-o", "-"], "--max-memory is for files"),
    ],
)
def test_what_cannot_be_bounded(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert main([str(clip), *options, "--max-memory", "2G"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and message in said
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_sizes_of_memory():
    def parsed(text):
        return make_parser().parse_args(["a.mp4", f"--max-memory={text}"]).max_memory

    assert [parsed(text) for text in ("900M", "1.5G", "2GB", "700000k", "3000000000")] == [
        900 * MB, 1500 * MB, 2000 * MB, 700 * MB, 3000 * MB,
    ]  # fmt: skip
    for wrong in ("", "G", "900", "-1G", "1,5G", "2 G", "1e9", "900m", "0"):
        with pytest.raises(InputError, match="is not a size of memory; give bytes such as 900M or 2G"):
            parsed(wrong)


def test_more_memory_never_gives_less():
    """Look-ahead before waiting stages, and these before nothing."""
    encoding = choose_encoding(Path("a.mp4"), "composite", (1920, 1080), TAGS, None, None)
    need = Need(20 * MB, 15 * MB, [MB, 2 * MB, 3 * MB], (encoding,), 1920 * 1080)
    smallest, largest = need.bytes(1, 0.0), need.bytes(MOST_FRAMES, 1.0)
    with pytest.raises(InputError, match=r"this job needs 2\d\dM of memory at least and may take 100M"):
        choose_plan(100 * MB, 100 * MB, need)
    plans = [choose_plan(limit, 0, need) for limit in range(int(smallest) + 1, int(largest) + 2 * MB, MB)]
    assert all(plan.expected <= plan.limit for plan in plans)
    assert [(plan.frames, plan.look_ahead) for plan in (plans[0], plans[-1])] == [(1, 0.0), (MOST_FRAMES, 1.0)]
    assert all(one.look_ahead <= more.look_ahead for one, more in zip(plans, plans[1:]) if one.frames >= 3)
    assert choose_plan(10**12, 0, need, 1).frames == 1


def test_more_than_was_stated_is_said():
    assert re.fullmatch(r"the job took \d+ MB, more than --max-memory 1M", Plan(MB, 1, 1.0, 0.0).warning())
    assert Plan(10**12, 1, 1.0, 0.0).warning() is None


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


def test_a_batch_divides_its_memory(tmp_path):
    shots, out = tmp_path / "shots", tmp_path / "out"
    shots.mkdir()
    make_clip(EXAMPLE, shots / "a.mp4", (360, 640), 0.3)
    large = cv2.resize(next(iter(open_source(EXAMPLE))).pixels, (4608, 3456))
    cv2.imwrite(str(shots / "b.jpg"), large)
    make_clip(EXAMPLE, shots / "c.mp4", (360, 640), 0.3)
    words = ("batch", shots, out, "--bg", "red", "--jobs", 2, "--max-memory")
    code, _, said = measured(*words, "1100M")
    lines = {line["source"]: line for line in read_manifest(out)}
    assert code == 1 and {name: line["status"] for name, line in lines.items()} == {
        "a.mp4": "done", "b.jpg": "failed", "c.mp4": "done",
    }, said  # fmt: skip
    share = int(re.search(r"of memory at least and may take (\d+)M", lines["b.jpg"]["reason"])[1])
    assert 350 < share < 520 and lines["b.jpg"]["reason"] in said
    again, _, said = measured(*words, "6G")
    assert again == 0 and "1 done, 2 skipped" in said, "what was finished does not depend on it"


def test_too_little_for_so_many_processes():
    with pytest.raises(InputError, match=r"--max-memory 500M is too little for 4 --jobs .* give \d{4}M or more"):
        share_of_process(500 * MB, 4)
