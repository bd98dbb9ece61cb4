"""Networks in onnxruntime, without torch: the default on CPUs where the native runner cannot be used."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from .. import weights
from ..errors import InputError
from ..preset import get_preset
from . import threads_of_a_network


class OnnxRunner:
    """Both networks of a preset as onnxruntime sessions."""

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, preset: str):
        facts = get_preset(preset)
        self.halo, self.multiple = facts.halo, facts.multiple
        threads = threads_of_a_network()
        self._tnet = open_session(preset, "tnet", threads)
        self._mnet = open_session(preset, "mnet", threads)

    def tnet(self, x: np.ndarray) -> np.ndarray:
        return self._tnet.run(None, {"frame": x})[0][0]

    def mnet(self, x: np.ndarray) -> np.ndarray:
        return self._mnet.run(None, {"tile": x[None]})[0][0, 0]


def open_session(preset: str, network: str, threads: int) -> ort.InferenceSession:
    """One network of a preset. Raises WeightsError."""
    ort.disable_telemetry_events()  # Windows would be told of every session
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A waiting thread must leave its core to the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = weights.find(f"{preset}_{network}.onnx", preset)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def load(preset: str, device: str) -> OnnxRunner:
    if device != "cpu":
        raise InputError(f"runner onnxruntime works on the cpu here, not on '{device}'; use --runner torch")
    return OnnxRunner(preset)
