"""Every format with alpha, written from a known picture and read back by other code than wrote it.

Run alone it prints the table of docs/media.md: python tests/deliverables.py
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
import prores
from media import COEFFICIENTS
from stand_ins import StandInRunner

from shm_stream.delivery import Delivery
from shm_stream.job import Job
from shm_stream.job_options import JobOptions
from shm_stream.sink import open_sink
from shm_stream.source import open_source

WIDTH, HEIGHT = 256, 64
COLOURS = np.array([(0.8, 0.16, 0.16), (0.16, 0.7, 0.24), (0.16, 0.24, 0.8), (0.5, 0.5, 0.5)], np.float32)


@dataclass(frozen=True)
class Format:
    """One way to hand over alpha."""

    name: str
    target: str
    bits: int
    """Of the alpha channel."""
    convention: str
    alpha_error: float
    """Largest that is right, in units of 0..1."""
    colour_error: float
    """Largest mean one, where alpha is above a half."""
    codec: str | None = None
    delivery: Delivery = field(default_factory=Delivery)
    linear: bool = False
    premultiplied: bool = False
    decoder: str | None = None
    decoded_bits: int | None = None
    """Of alpha, where FFmpeg's decoder drops the lowest ones."""


def half_step(bits: int) -> float:
    return 0.501 / ((1 << bits) - 1)


FORMATS = [
    Format("ProRes 4444 .mov", "a.mov", 16, "straight", half_step(16), 0.003, decoded_bits=12),
    Format("ProRes 4444 .mov, premultiplied", "b.mov", 16, "premultiplied", half_step(16), 0.003,
           delivery=Delivery(alpha_mode="premultiplied"), premultiplied=True, decoded_bits=12),
    Format("QuickTime Animation .mov", "c.mov", 8, "straight", half_step(8), half_step(8), codec="qtrle"),
    Format("PNG .mov", "d.mov", 8, "straight", half_step(8), half_step(8), codec="png"),
    Format("VP9 .webm", "e.webm", 8, "straight", 0.03, 0.02, decoder="libvpx-vp9"),
    Format("FFV1 .mkv", "f.mkv", 12, "straight", half_step(12), half_step(12), delivery=Delivery(bits=12)),
    Format("FFV1 .mkv, 16 bits", "g.mkv", 16, "straight", half_step(16), half_step(16), delivery=Delivery(bits=16)),
    Format("Ut Video .avi", "h.avi", 8, "straight", half_step(8), half_step(8)),
    Format("MagicYUV .avi", "i.avi", 8, "straight", half_step(8), half_step(8), codec="magicyuv"),
    Format("PNG", "j.%04d.png", 16, "straight", half_step(16), half_step(16)),
    Format("TIFF", "k.%04d.tif", 16, "straight, said in the file", half_step(16), half_step(16)),
    Format("TIFF, premultiplied and linear", "l.%04d.tif", 16, "premultiplied, said in the file; linear",
           half_step(16), 2e-5, delivery=Delivery(alpha_mode="premultiplied", linear=True), linear=True,
           premultiplied=True),
    Format("OpenEXR", "m.%04d.exr", 16, "premultiplied, linear; both said in the file", 2.5e-4, 2.5e-4, linear=True,
           premultiplied=True),
    Format("OpenEXR, straight and encoded", "n.%04d.exr", 16, "straight, said in the file", 2.5e-4, 2.5e-4,
           delivery=Delivery(alpha_mode="straight", linear=False)),
    Format("ProRes 4444 .mkv", "o.mkv", 16, "straight", half_step(16), 0.003, codec="prores_ks", decoded_bits=12),
    Format("VP9 .mkv", "p.mkv", 8, "straight", 0.03, 0.02, codec="libvpx-vp9", decoder="libvpx-vp9"),
    Format("MagicYUV .mov", "q.mov", 8, "straight", half_step(8), half_step(8), codec="magicyuv"),
    Format("FFV1 .avi", "r.avi", 12, "straight", half_step(12), half_step(12), codec="ffv1",
           delivery=Delivery(bits=12)),
    Format("PNG, 8 bits", "s.%04d.png", 8, "straight", half_step(8), half_step(8), delivery=Delivery(bits=8)),
    Format("TIFF, 8 bits", "t.%04d.tif", 8, "straight", half_step(8), half_step(8), delivery=Delivery(bits=8)),
    Format("WebP", "u.%04d.webp", 8, "straight", half_step(8), half_step(8)),
]  # fmt: skip


