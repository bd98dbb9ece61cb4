"""Network streams, from real senders: each protocol, loss and return, what goes wrong said in one line."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from media import audio_packets, video_times
from rtsp_server import RtspServer
from stand_ins import StandInRunner, frame_number, numbered_clip, read_numbers
from stream_senders import Sender, free_port

from shm_stream import InputError, source_stream, stream_connection, stream_reader
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.source import open_source

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def impatient(monkeypatch):
    """What takes seconds for people takes a part of them here."""
    monkeypatch.setattr(stream_connection, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(stream_connection, "OPEN_SECONDS", 4.0)
    monkeypatch.setattr(source_stream, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(stream_reader, "DELAYS_SECONDS", (0.05, 0.1))


WAYS = {  # name → (address, sender's address, container, sender's options, --listen)
    "udp": ("udp://127.0.0.1:{}", "udp://127.0.0.1:{}", "mpegts", "", False),
    "tcp": ("tcp://127.0.0.1:{}", "tcp://127.0.0.1:{}?listen=1", "mpegts", "", False),
    "tcp listening": ("tcp://127.0.0.1:{}", "tcp://127.0.0.1:{}", "mpegts", "", True),
    "rtmp listening": ("rtmp://127.0.0.1:{}/live/key", "rtmp://127.0.0.1:{}/live/key", "flv", "", True),
    "rtsp listening": ("rtsp://127.0.0.1:{}/key", "rtsp://127.0.0.1:{}/key", "rtsp", "rtsp_transport=tcp", True),
}


@pytest.mark.parametrize("way", WAYS)
def test_frames_arrive_in_order_with_their_times(way):
    ours, theirs, container, options, listen = WAYS[way]
    port = free_port(socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM)
    with Sender(theirs.format(port), container, sound=True, options=options):
        source = open_when_there(ours.format(port), LiveOptions(listen=listen), max_frames=15)
        with source:
            frames = list(source)
    assert (source.width, source.height, source.live, source.planar) == (128, 48, True, True)
    assert source.rate == 25 and len(source.audio_from.templates) == 1
    numbers = [frame_number(frame.pixels) for frame in frames]
    for earlier, later, a, b in zip(frames, frames[1:], numbers, numbers[1:]):
        assert later.pts - earlier.pts == pytest.approx((b - a) % 256 * 3600, abs=90 * 2)  # flv counts milliseconds


def test_pull_from_an_rtsp_server():
    with RtspServer() as server:
        with open_source(server.url, live=LiveOptions(), max_frames=10) as source:
            numbers = [frame_number(frame.pixels) for frame in source]
        assert (source.rate, source.width) == (25, 128) and numbers == sorted(set(numbers)) and len(numbers) == 10
        with pytest.raises(InputError, match=r"does not exist on the server \(404\); check the path or stream key"):
            open_source(server.url.replace("camera", "garden"), live=LiveOptions())


def open_when_there(address: str, options: LiveOptions, **limits):
    """A sender that is a server may need a moment to start."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return open_source(address, live=options, **limits)
        except InputError as error:
            if "nothing listens" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs an RTMP server: apt install ffmpeg")
