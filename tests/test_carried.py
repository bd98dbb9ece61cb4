"""Titles, chapters, timecode and subtitles of the input, found again in the output and in step with it."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import pytest
from media import numbered_picture, write_video, yuv_frame
from stand_ins import StandInRunner

from shm_stream.carried import timecode_at
from shm_stream.job import Job
from shm_stream.job_options import JobOptions

pytestmark = pytest.mark.timeout(60)

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,700\nhello\n\n2\n00:00:01,200 --> 00:00:01,600\nthere\n"


def described_clip(path: Path, timecode: str = "01:00:00:12") -> Path:
    """Two seconds with a title, two chapters and a timecode."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.metadata.update(title="Take 5", artist="Somebody")
        stream.metadata["timecode"] = timecode
        container.set_chapters([
            {"id": number, "start": 1000 * number, "end": 1000 * number + 1000, "time_base": Fraction(1, 1000),
             "metadata": {"title": title}} for number, title in enumerate(["One", "Two"])
        ])  # fmt: skip
        for number in range(50):
            frame = yuv_frame(numbered_picture(number), "yuv420p", 1, False)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def job(source: Path, **options):
    with Job(JobOptions(source, bg="red", runner=StandInRunner(), **options)) as opened:
        return opened.run()


def facts(path: Path) -> tuple:
    """(metadata with small keys, [(start, end, title) in seconds], timecode)."""
    with av.open(str(path)) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
        stream = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        chapters = [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]
        return said, chapters, stream.get("timecode") or said.get("timecode")


@pytest.mark.parametrize("before", [".mov", ".mkv"])
@pytest.mark.parametrize("after", [".mov", ".mp4", ".mkv"])
def test_titles_chapters_and_timecode(tmp_path, before, after):
    source = described_clip(tmp_path / f"in{before}")
    job(source, output=tmp_path / f"out{after}", alpha=tmp_path / f"alpha{after}")
    said, chapters, timecode = facts(tmp_path / f"out{after}")
    assert (said["title"], said["artist"]) == ("Take 5", "Somebody")
    assert chapters == [(0, 1, "One"), (1, 2, "Two")]
    assert timecode == facts(tmp_path / f"alpha{after}")[2] == "01:00:00:12"


def test_a_cut_moves_chapters_and_timecode(tmp_path):
    source = described_clip(tmp_path / "in.mov")
    job(source, output=tmp_path / "out.mov", start=0.8, duration=0.6)
    _, chapters, timecode = facts(tmp_path / "out.mov")
    assert [(round(start, 2), round(end, 2)) for start, end, _ in chapters] == [(0, 0.2), (0.2, 0.6)]
    assert timecode == "01:00:01:07"
    job(source, output=tmp_path / "late.mov", start=1.2)
    assert [title for *_, title in facts(tmp_path / "late.mov")[1]] == ["Two"]


def test_clips_without_any_get_none(tmp_path):
    job(write_video(tmp_path / "in.mp4", [numbered_picture(0)] * 2), output=tmp_path / "out.mp4")
    assert facts(tmp_path / "out.mp4")[1:] == ([], None)


@pytest.mark.parametrize(
    ("start", "frames", "rate", "wanted"),
    [
        ("01:00:00:00", 25 * 3600, Fraction(25), "02:00:00:00"),
        ("10:00:00:00", 1, Fraction(24000, 1001), "10:00:00:01"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("01:00:00;00", 107892, Fraction(30000, 1001), "02:00:00;00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("23:59:59;29", 1, Fraction(30000, 1001), "00:00:00;00"),
        ("01:00:00:25", 0, Fraction(25), None),
        ("now", 0, Fraction(25), None),
    ],
)
def test_timecode(start, frames, rate, wanted):
    assert timecode_at(start, frames, rate) == wanted


@pytest.mark.parametrize("start", ["00:00:00;00", "00:08:59;28", "23:58:59;29"])
def test_drop_frame_counts_every_number_once(start):
    """Step by step and in one leap are the same, and no dropped number appears."""
    rate, timecode = Fraction(30000, 1001), start
    for count in range(1, 4000):
        timecode = timecode_at(timecode, 1, rate)
        assert timecode == timecode_at(start, count, rate)
        hours, minutes, seconds, frame = (int(timecode[i : i + 2]) for i in (0, 3, 6, 9))
        assert seconds or frame > 1 or minutes % 10 == 0


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is missing: install ffmpeg")
@pytest.mark.parametrize(("suffix", "codec", "other"), [(".mov", "mov_text", ".mkv"), (".mkv", "srt", ".mp4")])
def test_subtitles_are_copied_or_their_loss_is_said(tmp_path, suffix, codec, other):
    (tmp_path / "s.srt").write_text(SUBTITLES)
    source = tmp_path / f"in{suffix}"
    inputs = ["-i", described_clip(tmp_path / "clip.mov"), "-i", tmp_path / "s.srt", "-map", "0:v", "-map", "1:s"]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-c:v", "copy", "-c:s", codec, source], check=True, timeout=60)
    assert job(source, output=tmp_path / f"out{suffix}", start=1.0).warnings == []
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        packets = [packet for packet in container.demux(container.streams.subtitles[0]) if packet.size]
        texts = {bytes(packet): packet.pts * packet.time_base for packet in packets}
    (time,) = (time for text, time in texts.items() if b"there" in text)
    assert abs(time - Fraction(1, 5)) < Fraction(3, 100) and not any(b"hello" in text for text in texts)
    (warning,) = job(source, output=tmp_path / f"other{other}").warnings
    assert "subtitle track does not fit into" in warning and f"{suffix} would keep it" in warning
