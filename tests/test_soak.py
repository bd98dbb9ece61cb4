"""benchmarks/soak_live.py: a short soak, and what it finds where sound drifts or frames are missing."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from stand_ins import StandInRunner

from shm_stream import engine_choice, machine
from shm_stream.bench_clip import EXAMPLE

pytestmark = pytest.mark.timeout(120)

SCRIPTS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def marks(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import marks

    return marks


@pytest.fixture
def soak(marks, monkeypatch, capsys, tmp_path):
    """Run the script in this process, without networks; (exit code, stdout, stderr). Nothing it makes may stay."""
    import running
    import soak_live

    rooms = tmp_path / "temporary"
    rooms.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(rooms))
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner(unknown=False))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["soak_live.py", *map(str, arguments)])
        try:
            running.run(soak_live.measure, soak_live.make_parser())
            code = 0
        except SystemExit as exit:
            code = exit.code
        assert not list(rooms.iterdir())
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def marked(tmp_path_factory) -> Path:
    """Twelve seconds with marks."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(SCRIPTS))
        import marks

        target = tmp_path_factory.mktemp("marked") / "marked.mkv"
        marks.write_marked(EXAMPLE, target, (90, 160), 12)
        return target


def rewritten(source: Path, target: Path, *, faster: Fraction = Fraction(1), every: int = 1) -> Path:
    """A copy whose sound comes `faster` than its pictures, with only one of `every` pictures."""
    with av.open(str(source)) as read, av.open(str(target), "w") as output:
        video = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 160, 90, "yuv420p"
        audio = output.add_stream("aac", rate=48000, layout="stereo")
        pictures, samples = 0, []
        for frame in read.decode():
            if isinstance(frame, av.AudioFrame):
                samples.append(frame.to_ndarray())
                continue
            if pictures % every == 0:
                output.mux(video.encode(frame))
            pictures += 1
        output.mux(video.encode(None))
        whole = np.concatenate(samples, 1)
        taken = np.arange(0, whole.shape[1], float(faster)).astype(int)
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(whole[:, taken]), "fltp", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
        output.mux(audio.encode(sound))
        output.mux(audio.encode(None))
    return target


def read(marks, path: Path):
    with av.open(str(path)) as container:
        return marks.Marks().read(container)


@pytest.mark.skipif(machine.rss_mb() is None, reason="the system does not tell")
def test_a_short_soak(soak):
    code, out, err = soak("--seconds", 9, "--every", 3, "--clip-seconds", 2)
    *samples, last = map(json.loads, out.splitlines())
    assert (code, err) == (0, ""), (err, last)
    assert len(samples) in (2, 3) and samples[0]["seconds"] >= 3
    assert 0 < samples[0]["frames"] < samples[1]["frames"] <= last["frames"]
    assert all(0 < sample["p50_ms"] <= sample["p95_ms"] for sample in samples)
    grown = 100 * (samples[-1]["rss_mb"] / samples[0]["rss_mb"] - 1)
    assert last["memory_growth_percent"] == pytest.approx(grown, abs=0.2)
    assert last["frames"] + last["dropped"] >= 240
    assert last["udp"]["sent"] + last["udp"]["dropped"] == last["frames"]
    assert 0 < last["udp"]["read_back"] <= last["udp"]["sent"]
    for found in last["drift"].values():
        assert abs(found["ms"]) <= 20 + found["unsure_ms"] and found["marks"] >= 3


def test_too_short_or_odd(soak):
    assert soak("--seconds", 5) == (2, "", "error: three lines at least: --seconds 5 must be three times --every 10\n")
    code, out, err = soak("--clip-seconds", 3)
    assert (code, out) == (2, "") and "--clip-seconds 3 must be even" in err


def test_marks_are_seen_and_heard_at_once(marks, marked):
    found = read(marks, marked)
    assert found.frames == 360 and len(found.offsets()) == 12
    assert [round(each.at, 2) for each in found.offsets()] == [second + 0.5 for second in range(12)]
    assert all(abs(each.late) < 0.005 for each in found.offsets())
    drift, unsure = marks.drift(found.offsets(), 4)
    assert abs(drift) < 0.002 and unsure < 0.005


def test_sound_that_drifts_is_found(marks, marked, tmp_path):
    fast = rewritten(marked, tmp_path / "fast.mkv", faster=Fraction(101, 100))
    drift, unsure = marks.drift(read(marks, fast).offsets(), 4)
    assert -0.08 < drift < -0.06 and unsure < 0.005, "one in a hundred from second 2 to second 9"


def test_marks_among_missing_frames_are_less_sure(marks, marked, tmp_path):
    sparse = rewritten(marked, tmp_path / "sparse.mkv", every=7)
    drift, unsure = marks.drift(read(marks, sparse).offsets(), 4)
    assert 0.05 < unsure < 0.25 and abs(drift) <= unsure


def test_too_few_marks(marks, tmp_path):
    assert marks.drift([], 1) is None
    assert marks.drift([marks.Offset(1.0, 0.0, 0.0), marks.Offset(2.0, 0.0, 0.0)], 1.5) is None
