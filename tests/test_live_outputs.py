"""Live outputs, each read back by what watches such a thing: a server, a player's socket, a playlist, OBS's way."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import socket
import subprocess
import threading
import time

import av
import numpy as np
import pytest
from live_readers import Reader, free_port, rtmp_server, wait_for_listener
from media import audio_packets, write_video
from stand_ins import StandInRunner, numbered_clip, numbered_frame, read_numbers, slow_command

from shm_stream import cli, engine_choice, live_sink
from shm_stream import job as job_module
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.pace import paced

pytestmark = pytest.mark.timeout(60)
COUNT = 50
"""Frames of the clip: two seconds."""


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", COUNT)


@pytest.fixture
def unpaced(monkeypatch):
    """As fast as possible, nothing dropped."""
    monkeypatch.setattr(job_module, "paced", iter)
    monkeypatch.setattr(live_sink, "WAITING_SECONDS", 100)


def run(clip, *outputs, runner=None, tell=lambda line: None, **options):
    options = {"bg": "red", "output": outputs or None, **options}
    with Job(JobOptions(input=clip, runner=runner or StandInRunner(), live=LiveOptions(tell=tell), **options)) as job:
        return job.run()


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


def test_key_frames_come_every_two_seconds(tmp_path, unpaced):
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


def test_playlist_slides_and_old_segments_go(tmp_path, unpaced):
    clip = numbered_clip(tmp_path / "long.mp4", 400)
    folder = tmp_path / "hls"
    folder.mkdir()
    (folder / "live_000077.ts").write_bytes(b"of yesterday")
    with pytest.raises(InputError, match="live_000077.ts exists; add -y"):
        run(clip, folder / "live.m3u8")
    report = run(clip, folder / "live.m3u8", overwrite=True)
    assert report.live[0].sent == 400
    listed = [line for line in (folder / "live.m3u8").read_text().splitlines() if not line.startswith("#")]
    kept = sorted(path.name for path in folder.glob("*.ts"))
    assert len(listed) == 6 and set(listed) <= set(kept) and len(kept) <= 8 and "live_000000.ts" not in kept
    numbers = read_numbers(folder / "live.m3u8")
    assert numbers[-1] == 399 % 256 and len(numbers) == 300
    with pytest.raises(InputError, match="add -y"):
        run(clip, folder / "live.m3u8")


def test_an_input_named_like_a_segment_is_never_deleted(tmp_path):
    clip = numbered_clip(tmp_path / "live_000000.ts", 5)
    with pytest.raises(InputError, match="is the input itself"):
        run(clip, tmp_path / "live.m3u8", overwrite=True)
    assert len(read_numbers(clip)) == 5


def test_recording_beside_a_live_output_survives_a_kill(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 250)
    names = ("rec.mp4", "rec.mkv")
    with contextlib.ExitStack() as running:
        for name in names:
            push = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
            words = [*slow_command(0), str(clip), "--bg", "red", "-o", push, "-o", str(tmp_path / name)]
            process = running.enter_context(subprocess.Popen(words, stderr=subprocess.DEVNULL))
            running.callback(process.send_signal, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not all(enough(tmp_path, name) for name in names):
            time.sleep(0.1)
    for name in names:
        (left,) = tmp_path.glob(f".rec.*.partial{name[3:]}")
        numbers = read_numbers(left)
        assert len(numbers) >= 25 and numbers == list(range(len(numbers)))


def enough(folder, name) -> bool:
    """Whether the unfinished file holds a second already."""
    try:
        return any(len(read_numbers(path)) >= 25 for path in folder.glob(f".rec.*.partial{name[3:]}"))
    except (av.FFmpegError, IndexError):
        return False


@pytest.mark.parametrize(
    ("outputs", "options", "message"),
    [
        (["rtmp://127.0.0.1:1/live/k"], {}, "nothing listens at 127.0.0.1:1"),
        (["rtmp://no.such.host.invalid/live/k"], {}, "name 'no.such.host.invalid' is not known"),
        (["rtmp://127.0.0.1/live"], {}, "nothing listens|stream key"),
        (["rtmp://127.0.0.1"], {}, "names no application and stream key"),
        (["udp://127.0.0.1"], {}, "names no port"),
        (["udp://127.0.0.1:99999"], {}, "is not an address"),
        (["rtmp://me:secret@127.0.0.1"], {}, "^rtmp://127.0.0.1 names no application"),
        (["ftp://host/a"], {}, r"cannot push to ftp://; use one of rtmp://"),
        (["a.mp4", "b.mp4"], {}, "two files for the composite"),
        (["udp://h:1", "udp://h:1"], {}, "asked for twice"),
        (["udp://h:1"], {"bg": "transparent"}, "shows opaque pictures"),
        (["udp://h:1"], {"bg": None}, "needs a background"),
        (["udp://h:1"], {"crf": 20}, "are for files"),
        ([], {"obs": 8555}, "leave out --bg"),
        (["a.mp4"], {"bitrate": 1_000_000}, "--bitrate is for pushes"),
        ([], {"alpha": "udp://h:1"}, "alpha goes to a file or a folder"),
        (["nowhere/a.m3u8"], {}, "does not exist; create it first"),
        ([], {"obs": 70000, "bg": None}, "port 70000 is out of range"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_written(clip, tmp_path, monkeypatch, outputs, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as raised:
        run(clip, *outputs, **options)
    assert "\n" not in str(raised.value) and list(tmp_path.iterdir()) == [clip]


@pytest.mark.parametrize(("url", "cure"), [("srt://h:1", "apt install ffmpeg, or srt-tools"), ("rtsp://h/x", "ffmpeg")])
def test_missing_program_is_named(clip, monkeypatch, url, cure):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match=cure):
        run(clip, url)


class HalfRunner(StandInRunner):
    """A subject that fills the left half."""

    def tnet(self, x):
        logits = np.full((3, x.shape[2] // 4, x.shape[3] // 4), -50, np.float32)
        middle = logits.shape[2] // 2
        logits[0, :, :middle] = logits[1, :, middle:] = 50
        return logits


def test_obs_gets_alpha_and_may_come_and_go(tmp_path):
    clip = numbered_clip(tmp_path / "long.mp4", 100)
    port, lines, readers = free_port(), [], []

    def tell(line):
        lines.append(line)
        if "Input Format" in line or ("connection lost" in line and len(readers) < 2):
            readers.append(Reader(f"tcp://127.0.0.1:{port}", limit=10, format="nut"))

    report = run(clip, bg=None, obs=port, runner=HalfRunner(), tell=tell)
    first, second = (reader.result() for reader in readers)
    assert len(first.pictures) == len(second.pictures) == 10
    assert second.times[0] > first.times[-1]
    for picture, seconds in zip(first.pictures + second.pictures, first.times + second.times):
        assert (picture[:, :56, 3] == 255).all() and (picture[:, 72:, 3] == 0).all()
        assert np.abs(picture[:, :48, :3].astype(int) - numbered_frame(round(seconds * 25))[:, :48]).max() < 40
    (live,) = report.live
    assert live.sent >= 20 and not live.lost and live.reconnects == 1 and f"tcp://127.0.0.1:{port}" in lines[0]
    assert list(tmp_path.iterdir()) == [clip]
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def test_obs_that_stops_reading_holds_nobody_up(tmp_path, monkeypatch):
    monkeypatch.setattr(live_sink, "END_SECONDS", 0.5)
    clip = write_video(tmp_path / "big.mkv", [np.zeros((480, 640, 3), np.uint8)] * 50, pix_fmt="yuv420p")
    port = free_port()
    clients = []

    def tell(line):
        if "Input Format" in line:
            clients.append(socket.create_connection(("127.0.0.1", port)))

    report = run(clip, tmp_path / "rec.mkv", obs=port, tell=tell)
    (live,) = report.live
    assert live.dropped > 25 and live.sent + live.dropped <= 50
    with av.open(str(tmp_path / "rec.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 50
    clients[0].close()


def test_port_in_use(clip):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use by another program"):
            run(clip, bg=None, obs=port)