def test_pull_from_an_rtmp_server():
    port = free_port()
    picture = ["-re", "-f", "lavfi", "-i", "testsrc=s=160x120:r=30", "-f", "lavfi", "-i", "sine"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    url = f"rtmp://127.0.0.1:{port}/live/key"
    server = subprocess.Popen(["ffmpeg", "-v", "quiet", *picture, *coded, "-f", "flv", "-listen", "1", url])
    try:
        with open_when_there(url, LiveOptions(), max_frames=10) as source:
            assert (source.rate, source.width, len(list(source))) == (30, 160, 10)
    finally:
        server.kill()
        server.wait(10)


class Restarted:
    """A sender over UDP that is killed at frame 15 and followed by another one, whose frames count from 100."""

    def __init__(self, tmp_path, *, after_loss: bool):
        """`after_loss`: the second one starts when the first was missed, else at once."""
        self.said, self.url, self.out = [], f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}", tmp_path / "o.mp4"
        self._after_loss, self._senders = after_loss, [Sender(self.url, "mpegts", sound=True)]
        live = LiveOptions(tell=self._hear)
        runner = StandInRunner(unknown=False)
        try:
            with Job(JobOptions(self.url, self.out, bg="red", frames=40, runner=runner, live=live)) as job:
                self.report = job.run(self._at_frame)
        finally:
            for sender in self._senders:
                sender.kill()
        self.numbers, self.times = read_numbers(self.out), video_times(self.out)
        self.cut = next(index for index, number in enumerate(self.numbers) if number >= 100)

    def _hear(self, line: str) -> None:
        self.said.append(line)
        if self._after_loss and "trying to get it back" in line:
            self._start_second()

    def _at_frame(self, count: int) -> None:
        if count == 15:
            self._senders[0].kill()
            if not self._after_loss:
                self._start_second()

    def _start_second(self) -> None:
        self._senders.append(Sender(self.url, "mpegts", sound=True, first=100))


@pytest.mark.parametrize("after_loss", [True, False])
def test_a_sender_that_is_started_again(tmp_path, impatient, monkeypatch, after_loss):
    """The file goes on where the stream does, with a gap as long as the silence, for pictures and sound."""
    if not after_loss:
        monkeypatch.setattr(stream_connection, "SILENCE_SECONDS", 30.0)
    run = Restarted(tmp_path, after_loss=after_loss)
    numbers, times, cut = run.numbers, run.times, run.cut
    assert run.report.frames == 40 == len(numbers) and run.report.input_warning is None
    assert numbers[:cut] == sorted(numbers[:cut]) and numbers[cut:] == sorted(numbers[cut:]) and 15 <= cut < 40
    assert times == sorted(set(times)) and times[cut] - times[cut - 1] > 0.05
    for a, b, begin, end in zip(numbers[cut:], numbers[cut + 1 :], times[cut:], times[cut + 1 :]):
        assert end - begin == pytest.approx((b - a) / 25, abs=0.001)
    sounds = [seconds for seconds, _ in audio_packets(run.out)]
    assert sounds == sorted(set(sounds)) and sounds[-1] == pytest.approx(float(times[-1]), abs=0.3)
    if after_loss:
        said = [line for line in run.said if not line.startswith("holding ")]  # a busy machine lowers the quality, too
        assert run.report.reconnects == 1 and re.match(f"no frame from {run.url} for", said[0])
        assert re.fullmatch(f"nothing came from {run.url} in time: .*; trying to get it back for 30 s", said[1])
        assert re.fullmatch(rf"{run.url} is back after \d+ s", said[-1])


@pytest.mark.parametrize(("patience", "ending"), [(0, "the output covers"), (0.3, "did not come back within 0.3 s")])
def test_a_sender_that_stays_away(tmp_path, impatient, monkeypatch, patience, ending):
    port = free_port(socket.SOCK_DGRAM)
    url = f"udp://127.0.0.1:{port}"
    with Sender(url, "mpegts") as sender:
        options = JobOptions(
            url, tmp_path / "o.mp4", bg="red", runner=StandInRunner(), live=LiveOptions(reconnect_seconds=patience)
        )
        with Job(options) as job:
            monkeypatch.setattr(stream_connection, "OPEN_SECONDS", 0.3)
            report = job.run(lambda count: sender.kill() if count == 10 else None)
    assert report.frames >= 10 and ending in report.input_warning and "nothing came from" in report.input_warning
    assert len(read_numbers(tmp_path / "o.mp4")) == report.frames


@pytest.fixture
def server(tmp_path):
    numbered_clip(tmp_path / "clip.mkv", 50)
    handler = partial(Pages, (tmp_path / "clip.mkv").read_bytes(), [])
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


