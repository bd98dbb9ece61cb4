"""Frames and beeps leave a live job as they came in: at the same moment, whatever carries them, however slow it is."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time

import av
import pytest
from beats import BEEP_SECONDS, BeatSender, beeps, loud_seconds, offsets
from live_readers import free_port
from stand_ins import StandInRunner

from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions

pytestmark = pytest.mark.timeout(60)
TOLERANCE_SECONDS = 0.020
SECONDS = 2.6

INPUTS = {  # name → (ours, the sender's, container, codec of the sound, the sender's options, --listen)
    "udp aac": ("udp://127.0.0.1:{}", "udp://127.0.0.1:{}", "mpegts", "aac", "", False),
    "tcp opus": ("tcp://127.0.0.1:{}", "tcp://127.0.0.1:{}?listen=1", "mpegts", "libopus", "", False),
    "rtmp aac": ("rtmp://127.0.0.1:{}/live/key", "rtmp://127.0.0.1:{}/live/key", "flv", "aac", "", True),
    "rtsp g711": ("rtsp://127.0.0.1:{}/k", "rtsp://127.0.0.1:{}/k", "rtsp", "pcm_alaw", "rtsp_transport=tcp", True),
}


class SlowRunner(StandInRunner):
    """Most frames are dropped."""

    def tnet(self, x):
        time.sleep(0.15)
        return super().tnet(x)


class Copy(threading.Thread):
    """Copies what comes from `url` into a file, packet by packet."""

    def __init__(self, url, path, **options):
        super().__init__(daemon=True)
        self._url, self._path, self._options = url, path, options
        self.start()

    def run(self) -> None:
        with (
            av.open(self._url, timeout=(20, 1.0), options=self._options) as source,
            av.open(str(self._path), "w") as target,
        ):
            streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
            try:
                for packet in source.demux():
                    if packet.dts is not None:
                        packet.stream = streams[packet.stream_index]
                        target.mux(packet)
            except av.FFmpegError:
                return  # how these protocols end


def opened(options: JobOptions) -> Job:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(InputError):  # the sender is not there yet
            return Job(options)
        time.sleep(0.05)
    return Job(options)


def run(url, *outputs, listen=False, runner=None, **more):
    runner, live = runner or StandInRunner(unknown=False), LiveOptions(listen=listen)
    with opened(JobOptions(url, outputs, bg="red", runner=runner, duration=SECONDS, live=live, **more)) as job:
        return job.run()


def check(path, least: int) -> None:
    """At least so many beeps are there, and in step."""
    late = offsets(path)
    assert len(late) >= least, f"{path.name}: a beep was lost"
    assert all(abs(each) <= TOLERANCE_SECONDS for each in late), f"{path.name}: {late}"


@pytest.mark.parametrize("name", INPUTS)
def test_offset(name, tmp_path):
    ours, theirs, container, codec, options, listen = INPUTS[name]
    port = free_port(socket.SOCK_DGRAM if name.startswith("udp") else socket.SOCK_STREAM)
    out = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    recording = tmp_path / ("rec.mov" if "g711" in name else "rec.mkv")  # Matroska does not take G.711
    copy = Copy(out, tmp_path / "udp.ts", analyzeduration="1000000")
    with BeatSender(theirs.format(port), container, codec, options):
        run(ours.format(port), recording, tmp_path / "hls.m3u8", out, listen=listen)
    copy.join(20)
    check(recording, 2)
    check(tmp_path / "hls.m3u8", 2)
    check(tmp_path / "udp.ts", 1)  # its reader joins late


def test_no_beep_is_lost_with_the_frames(tmp_path):
    port = free_port()
    with BeatSender(f"tcp://127.0.0.1:{port}?listen=1", "mpegts", "libopus"):
        report = run(f"tcp://127.0.0.1:{port}", tmp_path / "rec.mkv", tmp_path / "hls.m3u8", runner=SlowRunner())
    assert report.dropped > report.frames
    for name in ("rec.mkv", "hls.m3u8"):
        check(tmp_path / name, 2)
        heard = beeps(tmp_path / name)
        assert all(0.99 < b - a < 1.01 for a, b in itertools.pairwise(heard))
        assert loud_seconds(tmp_path / name) > 0.8 * (len(heard) - 1) * BEEP_SECONDS, "one may begin before the file"


def test_pictures_that_a_lookahead_keeps_back_stay_with_their_sound(tmp_path):
    port = free_port()
    with BeatSender(f"tcp://127.0.0.1:{port}?listen=1", "mpegts", "libopus"):
        report = run(f"tcp://127.0.0.1:{port}", tmp_path / "rec.mkv", tmp_path / "hls.m3u8", lookahead=8)
    assert report.latency.p50_ms > 0.7 * 8 * 40, "the frames came later"
    check(tmp_path / "rec.mkv", 2)
    check(tmp_path / "hls.m3u8", 2)
