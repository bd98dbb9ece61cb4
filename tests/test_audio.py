"""Audio is copied: the same bytes at the same place in time."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from media import audio_packets, numbered_picture, video_facts, video_times, write_video

from shm_stream.sink import open_sink
from shm_stream.source import open_source
from shm_stream.video_container import LENIENT

TICK = Fraction(1, 500)  # mkv counts milliseconds


def clip(path, audio, **options):
    return write_video(path, [numbered_picture(number) for number in range(50)], audio=audio, **options)


def convert(path, target, kind="composite", **cut):
    source = open_source(path, **cut)
    times = {key: value for key, value in cut.items() if key != "max_frames"}
    sink = open_sink(target, source, kind=kind, audio_from=path, **times)
    for frame in source:
        sink.write(frame, frame.pixels if kind == "composite" else frame.pixels[..., 0].copy())
    sink.finish()
    return sink


def offset(path) -> Fraction:
    """Start of the audio against the start of the picture."""
    return audio_packets(path)[0][0] - video_times(path)[0]


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv", "out.mov"])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "flac", "pcm_s16le"])
def test_every_packet_is_the_same(tmp_path, codec, target):
    path = clip(tmp_path / "in.mkv", [(codec, 2.0, 0.0)])
    sink = convert(path, tmp_path / target)
    if sink.warning:
        assert "audio does not fit" in sink.warning
        assert (codec, target) in [("flac", "out.mov"), ("pcm_s16le", "out.mp4")]  # PCM without a channel layout
        assert video_facts(tmp_path / target)["audio"] == 0
        return
    before, after = audio_packets(path), audio_packets(tmp_path / target)
    assert [data for _, data in after] == [data for _, data in before]
    assert len(before) > 20
    for (time, _), (moved, _) in zip(before, after, strict=True):
        assert abs((moved - after[0][0]) - (time - before[0][0])) <= TICK
    assert abs(offset(tmp_path / target) - offset(path)) <= TICK


@pytest.mark.parametrize("start", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("target", ["out.mp4", "out.mkv"])
def test_offset_between_sound_and_picture_is_kept(tmp_path, start, target):
    path = clip(tmp_path / "in.mp4", [("aac", 1.0, start)])
    convert(path, tmp_path / target)
    assert abs(offset(tmp_path / target) - offset(path)) <= TICK
    assert [data for _, data in audio_packets(tmp_path / target)] == [data for _, data in audio_packets(path)]


@pytest.mark.parametrize("target", ["out.mp4", "out.mkv"])
def test_picture_that_starts_late(tmp_path, target):
    pts = [400 + 40 * number for number in range(50)]
    path = clip(tmp_path / "in.mkv", [("aac", 2.0, 0.0)], pts=pts, time_base=Fraction(1, 1000), last_duration=40)
    convert(path, tmp_path / target)
    assert abs(offset(tmp_path / target) - offset(path)) <= TICK
    assert len(audio_packets(tmp_path / target)) == len(audio_packets(path))


def test_all_streams_are_copied(tmp_path):
    path = clip(tmp_path / "in.mkv", [("aac", 2.0, 0.0), ("flac", 2.0, 0.0)])
    convert(path, tmp_path / "out.mkv")
    for stream in (0, 1):
        before, after = audio_packets(path, stream), audio_packets(tmp_path / "out.mkv", stream)
        assert [data for _, data in after] == [data for _, data in before]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    "cut",
    [{"start_seconds": 0.8, "duration_seconds": 0.6}, {"max_frames": 12}, {"start_seconds": 1.0, "max_frames": 5}],
)
def test_cut_audio_matches_the_cut_picture(tmp_path, suffix, cut):
    path = clip(tmp_path / f"in{suffix}", [("aac", 2.0, 0.0)])
    target = tmp_path / f"out{suffix}"
    convert(path, target, **cut)
    begin = Fraction(cut.get("start_seconds", 0)).limit_denominator(100)
    end = begin + Fraction(len(video_times(target)), 25)
    origin = video_times(path)[0]
    packets = [(time - origin, data) for time, data in audio_packets(path)]
    wanted = [data for time, data in packets if (time >= begin or not begin) and time < end]
    assert [data for _, data in audio_packets(target)] == wanted
    if begin:
        assert 0 <= offset(target) <= Fraction(1024, 48000) + TICK


def test_language_and_title_are_kept_even_if_not_utf8(tmp_path):
    path = clip(tmp_path / "in.mkv", [("aac", 2.0, 0.0)])
    path.write_bytes(path.read_bytes().replace(b"Sound", b"S\xe9und"))
    convert(path, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv"), **LENIENT) as container:
        metadata = container.streams.audio[0].metadata
    assert metadata["language"] in ("deu", "ger") and metadata["title"].startswith("S")


def test_audio_ends_with_a_picture_that_was_stopped(tmp_path):
    path = clip(tmp_path / "in.mkv", [("aac", 2.0, 0.0)])
    source = open_source(path)
    sink = open_sink(tmp_path / "out.mkv", source, kind="composite", audio_from=path)
    frames = iter(source)
    for _ in range(10):
        frame = next(frames)
        sink.write(frame, frame.pixels)
    frames.close()
    sink.finish()
    assert max(time for time, _ in audio_packets(tmp_path / "out.mkv")) < Fraction(11, 25)


def test_audio_that_does_not_fit_is_announced(tmp_path):
    path = clip(tmp_path / "in.mp4", [("aac", 2.0, 0.0)])
    source = open_source(path, max_frames=3)
    sink = open_sink(tmp_path / "out.webm", source, kind="composite", audio_from=path)
    assert sink.warning == "aac audio does not fit into .webm and is left out; .mkv would keep it"
    for frame in source:
        sink.write(frame, frame.pixels)
    sink.finish()
    assert video_facts(tmp_path / "out.webm")["audio"] == 0


def test_opus_goes_into_webm(tmp_path):
    quick = {"deadline": "realtime", "cpu-used": "8"}
    audio = [("libopus", 2.0, 0.0)]
    path = clip(tmp_path / "in.webm", audio, codec="libvpx-vp9", pix_fmt="yuv420p", options=quick)
    sink = convert(path, tmp_path / "out.webm")
    assert sink.warning is None
    assert [data for _, data in audio_packets(tmp_path / "out.webm")] == [data for _, data in audio_packets(path)]


def test_mattes_have_no_sound_and_silent_inputs_are_fine(tmp_path):
    path = clip(tmp_path / "in.mp4", [("aac", 2.0, 0.0)])
    convert(path, tmp_path / "alpha.mp4", "alpha")
    assert video_facts(tmp_path / "alpha.mp4")["audio"] == 0
    silent = clip(tmp_path / "silent.mp4", [])
    assert convert(silent, tmp_path / "out.mp4").warning is None


def test_sound_longer_than_the_picture_is_kept_whole(tmp_path):
    path = clip(tmp_path / "in.mp4", [("aac", 4.0, 0.0)])
    source = open_source(path)
    convert(path, tmp_path / "out.mp4")
    assert len(audio_packets(tmp_path / "out.mp4")) == len(audio_packets(path))
    list(source)
    assert source.warning is None
