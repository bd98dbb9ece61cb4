"""The plug-ins inside the real programs, and a pipe between two of ffmpeg. What is made must be what Python gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from stand_ins import read_pictures

from shm_stream import Matting
from shm_stream.hosts import GST_PLUGIN_PATH

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).resolve().parent.parent
WEBCAM = ROOT / "examples" / "webcam.mkv"
COUNT = 8
VPY = """
import sys
import numpy as np
import vapoursynth as vs
from shm_stream.hosts.vapoursynth import alpha

pictures = np.load({pictures!r})
count, height, width, _ = pictures.shape
empty = vs.core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=count, keep=True)

def fill(n, f):
    filled = f.copy()
    for channel in range(3):
        np.asarray(filled[channel])[...] = pictures[n, ..., channel]
    return filled

clip = empty.std.ModifyFrame(empty, fill)
"""


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """[COUNT, 480, 640, 3] uint8 RGB of the example clip."""
    with av.open(str(WEBCAM)) as container:
        frames = container.decode(video=0)
        return np.stack([next(frames).to_ndarray(format="rgb24") for _ in range(COUNT)])


@pytest.fixture(scope="module")
def mattes(pictures) -> np.ndarray:
    """[COUNT, 480, 640] float32 in 0..255, from Python."""
    video = Matting(runner="native").video()
    return np.stack([video(picture) * 255 for picture in pictures])


def environment(**more) -> dict:
    """With this Python's packages and this checkout in reach of another one of the same version."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]), **more}


def run(command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, timeout=90, **options)


@pytest.fixture
def vapoursynth(tmp_path, pictures):
    """Runs lines of Python after `VPY`, as a script of vspipe or alone; gives what was written to stdout."""
    python = os.environ.get("SHM_VAPOURSYNTH_PYTHON", sys.executable)
    found = run([python, "-c", "import vapoursynth, shm_stream.native as n; n.load()"], cwd=ROOT)
    if found.returncode:
        pytest.skip(
            "VapourSynth needs Python 3.12 or newer with shm-stream and `pip install vapoursynth`; "
            "SHM_VAPOURSYNTH_PYTHON names one"
        )
    np.save(tmp_path / "pictures.npy", pictures)

    def call(lines: str, *, vspipe: bool) -> bytes:
        script = tmp_path / "script.vpy"
        script.write_text(VPY.format(pictures=str(tmp_path / "pictures.npy")) + lines)
        words = [Path(python).parent / "vspipe", script, "-"] if vspipe else [python, script]
        ended = run(words, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout

    return call


def test_vspipe_writes_the_matte(vapoursynth, pictures, mattes):
    written = vapoursynth("alpha(clip, runner='native').set_output()", vspipe=True)
    made = np.frombuffer(written, np.uint8).reshape(mattes.shape)
    assert np.abs(made - mattes).max() <= 1


def test_vapoursynth_takes_yuv_that_does_not_say_its_matrix(vapoursynth, mattes):
    lines = """
yuv = clip.resize.Bicubic(format=vs.YUV420P8, matrix_s="170m").std.RemoveFrameProps("_Matrix")
alpha(yuv, runner="native").set_output()
"""
    made = np.frombuffer(vapoursynth(lines, vspipe=True), np.uint8).reshape(mattes.shape)
    assert np.abs(made - mattes).mean() < 0.5


def test_a_jump_in_vapoursynth_begins_a_scene(vapoursynth, pictures, mattes):
    lines = """
matte = alpha(clip, runner="native")
frames = [matte.get_frame(n) for n in (0, 1, 6)]
assert all(frame.props["_Range"] == vs.RANGE_FULL for frame in frames)
sys.stdout.buffer.write(np.stack([np.asarray(frame[0]) for frame in frames]).tobytes())
"""
    made = np.frombuffer(vapoursynth(lines, vspipe=False), np.uint8).reshape(3, *mattes.shape[1:])
    alone = Matting(runner="native").still(pictures[6]) * 255
    assert np.abs(made[:2] - mattes[:2]).max() <= 1 and np.abs(made[2] - alone).max() <= 1
    assert np.abs(alone - mattes[6]).max() > 2  # else it would say nothing


@pytest.fixture
def gst_launch(tmp_path):
    """Runs gst-launch-1.0 with the element in reach."""
    if shutil.which("gst-launch-1.0") is None or run(["gst-inspect-1.0", "python"]).returncode:
        pytest.skip("no GStreamer with Python: apt install gstreamer1.0-tools gstreamer1.0-python3-plugin-loader")
    system = run(["/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])"]).stdout.split()
    if [int(number) for number in system] != list(sys.version_info[:2]):
        pytest.skip("GStreamer's Python is the system's: run the tests with the same version")
    variables = environment(GST_PLUGIN_PATH=str(GST_PLUGIN_PATH), GST_REGISTRY=str(tmp_path / "registry"))
    return lambda words: run(["gst-launch-1.0", "-q", *words.split()], env=variables)


def test_gstreamer_adds_alpha_and_leaves_colours(gst_launch, tmp_path, pictures, mattes):
    opaque = np.full((*pictures.shape[:3], 1), 255, np.uint8)
    (tmp_path / "in").write_bytes(np.concatenate([pictures, opaque], axis=-1).tobytes())
    ended = gst_launch(
        f"filesrc location={tmp_path}/in ! rawvideoparse format=rgba width=640 height=480 ! "
        f"shmmatte runner=native ! filesink location={tmp_path}/out"
    )
    assert ended.returncode == 0, ended.stderr.decode()
    made = np.fromfile(tmp_path / "out", np.uint8).reshape(*pictures.shape[:3], 4)
    assert (made[..., :3] == pictures).all()
    assert np.abs(made[..., 3] - mattes).max() <= 1


def test_gstreamer_says_what_is_wrong(gst_launch):
    ended = gst_launch("videotestsrc num-buffers=2 ! videoconvert ! shmmatte runner=abacus ! fakesink")
    assert ended.returncode != 0
    assert b"unknown runner 'abacus': choose one of native" in ended.stderr and b"Traceback" not in ended.stderr


def test_a_pipe_from_ffmpeg_to_ffmpeg(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg: apt install ffmpeg")
    command = (
        f"ffmpeg -v error -i {WEBCAM} -frames:v {COUNT} -vf scale=out_range=tv -pix_fmt yuv420p "
        "-c:v rawvideo -f nut - | "
        f"{sys.executable} -m shm_stream -q - --bg '#00ff00' -o - | "
        f"ffmpeg -v error -f nut -i - -c:v ffv1 {tmp_path}/out.mkv"
    )
    ended = run(["bash", "-o", "pipefail", "-c", command], env=environment())
    assert ended.returncode == 0, ended.stderr.decode()
    made = np.stack(read_pictures(tmp_path / "out.mkv")).astype(int)
    assert made.shape[0] == COUNT
    assert np.abs(made[:, :40, :40] - (0, 255, 0)).max() <= 4
    before = np.stack(read_pictures(WEBCAM)[:COUNT]).astype(int)
    same = np.abs(made - before).max(axis=-1) <= 6
    assert 0.15 < same.mean() < 0.4  # the person
