"""What a job is asked to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .controls import NEUTRAL, Controls
from .live_options import LiveOptions
from .part import Part


@dataclass(frozen=True)
class JobOptions:
    """What to do. None means "not asked for" or "choose the usual"."""

    input: str | os.PathLike
    """A video, an image, a folder of images, a camera, a screen, a stream, or `-` for stdin."""
    output: str | os.PathLike | Sequence[str | os.PathLike] | None = None
    """Where the composite goes: a file or folder, a live output (a URL, a .m3u8 playlist, "-" for stdout), or several
    with at most one file among them. None: beside the input, with `_composite` in its name."""
    bg: str | os.PathLike | None = None
    """An image, a video, a colour, `blur`, `blur:N` or `transparent`."""
    alpha: str | os.PathLike | None = None
    """Where the alpha goes, as a grey picture."""
    foreground: str | os.PathLike | None = None
    """Where the subject's straight colours go."""
    vcam: str | None = None
    """Virtual camera that shows the composite: a device, a pyvirtualcam backend, or "auto"."""
    preset: str = "live"
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    runner: object = None
    """`native`, `onnxruntime`, `openvino`, `torch`, a loaded runner, or None for the usual one of the device."""
    tnet_size: int | None = None
    """T-Net's input has about tnet_size squared pixels; None for the preset's own."""
    dense: bool = False
    """Run M-Net on whole frames instead of the tiles where it can matter."""
    lookahead: int = 0
    """How many later frames steady the matte of each, 0 to 8; a live output comes as many frames later."""
    start: float = 0.0
    """Seconds to skip."""
    duration: float | None = None
    """Seconds to take."""
    frames: int | None = None
    """Frames to take at most."""
    rate: Fraction | None = None
    """Pictures a second of a folder; None: 25."""
    deinterlace: bool = False
    """Make whole pictures of the fields of interlaced video."""
    hwaccel: str | None = None
    """What decodes a video file instead of the CPU: `cuda`, ... None: the CPU."""
    codec: str | None = None
    """Video encoder of the composite; of alpha and foreground when there is no composite."""
    crf: int | None = None
    """Quality for that encoder, lower is better."""
    bits: int | None = None
    """At least that many in each channel of the outputs; None: as many as the source has."""
    image_format: str | None = None
    """`png`, `tif`, `exr`, ...: of pictures in folders."""
    start_number: int | None = None
    """Of the first picture of a numbered sequence."""
    alpha_mode: str | None = None
    """`straight` or `premultiplied`; None: premultiplied in EXR, else straight."""
    linear: bool | None = None
    """Linear light or the source's encoding; None: linear in EXR."""
    sidecar: bool = False
    """Say what each output is in a JSON file beside it."""
    target: str | None = None
    """`nuke`, `resolve`, `premiere`, `obs` or `web`: outputs as that program takes them."""
    overwrite: bool = False
    cores: int | None = None
    """Cores to use at most; None: all that the process may."""
    max_memory: int | None = None
    """Bytes of resident memory that the process is to stay below; None: what is quickest."""
    controls: Controls = NEUTRAL
    """What is done to the edges and where people stand."""
    trimap: str | os.PathLike | None = None
    """An image, a folder or a video that stands in for T-Net: 0 background, 255 foreground, else unknown."""
    holdout: str | os.PathLike | None = None
    """The same: white where nobody is, whatever the networks say."""
    keep: str | os.PathLike | None = None
    """The same: white where somebody is; `holdout` counts more."""
    person: str = "all"
    """`all`, or only one: the `largest`, or the one nearest to the `center`, followed from there."""
    panel: bool = False
    """A control page shows the composite, so that a live input needs no file."""
    live: LiveOptions = LiveOptions()
    """How to open and follow an input that is no file, and who is told of what happens to it and to live outputs."""
    bitrate: int | None = None
    """Bits a second of each H.264 stream that goes to a server or playlist; None: by size and rate."""
    stdout_format: str = "nut"
    """`nut` or `rawvideo`."""
    obs: int | None = None
    """Port at which OBS Studio may fetch cut-outs with alpha."""
    obs_setup: str | None = None
    """OBS's websocket server (ws://HOST:PORT, or "auto" for what OBS's settings say), to have it show these cut-outs.
    The password is OBS_WEBSOCKET_PASSWORD in the environment, else what OBS's settings say."""
    part: Part | None = None
    """Which part of a video this is, when the others are made apart. Parts have no audio."""