class Pages(BaseHTTPRequestHandler):
    """/clip.mkv; /torn.mkv, whose connection breaks in the middle once; /secret asks for a password; else 404."""

    def __init__(self, clip: bytes, torn: list, *arguments):
        self.clip, self.torn = clip, torn
        super().__init__(*arguments)

    def do_GET(self):
        if self.path == "/secret":
            return self.send_error(401)
        if self.path not in ("/clip.mkv", "/torn.mkv"):
            return self.send_error(404)
        begin = int((re.search(r"bytes=(\d+)", self.headers.get("Range", "")) or [0, 0])[1])
        self.send_response(206 if begin else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {begin}-{len(self.clip) - 1}/{len(self.clip)}")
        self.send_header("Content-Length", str(len(self.clip) - begin))
        self.end_headers()
        end = len(self.clip)
        if self.path == "/torn.mkv" and not self.torn:
            self.torn.append(end := len(self.clip) // 2)
        self.wfile.write(self.clip[begin:end])

    def log_message(self, *arguments):
        """Quiet."""


@pytest.mark.parametrize("name", ["clip.mkv", "torn.mkv"])
def test_no_frame_of_an_http_file_is_dropped(server, name):
    """A slow reader gets all of them, and a connection that breaks is gone on with where it was."""
    with open_source(f"{server}/{name}", live=LiveOptions()) as source:
        numbers = []
        for frame in source:
            numbers.append(frame_number(frame.pixels))
            if len(numbers) < 5:
                time.sleep(0.1)
    assert not source.live and source.dropped == 0 and source.warning is None
    assert numbers == list(range(50))


def test_an_http_file_may_be_taken_live(server):
    with open_source(f"{server}/clip.mkv", live=LiveOptions(live=True, reconnect_seconds=0)) as source:
        time.sleep(0.5)
        numbers = [frame_number(frame.pixels) for frame in source]
    assert numbers[-1] == 49 and len(numbers) < 50


def refusals(server):
    unused = free_port()
    return {
        f"{server}/none.mp4": "does not exist on the server (404); check the path or stream key",
        f"{server}/secret": "wrong or missing name and password",
        f"http://me:hunter2@{server[7:]}/secret": f"refused {server}/secret",
        f"rtmp://127.0.0.1:{unused}/live/key": f"nothing listens at 127.0.0.1:{unused}",
        f"rtsp://127.0.0.1:{unused}/key": f"nothing listens at 127.0.0.1:{unused}",
        "rtmp://no.such.invalid/live/key": "the name 'no.such.invalid' is not known",
        "http://no.such.invalid/a.mp4": "the name 'no.such.invalid' is not known",
        "srt://me:hunter2@host:9": "run srt-live-transmit 'srt://host:9' udp://127.0.0.1:9000",
        "gopher://host/x": "unknown protocol gopher://",
    }


def test_what_cannot_be_opened_is_one_line_with_the_cure(server):
    for address, expected in refusals(server).items():
        with pytest.raises(InputError) as caught:
            open_source(address, live=LiveOptions())
        message = " ".join(str(caught.value).split())
        assert expected in message and "hunter2" not in message and "\n" not in message, message


def test_a_sender_that_never_sends(impatient, monkeypatch):
    monkeypatch.setattr(stream_connection, "OPEN_SECONDS", 0.3)
    port = free_port(socket.SOCK_DGRAM)
    with pytest.raises(InputError, match=f"nothing came from udp://127.0.0.1:{port} in time"):
        open_source(f"udp://127.0.0.1:{port}", live=LiveOptions())


def test_something_else_than_video():
    with socket.create_server(("127.0.0.1", 0)) as talker:

        def talk():
            connection, _ = talker.accept()
            with connection:
                connection.sendall(b"220 mail.example.org ESMTP\r\n" * 3000)

        thread = threading.Thread(target=talk)
        thread.start()
        url = f"tcp://127.0.0.1:{talker.getsockname()[1]}"
        with pytest.raises(InputError, match="is not a video that can be read here"):
            open_source(url, live=LiveOptions())
        thread.join()
