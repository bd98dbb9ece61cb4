"""A microphone beside a live picture: what is heard at a moment is in the recording with what was seen then."""

from __future__ import annotations

import itertools
import os
import socket
import stat
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest
import sound_session
from beats import beeps, offsets
from dated import Camera
from live_readers import Reader, free_port
from pipewire_session import session
from stand_ins import StandInRunner, numbered_clip

from shm_stream import cli
from shm_stream.errors import InputError
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.live_options import LiveOptions
from shm_stream.microphones import describe_microphones, find_microphone
from shm_stream.stream_clock import StreamClock

pytestmark = [pytest.mark.timeout(90), pytest.mark.skipif(sys.platform != "linux", reason="sounds are Linux's here")]
MISSING = sound_session.what_is_missing() if sys.platform == "linux" else "PipeWire is Linux's"
needs_sound = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
TOLERANCE_SECONDS = 0.020
BEGAN = float(int(time.monotonic()))
PLAYER_SECONDS = 0.25
"""What pacat and the server may take from a sound that is written to one that is heard; on a busy machine it grows."""


def record(url, *outputs, seconds=4.0, told=None, **live):
    live = LiveOptions(tell=(told if told is not None else []).append, fps_target=0, **live)
    options = JobOptions(url, outputs, bg="red", runner=StandInRunner(unknown=False), duration=seconds, live=live)
    with once_it_listens(options) as job:
        return job.run()


def once_it_listens(options: JobOptions) -> Job:
    """The camera is a process that has to start."""
    end = time.monotonic() + 30
    while True:
        try:
            return Job(options)
        except InputError as error:
            assert "nothing listens" in str(error) and time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def camera():
    camera = Camera(free_port(), BEGAN)
    yield camera
    camera.stop()


