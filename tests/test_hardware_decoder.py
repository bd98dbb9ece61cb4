"""Decoding and encoding on devices that this machine has not got: what is said, and what PyAV is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available
from media import numbered_picture, write_video

from shm_stream import hardware_decoder, video_container, video_decoding
from shm_stream.device import missing_for_cuda
from shm_stream.errors import InputError
from shm_stream.hardware_decoder import cannot_decode, decoder_settings
from shm_stream.source import open_source
from shm_stream.video_codecs import choose_encoding

pytestmark = pytest.mark.timeout(60)
HAS_CUDA = missing_for_cuda() is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    pictures = [numbered_picture(number) for number in range(5)]
    return write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures)


def test_an_unknown_device_is_named_with_those_there_are(clip):
    with pytest.raises(InputError, match="no decoder for 'abacus' is built in here; --hwaccel takes"):
        open_source(clip, hwaccel="abacus")


@pytest.mark.skipif(HAS_CUDA or "cuda" not in hwdevices_available(), reason="NVIDIA hardware, or PyAV without CUDA")
def test_a_missing_gpu_is_said_and_nothing_falls_back(clip, tmp_path):
    with pytest.raises(InputError, match="cuda cannot be used .its driver or the GPU is missing.; leave out --hwaccel"):
        open_source(clip, hwaccel="cuda")
    with pytest.raises(InputError, match="h264_nvenc cannot be used: its driver or the GPU is missing"):
        choose_encoding(tmp_path / "x.mp4", "composite", (640, 480), open_source(clip).colour, "h264_nvenc", 20)


def test_a_bad_file_is_said_before_the_device(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="it is not a video or is incomplete"):
        open_source(tmp_path / "text.mp4", hwaccel="cuda")


def test_a_codec_that_the_device_does_not_know(tmp_path):
    error = cannot_decode(tmp_path / "clip.mkv", "drm", RuntimeError("no stream is compatible"))
    assert str(error) == f"drm cannot decode {tmp_path / 'clip.mkv'}; leave out --hwaccel"


@pytest.mark.skipif(not hwdevices_available(), reason="PyAV without devices")
def test_the_device_or_an_error_is_asked_for():
    settings = decoder_settings(hwdevices_available()[0])
    assert not settings.allow_software_fallback and not settings.is_hw_owned


@pytest.mark.skipif("cuda" not in hwdevices_available(), reason="PyAV without CUDA")
def test_frames_that_stay_are_decoded_in_the_context_of_torch(monkeypatch):
    """PyAV's own choice is the primary context, which FFmpeg refuses where torch has begun to use it."""
    used = []
    monkeypatch.setattr("torch.cuda.synchronize", used.append)
    settings = decoder_settings("cuda", stay=True)
    assert used == ["cuda"] and settings.is_hw_owned and not settings.allow_software_fallback
    assert hardware_decoder._torch_context() == {"primary_ctx": "0", "current_ctx": "1"}


def test_a_device_that_decodes_nothing_of_a_file_is_said(clip, monkeypatch):
    """As a GPU does with a profile that it does not know, or whose driver lacks the library that decodes."""
    monkeypatch.setattr(video_container, "decoder_settings", lambda device, stay: None)
    monkeypatch.setattr(video_decoding, "decode_packet", lambda packet, progress: [])
    with pytest.raises(InputError, match="cuda cannot decode .*clip.mp4; leave out --hwaccel"):
        open_source(clip, hwaccel="cuda")


def test_every_pass_through_the_file_asks_for_it(clip, monkeypatch):
    """A stand-in for the device: the settings reach PyAV, and the frames are those of the file."""
    asked = []

    def settings(device, stay):
        assert not stay
        asked.append(device)  # and none for PyAV: the CPU decodes

    monkeypatch.setattr(video_container, "decoder_settings", settings)
    expected = [frame.pixels for frame in open_source(clip)]
    assert asked == []
    source = open_source(clip, hwaccel="cuda")
    assert asked == ["cuda"]
    frames = [frame.pixels for frame in source]
    assert asked == ["cuda"] * 2 and all(np.array_equal(*pair) for pair in zip(frames, expected, strict=True))


def test_what_is_no_video_file_is_refused(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(InputError, match="is no video: --hwaccel is for video files"):
        open_source(tmp_path / "pictures", hwaccel="cuda")
