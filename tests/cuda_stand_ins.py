"""What stands in for a GPU: networks on CPU tensors, and streams and events that only take notes."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
from stand_ins import StandInRunner


class TorchStandIn(StandInRunner):
    """The same two networks as numpy functions and as torch modules, both depending on their input."""

    halo = 4

    class Network:
        @staticmethod
        def tnet(x):
            import torch.nn.functional as F

            grey = F.avg_pool2d(x[:, :3].mean(1, keepdim=True) + x[:, 3:], 4)
            return (grey * 6 - 3) * grey.new_tensor([1.0, -1.0, 0.5])[:, None, None]

        @staticmethod
        def mnet(x):
            return x[:, :1, 4:-4, 4:-4]

    network = Network()

    def tnet(self, x):
        import torch

        return self.network.tnet(torch.from_numpy(x))[0].numpy()

    def mnet(self, x):
        return np.ascontiguousarray(x[0, 4:-4, 4:-4])


def multiply_in_tf32(network) -> None:
    """Let the convolutions of a torch network on the CPU round what they multiply to 11 bits, as those of a GPU do."""
    import torch

    def rounded(values):
        bits = values.detach().contiguous().view(torch.int32)
        return ((bits + 0xFFF + (bits >> 13 & 1)) & ~0x1FFF).view(torch.float32)

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data = rounded(module.weight)
            module.register_forward_pre_hook(lambda module, inputs: (rounded(inputs[0]),))


class RecordedStreams:
    """Stand-ins for CUDA streams and events that note what is asked of them, in order."""

    def __init__(self, monkeypatch):
        from shm_stream import engine_cuda, engine_cuda_fuse

        self.log = log = []
        names = itertools.cycle(["tnet", "mnet"])

        class Stream:
            def __init__(self, device):
                self.name = next(names)

            def wait_event(self, event):
                assert event.recorded_on, "waits for an event that nobody will ever record"
                log.append(f"{self.name} waits for {event.recorded_on}")

        class Event:
            recorded_on = None

            def record(self, stream):
                self.recorded_on = stream.name
                log.append(f"{stream.name} records")

            def synchronize(self):
                assert self.recorded_on
                log.append(f"host waits for {self.recorded_on}")

        @contextlib.contextmanager
        def on_stream(stream):
            yield

        monkeypatch.setattr(engine_cuda, "Stream", Stream)
        for module in (engine_cuda, engine_cuda_fuse):
            for name, stand_in in (("Event", Event), ("on_stream", on_stream)):
                monkeypatch.setattr(module, name, stand_in)
