"""Video that a GPU decodes (NVDEC): the frames of the CPU, on the host or left where they are."""

from __future__ import annotations

import numpy as np
import pytest
from gpu_jobs import FRAMES, pictures
from gpu_runs import CLIP, DEVICE, assert_alike
from media import palette_picture, write_video

from shm_stream import device_planes
from shm_stream.colour import ColourTags
from shm_stream.device_planes import DevicePlanes
from shm_stream.errors import InputError
from shm_stream.hardware_decoder import frames_can_stay
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.source import open_source

pytestmark = [pytest.mark.needs_cuda, pytest.mark.timeout(120)]


@pytest.fixture
def nvdec():
    """Skips where the driver comes without the library that decodes, as in many containers."""
    try:
        open_source(CLIP, hwaccel="cuda").close()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def stays(nvdec):
    if not frames_can_stay("cuda"):
        pytest.skip("this PyAV cannot leave frames on a GPU")
    import torch

    torch.ones(8, device=DEVICE).sum().item()  # FFmpeg comes second: the context is torch's


def read(path, **options) -> list:
    with open_source(path, max_frames=FRAMES, **options) as source:
        return list(source)


def same(frame, other) -> bool:
    one, two = frame.planes, other.planes
    return all(np.array_equal(*pair) for pair in zip((one.y, one.u, one.v), (two.y, two.u, two.v)))


def test_frames_are_those_of_the_cpu(nvdec):
    for frame, other in zip(read(CLIP, hwaccel="cuda"), read(CLIP), strict=True):
        assert same(frame, other) and frame.pts == other.pts and frame.planes.tags == other.planes.tags


def test_frames_that_stay_are_those_of_the_cpu(stays):
    frames = read(CLIP, hwaccel="cuda", stay_on_device=True)
    assert all(isinstance(frame.planes, DevicePlanes) and frame.planes.tensors[0].is_cuda for frame in frames)
    for frame, other in zip(frames, read(CLIP), strict=True):
        assert same(frame, other) and frame.pts == other.pts and frame.planes.tags == other.planes.tags


@pytest.mark.parametrize("stay", [False, True])
def test_ten_bits(stays, stay, tmp_path):
    clip = tmp_path / "clip.mp4"
    options = {"codec": "libx265", "options": {"crf": "4", "x265-params": "log-level=none"}}
    write_video(clip, [palette_picture(256, 192, shift) for shift in range(3)], pix_fmt="yuv420p10le", **options)
    frames, expected = read(clip, hwaccel="cuda", stay_on_device=stay), read(clip)
    assert len(frames) == len(expected) == 3
    for frame, other in zip(frames, expected, strict=True):
        assert frame.fine_picture is not None
        assert np.abs(frame.fine_picture - other.fine_picture).mean() < 0.01


def test_a_job_without_a_frame_on_the_host(stays, tmp_path, monkeypatch):
    made = {}
    for device, hwaccel in (("cpu", None), (DEVICE, "cuda")):
        target = tmp_path / f"{device}.mkv"
        options = {"input": CLIP, "output": target, "bg": "#405060", "codec": "ffv1", "frames": FRAMES}
        with Job(JobOptions(device=device, hwaccel=hwaccel, **options)) as job:
            assert job.run().frames == FRAMES
        made[device] = pictures(target)
        monkeypatch.setattr(DevicePlanes, "_host", property(lambda self: pytest.fail("a frame came to the host")))
    assert_alike(made[DEVICE], made["cpu"], mean=0.1)


def test_planes_are_handed_to_an_encoder_where_they_lie():
    if not hasattr(device_planes.av.VideoFrame, "from_dlpack"):
        pytest.skip("this PyAV cannot take frames from a GPU")
    import torch

    shapes = [(96, 128), (48, 64), (48, 64)]
    tensors = [torch.randint(0, 256, shape, dtype=torch.uint8, device=DEVICE) for shape in shapes]
    for _ in range(2):
        frame = device_planes.frame_on_device(DevicePlanes(tensors, ColourTags()))
        assert frame.format.name == "cuda"
        here = frame.reformat(format="nv12").to_ndarray()
        luma, u, v = (tensor.cpu().numpy() for tensor in tensors)
        assert np.array_equal(here[:96], luma)
        assert np.array_equal(here[96:, 0::2], u) and np.array_equal(here[96:, 1::2], v)
