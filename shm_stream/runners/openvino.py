"""T-Net in OpenVINO, M-Net in the native kernel: the fastest on x86, 180 MB more to install, and used where installed.

On processors with bfloat16 matrices OpenVINO computes in bfloat16, which costs 0.01 points of mean IoU on portraits.
"""

from __future__ import annotations

import sys

import numpy as np

from .. import weights
from .native import NativeRunner

REPORTER = "openvino_telemetry"


def _import_openvino():
    """Without its reporter, which would tell a server on the internet of every import. Raises ImportError."""
    if sys.modules.get("openvino"):  # whoever imported it has decided
        return sys.modules["openvino"]
    reporter = sys.modules.pop(REPORTER, None)
    sys.modules[REPORTER] = None  # OpenVINO then takes an empty one of its own
    try:
        import openvino
    finally:
        del sys.modules[REPORTER]
        if reporter is not None:
            sys.modules[REPORTER] = reporter
    return openvino


openvino = _import_openvino()


class OpenVinoTNet:
    """T-Net, compiled for each shape of its input when that comes first: there are few, and fixed ones are faster."""

    def __init__(self, preset: str, threads: int):
        self._path = weights.find(f"{preset}_tnet.onnx", preset)
        self._settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
        self._core = openvino.Core()
        self._requests = {}  # shape of the input → openvino.InferRequest

    def compile(self, shape: tuple[int, ...]) -> None:
        """For inputs of this shape, half a second before the first of them."""
        if shape not in self._requests:
            model = self._core.read_model(self._path)
            model.reshape(shape)
            self._requests[shape] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.compile(x.shape)
        answer = self._requests[x.shape].infer({0: x}, share_inputs=True, share_outputs=True)
        return answer[0][0].copy()  # the next frame's answer is written to the same memory


class OpenVinoRunner(NativeRunner):
    """`NativeRunner` whose T-Net can be compiled ahead of time."""

    def compile_tnet(self, shape: tuple[int, int]) -> None:
        """For frames reduced to `shape` = (h, w)."""
        self.tnet.compile((1, 4, *shape))


def load(preset: str, device: str, threads: int) -> OpenVinoRunner:
    return OpenVinoRunner("openvino", preset, device, threads, OpenVinoTNet)
