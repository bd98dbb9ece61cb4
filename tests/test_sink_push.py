"""Pushes, each read back by the server or the socket that it goes to."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
import threading

import pytest
from live_jobs import COUNT, run, unpaced
from live_readers import Reader, free_port, rtmp_server, wait_for_listener
from media import audio_packets, write_video
from stand_ins import StandInRunner, numbered_clip, numbered_frame, read_numbers

from shm_stream import cli, engine_choice
from shm_stream import job as job_module
from shm_stream.pace import paced

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", COUNT)


def test_push_and_recording_side_by_side(clip, tmp_path):
    port = free_port()
    url, server = rtmp_server(port)
    wait_for_listener(port)
    report = run(clip, url, tmp_path / "rec.mp4")
    assert server.result().numbers == list(range(COUNT)) and server.streams == ["h264"]
    assert read_numbers(tmp_path / "rec.mp4") == list(range(COUNT))
    assert report.seconds > 1.8, "a file is sent at its own rate"
    (live,) = report.live
    assert (live.sent, live.dropped, live.reconnects, live.lost) == (COUNT, 0, 0, False)
    assert 0 < report.latency.p50_ms <= report.latency.p95_ms <= report.latency.p99_ms
    assert "secret" not in f"{report.outputs} {report.live}"


@pytest.mark.parametrize("codec", ["aac", "libopus"])
def test_sound_is_copied_or_becomes_aac(tmp_path, codec):
    pictures = [numbered_frame(number) for number in range(25)]
    clip = write_video(tmp_path / "in.mkv", pictures, pix_fmt="yuv420p", audio=[(codec, 1, 0)])
    port = free_port()
    url, server = rtmp_server(port, sound=True)
    wait_for_listener(port)
    run(clip, url)
    sounds = server.result().sounds
    assert {name for name, _ in sounds} == {"aac"} and 35 <= len(sounds) <= 50
    if codec == "aac":
        sent, own = {len(data) for _, data in sounds}, len(audio_packets(clip))
        assert own - 3 <= len(sounds) <= own and len(sent) > 3


def test_key_frames_come_every_two_seconds(tmp_path, monkeypatch):
    unpaced(monkeypatch)
    clip = numbered_clip(tmp_path / "long.mp4", 130)
    port = free_port()
    url, server = rtmp_server(port)
    wait_for_listener(port)
    run(clip, url, bitrate=500_000)
    keys = server.result().keys
    assert len(keys) >= 3 and all(later - key < 2.1 for key, later in itertools.pairwise(keys))


def test_lost_server_is_connected_again_and_others_go_on(tmp_path, monkeypatch):
    clip = numbered_clip(tmp_path / "long.mp4", 110)
    port, lines, back = free_port(), [], threading.Event()
    url, first = rtmp_server(port, limit=20)
    wait_for_listener(port)
    second = []

    def tell(line):
        lines.append(line)
        if "connection lost" in line:
            second.append(rtmp_server(port)[1])
        elif "connected" in line:
            back.set()

    def patient(frames):
        """On a busy machine the last second does not come before the server is back."""
        for frame in paced(frames):
            if frame.index >= 85:
                back.wait(1)
            yield frame

    monkeypatch.setattr(job_module, "paced", patient)
    report = run(clip, url, tmp_path / "rec.mkv", tell=tell)
    again = second[0].result().numbers
    assert first.result().numbers == list(range(20))
    assert again == list(range(again[0], 110)) and again[0] > 20
    assert read_numbers(tmp_path / "rec.mkv") == list(range(110))
    (live,) = report.live
    assert live.reconnects == 1 and live.dropped > 0 and live.sent + live.dropped == 110 and not live.lost
    assert [line.split(": ")[1].split(" (")[0] for line in lines] == ["connection lost", "connected"]
    assert "is the stream key right?" in lines[0], "it was closed within seconds"


def test_server_that_is_gone_at_the_end_is_a_failure(clip, tmp_path, monkeypatch, capsys):
    port = free_port()
    url, server = rtmp_server(port, limit=5)
    wait_for_listener(port)
    monkeypatch.setattr(engine_choice, "load_runner", lambda *_: StandInRunner())
    code = cli.main([str(clip), "--bg", "red", "-o", url, "-o", str(tmp_path / "rec.mp4")])
    err = capsys.readouterr().err
    assert code == 1 and "had no connection at the end" in err and "frames sent" in err and "secret" not in err
    assert read_numbers(tmp_path / "rec.mp4") == list(range(COUNT))


def test_udp(clip):
    port = free_port(socket.SOCK_DGRAM)
    reader = Reader(f"udp://127.0.0.1:{port}", silence=1.5, options={"analyzeduration": "500000"})
    wait_for_listener(port, socket.SOCK_DGRAM)
    run(clip, f"udp://127.0.0.1:{port}")
    numbers = reader.result().numbers
    assert numbers == list(range(numbers[0], COUNT)) and len(numbers) > COUNT // 2


@pytest.mark.parametrize(
    ("url", "listen", "kind"),
    [
        ("rtsp://127.0.0.1:{}/matte", ["-rtsp_flags", "listen", "-i", "rtsp://127.0.0.1:{}/matte"], socket.SOCK_STREAM),
        ("srt://127.0.0.1:{}", ["-i", "srt://127.0.0.1:{}?mode=listener"], socket.SOCK_DGRAM),
    ],
)
def test_by_way_of_ffmpeg(tmp_path, url, listen, kind):
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the ffmpeg program: apt install ffmpeg")
    protocols = subprocess.run(["ffmpeg", "-hide_banner", "-protocols"], capture_output=True, text=True).stdout
    if url.startswith("srt") and "srt" not in protocols.split():
        pytest.skip("needs an ffmpeg with SRT: apt install ffmpeg")
    clip = numbered_clip(tmp_path / "clip.mp4", 75)
    port = free_port()
    command = ["ffmpeg", "-v", "error", *listen, "-c", "copy", "-f", "mpegts", str(tmp_path / "got.ts")]
    with subprocess.Popen([word.format(port) for word in command]) as server:
        wait_for_listener(port, kind)
        report = run(clip, url.format(port))
        server.wait(20)
    numbers = read_numbers(tmp_path / "got.ts")
    assert len(numbers) > 50 and numbers == list(range(numbers[0], numbers[-1] + 1))
    assert not report.live[0].lost
