"""A stream's sound encoded anew: in step whatever is missing, doubled or slow in the packets."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from beats import SOUND_RATE, beep_sound, beeps

from shm_stream.stream_audio import Sound, StreamAudio
from shm_stream.stream_audio_encoded import EncodedSound

STEP = Fraction(1, 50)
"""Seconds in a packet."""


@pytest.fixture
def sounds() -> list[Sound]:
    """Four seconds of uncompressed sound, with a beep at each full second."""
    size = int(STEP * SOUND_RATE)
    datas = [bytes(beep_sound(index * size, size, "s16").planes[0])[: size * 4] for index in range(200)]
    return [Sound(0, data, index * STEP, size, Fraction(1, SOUND_RATE)) for index, data in enumerate(datas)]


def encoded(sounds, path, *, from_second=Fraction(0)):
    """Write them as AAC; the packets' times."""
    with av.open(str(path.with_suffix(".nut")), "w") as holder:
        template = holder.add_stream("pcm_s16le", rate=SOUND_RATE, layout="stereo")
        audio, times = StreamAudio(), []
        audio.templates = [template]
        with av.open(str(path), "w") as output:
            copy = EncodedSound(audio, output)
            output.start_encoding()
            copy.start(from_second, cut=True)
            for sound in sounds:
                audio._readers[0].append(sound)
                for packet in copy.packets_until(float("inf")):
                    times.append(packet.pts * packet.time_base)
                    output.mux(packet)
            copy.close()
    assert all(after - before == Fraction(1024, SOUND_RATE) for before, after in pairwise(times)), "a seam"
    return times


def heard(folder) -> list[float]:
    """When beeps begin, but for one in the first packet, of which AAC decoders leave out a part."""
    return [second for second in beeps(folder / "a.mkv") if second > 0.1]


def test_whole(sounds, tmp_path):
    encoded(sounds, tmp_path / "a.mkv")
    assert heard(tmp_path) == pytest.approx([1, 2, 3], abs=0.002)


def test_gap_becomes_silence(sounds, tmp_path):
    encoded(sounds[:10] + sounds[120:], tmp_path / "a.mkv")
    assert heard(tmp_path) == pytest.approx([3], abs=0.002)


def test_what_comes_twice_is_heard_once(sounds, tmp_path):
    encoded(sounds[:60] + sounds[52:], tmp_path / "a.mkv")
    assert heard(tmp_path) == pytest.approx([1, 2, 3], abs=0.002)


@pytest.mark.parametrize("speed", [Fraction(99, 100), Fraction(101, 100)])
def test_a_microphone_with_its_own_clock_stays_near(sounds, tmp_path, speed):
    encoded([replace(sound, seconds=sound.seconds * speed) for sound in sounds], tmp_path / "a.mkv")
    assert heard(tmp_path) == pytest.approx([speed * second for second in (1, 2, 3)], abs=0.015)


def test_output_that_begins_later(sounds, tmp_path):
    encoded(sounds, tmp_path / "a.mkv", from_second=Fraction(1, 2))
    assert heard(tmp_path) == pytest.approx([0.5, 1.5, 2.5], abs=0.002)


def test_damage_is_silence(sounds, tmp_path):
    damaged = [replace(sound, data=b"\0") if 20 < index < 30 else sound for index, sound in enumerate(sounds)]
    encoded(damaged, tmp_path / "a.mkv")
    assert heard(tmp_path) == pytest.approx([1, 2, 3], abs=0.002)
