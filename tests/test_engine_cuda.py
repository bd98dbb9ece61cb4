"""The engine of a GPU with stand-in streams: the same results as on the CPU, and events that keep the order."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from cuda_stand_ins import RecordedStreams, TorchStandIn
from engine_cases import moving_clip, noise, run_stages, work_of

from shm_stream.background import open_background
from shm_stream.colour import ColourTags
from shm_stream.controls import NEUTRAL, Controls
from shm_stream.engine import Engine
from shm_stream.engine_fuse import OUTPUT_KINDS
from shm_stream.live_controls import LiveControls
from shm_stream.pipeline import through
from shm_stream.planes import planes_from_rgb
from shm_stream.yuv_planes import YuvPlanes

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def cuda(monkeypatch):
    engine_cuda = pytest.importorskip("shm_stream.engine_cuda")
    return engine_cuda, RecordedStreams(monkeypatch).log


def parts(picture) -> list[np.ndarray]:
    """Arrays of a picture, as numbers that can be subtracted."""
    planes = [picture.y, picture.u, picture.v] if isinstance(picture, YuvPlanes) else [picture]
    return [plane.astype(int) for plane in planes]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("background", ["blur:20", "teal", "off"])
def test_cuda_engine_computes_what_the_cpu_engine_does(cuda, planar, background):
    """On CPU tensors: everything but the streams themselves."""
    engine_cuda, _ = cuda
    for kinds in (["alpha"], ["composite", "alpha"], OUTPUT_KINDS, ["transparent"]):
        options = {"tnet_size": 32, "outputs": kinds, "planar": planar}
        engines = [
            make(TorchStandIn(), **options, background=open_background(background, 50, 37))
            for make in (Engine, engine_cuda.CudaEngine)
        ]
        for index, picture in enumerate(moving_clip(3)):
            pixels = np.ascontiguousarray(picture[:37, :50])
            if planar or (index == 1 and "composite" not in kinds):
                pixels = planes_from_rgb(pixels, ColourTags())
            works = [run_stages(engine, work_of(pixels, index)) for engine in engines]
            one, other = (work.outputs for work in works)
            assert one.keys() == other.keys() == set(kinds)
            for kind in kinds:
                assert isinstance(other[kind], YuvPlanes) == (planar and kind == "composite")
                for here, there in zip(parts(one[kind]), parts(other[kind]), strict=True):
                    assert here.shape == there.shape and np.abs(here - there).max() <= 1, kind
            assert np.allclose(*(engine.alpha(work) for engine, work in zip(engines, works)), atol=1e-5)
            for engine, work in zip(engines, works):
                engine.release(work)


@pytest.mark.parametrize("fine", [["alpha"], ["composite"], ["foreground", "transparent"], OUTPUT_KINDS])
def test_fine_outputs_are_the_usual_ones_unrounded_on_both_engines(cuda, fine):
    options = {"tnet_size": 32, "outputs": OUTPUT_KINDS, "background": open_background("teal", 50, 37)}
    pixels = np.ascontiguousarray(next(iter(moving_clip(1)))[:37, :50])
    usual = run_stages(Engine(TorchStandIn(), **options), work_of(pixels, 0)).outputs
    for make in (Engine, cuda[0].CudaEngine):
        made = run_stages(make(TorchStandIn(), **options, fine=fine), work_of(pixels, 0)).outputs
        assert made.keys() == usual.keys()
        for kind, picture in made.items():
            scale = 255 if kind in fine else 1
            assert picture.dtype == (np.float32 if kind in fine else np.uint8)
            assert np.abs(picture * np.float32(scale) - usual[kind]).max() <= (1.01 if scale == 1 else 1.51), kind


@pytest.mark.parametrize("fine", [["composite"], ["alpha", "transparent"], OUTPUT_KINDS])
@pytest.mark.parametrize("background", ["teal", "blur:20"])
@pytest.mark.parametrize(
    "edits",
    [
        {"mirror": True},
        {"shrink": 20, "feather": 9, "threshold": (10, 90)},
        {"despill": 80},
        {"light_wrap": 60},
        {"place": (9, 0, 0.7), "mirror": True, "light_wrap": 60, "despill": 80},
    ],
    ids=str,
)
def test_edited_fine_outputs_are_the_usual_ones_unrounded(cuda, fine, background, edits):
    pixels = np.ascontiguousarray(next(iter(moving_clip(1)))[:37, :50])

    def outputs(make, **options):
        live = LiveControls(Controls(**edits), open_background(background, 50, 37))
        engine = make(TorchStandIn(), tnet_size=32, outputs=OUTPUT_KINDS, controls=live, **options)
        return run_stages(engine, work_of(pixels, 0)).outputs

    usual = outputs(Engine)
    for make in (Engine, cuda[0].CudaEngine):
        made = outputs(make, fine=fine)
        for kind, picture in made.items():
            assert picture.dtype == (np.float32 if kind in fine else np.uint8)
            scale = np.float32(255 if kind in fine else 1)
            assert np.abs(picture * scale - usual[kind]).max() <= 3, kind


@pytest.mark.parametrize("planar", [False, True])
def test_cuda_engine_does_what_the_controls_say(cuda, planar):
    engine_cuda, _ = cuda
    settings = [
        Controls(mirror=True),
        Controls(shrink=9, feather=4, threshold=(10, 90), despill=80, light_wrap=60, place=(9, 0, 0.7), mirror=True),
        Controls(hold="freeze"),
        Controls(hold="freeze", shrink=3),
    ]
    kinds = OUTPUT_KINDS
    backgrounds = [LiveControls(NEUTRAL, open_background("blur:20", 50, 37)) for _ in range(2)]
    engines = [
        kind(TorchStandIn(), tnet_size=32, outputs=kinds, controls=live, planar=planar)
        for kind, live in zip((Engine, engine_cuda.CudaEngine), backgrounds)
    ]
    before = None
    for index, (picture, controls) in enumerate(zip(moving_clip(4), settings)):
        works = []
        for engine, live in zip(engines, backgrounds):
            live.change(asdict(controls))
            pixels = np.ascontiguousarray(picture[:37, :50])
            pixels = planes_from_rgb(pixels, ColourTags()) if planar else pixels
            works.append(run_stages(engine, work_of(pixels, index)))
            engine.wait(works[-1])
        outputs = [{kind: parts(work.outputs[kind]) for kind in kinds} for work in works]
        for kind in kinds:
            for one, other in zip(outputs[0][kind], outputs[1][kind], strict=True):
                assert np.abs(one - other).max() <= 2, (kind, controls)
        if index == 3:
            for kind in kinds:
                assert all(np.array_equal(*pair) for pair in zip(outputs[1][kind], before[kind])), "frozen"
        before = outputs[1]
        for engine, work in zip(engines, works):
            engine.release(work)


@pytest.mark.parametrize(("temporal", "lookahead"), [(80, 0), (0, 2), (60, 1)])
def test_cuda_engine_steadies_trimaps_as_the_cpu_does(cuda, temporal, lookahead):
    made = []
    for kind in (Engine, cuda[0].CudaEngine):
        live = LiveControls(Controls(temporal=temporal), None)
        engine = kind(TorchStandIn(), tnet_size=64, outputs=["alpha"], controls=live, lookahead=lookahead)
        works = (work_of(picture, index) for index, picture in enumerate(moving_clip(5)))
        for _, function in engine.stages:
            works = through(works, function)
        made.append([])
        for work in works:
            engine.wait(work)
            made[-1].append(work.outputs["alpha"].astype(int))
            engine.release(work)
    plain = Engine(TorchStandIn(), tnet_size=64, outputs=["alpha"])
    raw = [run_stages(plain, work_of(picture)).outputs["alpha"].astype(int) for picture in moving_clip(5)]
    assert [len(alphas) for alphas in made] == [5, 5]
    assert max(np.abs(one - other).max() for one, other in zip(*made)) <= 1
    assert np.abs(made[0][2] - raw[2]).max() > 3, "it does something"


def test_cuda_events_keep_the_order(cuda):
    engine_cuda, log = cuda
    engine = engine_cuda.CudaEngine(TorchStandIn(), tnet_size=32, outputs=["alpha"])
    first = engine.tnet(work_of(noise(40, 40)))
    reduced = ["tnet records", "host waits for tnet"]
    assert log == [*reduced, "tnet records"]
    engine.mnet(first)
    engine.fuse(first)
    assert log[3:] == ["mnet waits for tnet", "host waits for tnet", "mnet records"]
    engine.wait(first)
    assert log[-1] == "host waits for mnet"
    del log[:]
    engine.tnet(work_of(noise(40, 40)))
    assert log == ["host waits for tnet", *reduced, "tnet records"]  # the prior needs the logits of the frame before