@pytest.fixture
def dated(tmp_path, monkeypatch):
    """`ffmpeg` is dated.py."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ffmpeg"
    script = Path(__file__).with_name("dated.py")
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {script} sound\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def in_step(path, least: int, tolerance: float = TOLERANCE_SECONDS) -> None:
    late = offsets(path)
    assert len(late) >= least and all(abs(each) <= tolerance for each in late), late


def test_what_is_heard_is_with_what_is_seen(dated, camera, tmp_path):
    udp = f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    reader = Reader(udp, options={"analyzeduration": "1000000"})
    record(camera.url, tmp_path / "rec.mp4", tmp_path / "hls.m3u8", udp, microphone="alsa:card")
    in_step(tmp_path / "rec.mp4", 3)
    in_step(tmp_path / "hls.m3u8", 3)
    whole = beeps(tmp_path / "rec.mp4")[1:]  # the file may begin in the first
    assert all(0.99 < after - before < 1.01 for before, after in itertools.pairwise(whole))
    assert {name for name, _ in reader.result().sounds} == {"aac"}


def test_a_delay_moves_the_sound(dated, camera, tmp_path):
    record(camera.url, tmp_path / "rec.mkv", microphone="alsa:card", microphone_delay_seconds=0.2)
    late = offsets(tmp_path / "rec.mkv")
    assert len(late) >= 2 and all(abs(each - 0.2) <= TOLERANCE_SECONDS for each in late), late


@pytest.mark.slow
def test_a_card_whose_clock_runs_fast_stays_in_step(dated, camera, tmp_path, monkeypatch):
    """Half a percent, fifty times what cards are off by: without correction 40 ms after eight seconds."""
    monkeypatch.setenv("MICROPHONE_DRIFT", "1.005")
    record(camera.url, tmp_path / "rec.mkv", microphone="alsa:card", seconds=8.0)
    in_step(tmp_path / "rec.mkv", 6)


@pytest.mark.slow
def test_one_that_is_unplugged_is_silent_and_comes_back_in_step(dated, camera, tmp_path, monkeypatch):
    monkeypatch.setenv("MICROPHONE_SECONDS", "2.5")
    told = []
    record(camera.url, tmp_path / "rec.mkv", microphone="alsa:card", seconds=12.0, told=told)
    assert [line for line in told if "is lost" in line] and [line for line in told if "is back" in line], told
    in_step(tmp_path / "rec.mkv", 3)
    assert max(after - before for before, after in itertools.pairwise(beeps(tmp_path / "rec.mkv"))) > 1.5


@needs_sound
def test_beeps_in_a_sound_server(camera, tmp_path, monkeypatch):
    with (
        tempfile.TemporaryDirectory(prefix="pw") as folder,
        session(Path(folder)) as environment,
        sound_session.pulse(environment),
    ):
        for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
            monkeypatch.setenv(name, environment[name])
        assert f"pulse:{sound_session.MICROPHONE}  Monitor of" in describe_microphones()
        with pytest.raises(InputError, match=f"no microphone 'nosuch'; there are {sound_session.MICROPHONE}"):
            find_microphone("nosuch")
        beeper = sound_session.Beeper(environment, BEGAN)
        record(camera.url, tmp_path / "rec.mkv", seconds=6.0, microphone="default")
        beeper.close()
    late = offsets(tmp_path / "rec.mkv")
    assert len(late) >= 4 and all(-TOLERANCE_SECONDS <= each <= PLAYER_SECONDS for each in late), late


def test_an_output_must_carry_the_sound(dated, tmp_path, capsys):
    clip = numbered_clip(tmp_path / "clip.mp4", 5)
    assert cli.main([str(clip), "--loop", "--obs", str(free_port()), "--microphone", "alsa:card"]) == 2
    assert "--microphone needs an output that carries sound" in capsys.readouterr().err
    assert not [thread for thread in threading.enumerate() if thread.name == "shm-microphone"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--microphone"], "--microphone is for live inputs; a file has its own sound"),
        (["--loop", "--microphone-delay", "20"], "--microphone-delay belongs to a microphone"),
        (["--loop", "--microphone", "--microphone-delay", "x"], "'x' is not a number of milliseconds"),
        (["--loop", "--microphone", "alsa:nosuch"], "cannot record microphone alsa:nosuch: nosuch: Input/output error"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    if "nosuch" in str(words) and MISSING is not None:
        pytest.skip(MISSING)
    monkeypatch.chdir(tmp_path)
    numbered_clip(tmp_path / "clip.mp4", 5)
    assert cli.main(["clip.mp4", "--bg", "red", "-o", "out.mp4", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and message in said[0]
    assert os.listdir() == ["clip.mp4"]


def test_without_ffmpeg_it_is_said_what_to_type(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="needs the ffmpeg program: sudo apt install ffmpeg"):
        find_microphone("alsa:default")


@pytest.mark.parametrize("stamp", [time.monotonic, time.time])
def test_frames_that_say_when_they_were_taken_need_no_guess(stamp):
    """A slow first frame does not move the sound: what was taken and heard at one moment is at one time."""
    clock = StreamClock(Fraction(1, 25), follows_wall=True, stamped_here=True)
    taken = stamp() - 0.4
    assert clock.moment_seconds(Fraction(time.monotonic())) is None
    first = clock.frame_seconds(Fraction(taken))
    heard = Fraction(time.monotonic() - (stamp() - taken))
    assert abs(clock.moment_seconds(heard) - first) < 0.005
    clock.reconnect()
    assert clock.moment_seconds(heard) is None


def test_others_are_taken_to_be_as_old_as_the_promptest():
    now = [100.0]
    clock = StreamClock(Fraction(1, 25), follows_wall=True, now=lambda: now[0])
    clock.frame_seconds(Fraction(7))
    now[0] = 100.01  # 40 ms of the stream later, so the first had taken 30 ms longer
    clock.frame_seconds(Fraction("7.04"))
    assert abs(clock.moment_seconds(Fraction(101)) - Fraction("1.03")) < 0.0001