def known_picture() -> np.ndarray:
    """[HEIGHT, WIDTH, 4] float32 straight RGBA: four bars of colour, alpha a ramp with flat ends from left to right."""
    alpha = np.clip(np.linspace(-0.1, 1.1, WIDTH, dtype=np.float32), 0, 1)
    colours = np.repeat(COLOURS, HEIGHT // len(COLOURS), axis=0)[:, None].repeat(WIDTH, 1)
    return np.dstack([colours, alpha[None].repeat(HEIGHT, 0)])


def write(folder: Path, kind: Format) -> Path:
    """Two frames in that format; returns the file, or the first one of a sequence."""
    source_folder = folder / "source"
    if not source_folder.exists():
        source_folder.mkdir()
        for number in range(2):
            picture = np.rint(known_picture()[..., 2::-1] * 65535).astype(np.uint16)
            cv2.imwrite(str(source_folder / f"{number}.png"), picture)
    source = open_source(source_folder)
    sink = open_sink(folder / kind.target, source, kind="transparent", codec=kind.codec, delivery=kind.delivery)
    for frame in source:
        sink.write(frame, known_picture())
    path = sink.finish()
    return path.with_name(path.name % 0) if "%" in path.name else path


def read(path: Path, kind: Format) -> np.ndarray:
    """[H, W, 4] float32 as the file has it."""
    if path.suffix == ".exr":
        import OpenEXR

        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        return np.dstack([channels[name].pixels for name in "RGBA"]).astype(np.float32)
    if path.suffix == ".tif" and kind.bits == 16:
        import tifffile

        return of_levels(tifffile.imread(path))
    if path.suffix in (".png", ".webp"):
        return of_levels(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA))
    rgba = rgba_of(first_frame(path, kind.decoder))
    if kind.decoded_bits:
        rgba[..., 3] = of_levels(prores.alpha_of(prores.frames_of(path)[0]))
    return rgba


def of_levels(values: np.ndarray) -> np.ndarray:
    """uint8 or uint16 → float32 in 0..1."""
    return values / np.float32(np.iinfo(values.dtype).max)


def first_frame(path: Path, decoder: str | None) -> av.VideoFrame:
    with av.open(str(path)) as container:
        if decoder is None:
            return next(container.decode(video=0))
        context = av.CodecContext.create(decoder, "r")
        return next(frame for packet in container.demux(video=0) for frame in context.decode(packet))


def rgba_of(frame: av.VideoFrame) -> np.ndarray:
    """[H, W, 4] float32 of planar RGB or YUV with alpha, by the formulas of H.273; packed 8-bit RGB as it is."""
    name, bits = frame.format.name, frame.format.components[0].bits
    if not name.startswith(("gbrap", "yuva")):
        return frame.to_ndarray(format="rgba") / np.float32(255)
    planes = [samples(plane, bits) for plane in frame.planes]
    highest = (1 << bits) - 1
    if name.startswith("gbrap"):
        green, blue, red, alpha = (plane / highest for plane in planes)
        return np.dstack([red, green, blue, alpha]).astype(np.float32)
    luma, *chroma = (plane / (1 << (bits - 8)) for plane in planes[:3])
    chroma = [np.kron(plane, np.ones((2, 2))) if plane.shape != luma.shape else plane for plane in chroma]
    kr, kb = COEFFICIENTS[int(frame.colorspace)]
    y, cb, cr = (luma - 16) / 219, (chroma[0] - 128) / 224, (chroma[1] - 128) / 224
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.dstack([red, green, blue, planes[3] / highest]).astype(np.float32)


def samples(plane, bits: int) -> np.ndarray:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height]
    size = 1 if bits == 8 else 2
    return rows[:, : plane.width * size].view(np.uint8 if size == 1 else np.uint16).astype(np.float64)


def wanted(kind: Format) -> np.ndarray:
    """The known picture in that format's convention, in float64."""
    rgba = known_picture().astype(np.float64)
    if kind.linear:  # IEC 61966-2-1
        rgb = rgba[..., :3]
        rgba[..., :3] = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if kind.premultiplied:
        rgba[..., :3] *= rgba[..., 3:]
    return rgba


def errors(path: Path, kind: Format) -> tuple[float, float]:
    """(largest of alpha, largest mean of a colour) in units of 0..1."""
    difference = np.abs(read(path, kind) - wanted(kind))
    solid = known_picture()[..., 3] > 0.5
    inner = np.arange(HEIGHT) % (HEIGHT // 4)
    rows = (inner > 3) & (inner < HEIGHT // 4 - 4)  # chroma is shared across the bars' borders
    bars = [difference[rows & (np.arange(HEIGHT) * 4 // HEIGHT == bar)] for bar in range(4)]
    kept = [solid[rows & (np.arange(HEIGHT) * 4 // HEIGHT == bar)] for bar in range(4)]
    return difference[..., 3].max(), max(bar[keep][:, :3].mean(0).max() for bar, keep in zip(bars, kept))


def by_ffmpeg(path: Path, kind: Format) -> np.ndarray:
    """[H, W] float32 alpha as the program ffmpeg reads it."""
    exr = path.suffix == ".exr"  # floats: what alphaextract makes of them is wrong
    decoder = ["-c:v", kind.decoder] if kind.decoder else []
    form = ["-pix_fmt", "gbrapf32le"] if exr else ["-vf", "alphaextract", "-pix_fmt", "gray16le"]
    command = ["ffmpeg", "-v", "error", *decoder, "-i", str(path), "-frames:v", "1", *form, "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    if exr:
        return np.frombuffer(raw, np.float32).reshape(4, HEIGHT, WIDTH)[3]
    return np.frombuffer(raw, np.uint16).reshape(HEIGHT, WIDTH) / np.float32(65535)


def run_job(source, **options):
    """The report of a whole job whose people are at 0.3 of opacity everywhere."""
    with Job(JobOptions(source, runner=StandInRunner(alpha_raw=0.3), **options)) as opened:
        return opened.run()


def main() -> None:
    print("| format | bits of alpha | largest alpha error | colour error | convention |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in FORMATS:
            alpha, colour = errors(write(Path(folder), kind), kind)
            print(f"| {kind.name} | {kind.bits} | {alpha:.1e} | {colour:.1e} | {kind.convention} |")


if __name__ == "__main__":
    main()
