"""Whole jobs with the engine of a GPU, on stand-in streams: files come out as they do on the CPU."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import av
import numpy as np
import pytest
from cuda_stand_ins import RecordedStreams, TorchStandIn
from engine_cases import moving_clip
from media import palette_picture, write_video
from stand_ins import numbered_clip, read_pictures

from shm_stream import device_planes, job_opening, matte_video, sink_video, video_container, video_decoding
from shm_stream.colour import ColourTags
from shm_stream.controls import Controls
from shm_stream.device_planes import DevicePlanes
from shm_stream.engine_choice import frames_stay_on_gpu
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.source import open_source
from shm_stream.video_codecs import Encoding, takes_device_frames

pytestmark = pytest.mark.timeout(120)
FRAMES = 6


@pytest.fixture
def clip(tmp_path):
    return numbered_clip(tmp_path / "clip.mp4", FRAMES)


@pytest.fixture
def on_gpu(monkeypatch):
    """From here on jobs are done by the engine of a GPU."""
    engine_cuda = pytest.importorskip("shm_stream.engine_cuda")
    RecordedStreams(monkeypatch)

    def make(runner, preset, tnet_size, **options):
        return engine_cuda.CudaEngine(runner, tnet_size=tnet_size or 256, uses_prior=preset.uses_prior, **options)

    return lambda: monkeypatch.setattr(job_opening, "make_engine", make)


def pictures(path) -> np.ndarray:
    return np.stack(read_pictures(path)).astype(int)


@pytest.mark.parametrize("codec", ["ffv1", None])
@pytest.mark.parametrize("bg", ["#405060", "blur:30"])
def test_files_are_those_of_the_cpu(clip, tmp_path, on_gpu, bg, codec):
    written = []
    for place in ("cpu", "gpu"):
        composite, alpha = tmp_path / f"{place}.mkv", tmp_path / f"{place}_alpha.mkv"
        report = matte_video(clip, composite, bg=bg, alpha=alpha, codec=codec, runner=TorchStandIn())
        assert report.frames == FRAMES
        written.append((pictures(composite), pictures(alpha)))
        on_gpu()
    for here, there in zip(*written, strict=True):
        assert len(here) == FRAMES and here.std() > 5
        assert np.abs(here - there).max() <= (2 if codec else 12) and np.abs(here - there).mean() < 0.2


class OnGpu:
    """A decoded frame as PyAV gives it when NVDEC decodes and the frame stays there. Its memory is the host's."""

    format = SimpleNamespace(name="cuda")

    def __init__(self, frame: av.VideoFrame, pix_fmt: str):
        self._frame, self._there = frame, frame.reformat(format=pix_fmt)
        self.sw_format, self.planes = self._there.format, self._there.planes

    def reformat(self, format):
        """Down to the host."""
        return self._there.reformat(format=format)

    def __getattr__(self, name):
        return getattr(self._frame, name)


@pytest.fixture
def decoded_on_gpu(monkeypatch):
    """What `--hwaccel cuda` asks PyAV for; from here on, it gives frames of this pixel format that stay on the GPU."""
    asked = []

    def decode(pix_fmt):
        decode_packet = video_decoding.decode_packet
        monkeypatch.setattr(
            video_decoding, "decode_packet", lambda *args: [OnGpu(frame, pix_fmt) for frame in decode_packet(*args)]
        )

    def settings(device, stay):
        asked.append((device, stay))  # and none for PyAV: the CPU decodes

    monkeypatch.setattr(video_container, "decoder_settings", settings)
    return decode, asked


def read_on_gpu(clip, **options):
    return open_source(clip, hwaccel="cuda", stay_on_device=True, **options)


def test_frames_that_stay_on_the_gpu_are_those_of_the_file(clip, decoded_on_gpu):
    decode, asked = decoded_on_gpu
    expected = list(open_source(clip))
    decode("nv12")
    frames = list(read_on_gpu(clip))
    assert set(asked) == {("cuda", True)} and len(frames) == len(expected) == FRAMES
    for frame, other in zip(frames, expected, strict=True):
        assert isinstance(frame.planes, DevicePlanes) and frame.size == other.size and frame.pts == other.pts
        assert "_host" not in vars(frame.planes), "copied to the host although nobody read it"
        assert np.array_equal(frame.planes.y, other.planes.y) and np.array_equal(frame.pixels, other.pixels)


def test_ten_bits_come_to_the_host(clip, decoded_on_gpu):
    expected = list(open_source(clip))
    decoded_on_gpu[0]("p010le")
    source = read_on_gpu(clip)
    frames = list(source)
    assert source.bits == 10 and not source.planar and len(frames) == FRAMES
    for frame, other in zip(frames, expected, strict=True):
        assert frame.fine_picture is not None and np.abs(frame.pixels.astype(int) - other.pixels).max() <= 3


def test_turned_and_deinterlaced_pictures_come_to_the_host(tmp_path, decoded_on_gpu):
    picture = palette_picture(96, 64)
    path = write_video(tmp_path / "turned.mp4", [picture] * 2, rotation=90, pix_fmt="yuv420p")
    expected = [frame.pixels for frame in open_source(path)]
    decoded_on_gpu[0]("nv12")
    frames = [frame.pixels for frame in read_on_gpu(path)]
    assert all(np.array_equal(*pair) for pair in zip(frames, expected, strict=True))
    read_on_gpu(path, deinterlace=True)
    assert decoded_on_gpu[1][-1] == ("cuda", False)


def test_a_job_from_decoder_to_encoder_on_the_gpu(clip, tmp_path, on_gpu, decoded_on_gpu, monkeypatch):
    """Frames never come to the host, and the file is that of the CPU."""
    decode, asked = decoded_on_gpu
    same = {"bg": "#405060", "codec": "ffv1", "tnet_size": 32}
    with Job(JobOptions(input=clip, output=tmp_path / "cpu.mkv", runner=TorchStandIn(), **same)) as job:
        job.run()
    on_gpu()
    decode("nv12")
    monkeypatch.setattr(job_opening, "frames_stay_on_gpu", lambda options: options.hwaccel == "cuda")
    monkeypatch.setattr(DevicePlanes, "_host", property(lambda self: pytest.fail("a frame came to the host")))
    options = JobOptions(input=clip, output=tmp_path / "gpu.mkv", runner=TorchStandIn(), hwaccel="cuda", **same)
    with Job(options) as job:
        assert job.run().frames == FRAMES
    assert set(asked) == {("cuda", True)}
    assert np.abs(pictures(tmp_path / "gpu.mkv") - pictures(tmp_path / "cpu.mkv")).max() <= 2


def test_composites_are_encoded_where_they_lie(tmp_path, on_gpu, decoded_on_gpu, monkeypatch):
    """From NVDEC to NVENC: nothing comes to the host. A software encoder that takes NV12 stands for NVENC."""
    encoded = []
    frame_on_device = device_planes.frame_on_device
    monkeypatch.setattr(sink_video, "takes_device_frames", lambda encoding, size: encoding.codec == "libx264")
    monkeypatch.setattr(sink_video, "DEVICE_FORMAT", "nv12")
    monkeypatch.setattr(
        device_planes, "frame_on_device", lambda planes: encoded.append(frame_on_device(planes)) or encoded[-1]
    )
    clip = write_video(tmp_path / "clip.mp4", moving_clip(FRAMES), pix_fmt="yuv420p")
    options = {"input": clip, "bg": "#405060", "codec": "libx264", "crf": 1, "tnet_size": 32}
    with Job(JobOptions(output=tmp_path / "cpu.mkv", runner=TorchStandIn(), **options)) as job:
        job.run()
    assert not encoded
    on_gpu()
    decoded_on_gpu[0]("nv12")
    monkeypatch.setattr(job_opening, "frames_stay_on_gpu", lambda options: True)
    monkeypatch.setattr(DevicePlanes, "_host", property(lambda self: pytest.fail("a frame came to the host")))
    with Job(JobOptions(output=tmp_path / "gpu.mkv", runner=TorchStandIn(), hwaccel="cuda", **options)) as job:
        assert job.run().frames == FRAMES
    assert [frame.format.name for frame in encoded] == ["nv12"] * FRAMES
    one, other = pictures(tmp_path / "gpu.mkv"), pictures(tmp_path / "cpu.mkv")
    assert one.std() > 5 and np.abs(one - other).mean() < 0.2 and np.abs(one - other).max() <= 12


@pytest.mark.parametrize(
    ("codec", "size", "taken"),
    [("h264_nvenc", (64, 48), True), ("h264_nvenc", (63, 48), False), ("libx264", (64, 48), False)],
)
def test_which_encoders_take_frames_on_a_gpu(codec, size, taken):
    encoding = Encoding("mp4", codec, "yuv420p", {}, ColourTags())
    assert takes_device_frames(encoding, size) == taken
    assert not takes_device_frames(replace(encoding, pix_fmt="yuv444p"), size)


@pytest.mark.parametrize(
    ("hwaccel", "device", "stays"),
    [("cuda", "cuda:0", True), ("cuda", "cpu", False), ("qsv", "cuda:0", False), (None, "cuda:0", False)],
)
def test_frames_stay_only_where_the_networks_are(hwaccel, device, stays):
    runner = TorchStandIn()
    runner.device = device
    assert frames_stay_on_gpu(JobOptions(input="clip.mp4", runner=runner, hwaccel=hwaccel)) == stays
    assert not frames_stay_on_gpu(JobOptions(input="clip.mp4", runner="native", hwaccel=hwaccel))
    assert not frames_stay_on_gpu(JobOptions(input="clip.mp4", runner=runner, hwaccel=hwaccel, lookahead=1))


@pytest.mark.parametrize(
    "outputs",
    [
        {"output": "cut.mov", "bg": "transparent"},
        {"output": "sequence/", "bg": "teal", "foreground": "f.mkv"},
        {"output": "c.mkv", "bg": "blur:20", "codec": "ffv1", "controls": Controls(shrink=3, feather=2, mirror=True)},
        {"output": "t.%04d.tif", "bg": "transparent", "bits": 16},
        {"alpha": "a.mkv", "codec": "ffv1", "bits": 16},
    ],
    ids=["transparent", "pictures", "edges", "16 bits", "alpha"],
)
def test_every_kind_of_output_is_written(clip, tmp_path, on_gpu, outputs):
    def read(folder) -> dict:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder): pictures(path) for path in files}

    made = []
    for place in ("cpu", "gpu"):
        folder = tmp_path / place
        folder.mkdir()
        paths = {key: f"{folder}/{outputs[key]}" for key in ("output", "alpha", "foreground") if key in outputs}
        with Job(JobOptions(input=clip, runner=TorchStandIn(), tnet_size=32, **(outputs | paths))) as job:
            assert job.run().frames == FRAMES
        made.append(read(folder))
        on_gpu()
    assert made[0].keys() == made[1].keys() and made[0]
    for name, picture in made[0].items():
        assert np.abs(picture - made[1][name]).max() <= 12 and np.abs(picture - made[1][name]).mean() < 0.5, name
