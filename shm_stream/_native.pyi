"""Call these through `shm_stream.fuse` and `shm_stream.torch_ops`, which check their arguments; here nothing is.

Addresses are integers, an Array is (address, bytes between rows) with address 0 for "absent", a Size is
(height, width). A Picture is RGB (pixels, absent, absent, 0) or 4:2:0 (Y, U, V, bytes between chroma samples).
`rgb_from_yuv` has 3 x 4 numbers: 8-bit (Y, 16 Cb, 16 Cr, 1) → RGB in 0..1.
"""

Size = tuple[int, int]
Array = tuple[int, int]
Picture = tuple[Array, Array, Array, int]

build_info: str
mnet_parameters: int

def cpu_paths() -> list[str]: ...
def fuse_composite(
    path: str,
    threads: int,
    logits: int,
    logits_size: Size,
    size: Size,
    alpha_raw: Array,
    frame: Picture,
    background: Picture,
    composite: Picture,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather(
    path: str,
    threads: int,
    logits: int,
    logits_size: Size,
    frame: Picture,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...
def mnet(
    path: str,
    threads: int,
    logits: int,
    logits_size: Size,
    frame: Picture,
    frame_size: Size,
    corner: Size,
    size: Size,
    rgb_from_yuv: tuple[float, ...],
    depth: int,
    parameters: int,
    alpha_raw: Array,
    stale: int,
) -> None: ...
def prores_alpha(alpha: Array, size: Size, slice_blocks: int, out: int, sizes: int) -> None: ...
def fuse_emulated(
    block: Size,
    logits: int,
    logits_size: Size,
    size: Size,
    alpha_raw: Array,
    frame: Picture,
    background: Picture,
    composite: Picture,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather_emulated(
    block: Size,
    logits: int,
    logits_size: Size,
    frame: Picture,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...
def prepare(
    path: str,
    threads: int,
    frame: Picture,
    frame_size: Size,
    out: Array,
    size: Size,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...
def prepare_emulated(
    block: Size,
    frame: Picture,
    frame_size: Size,
    out: Array,
    size: Size,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...

# The following exist only in builds with CUDA.
def cuda_devices() -> tuple[int, str | None]: ...
def fuse_cuda(
    device: int,
    stream: int,
    logits: int,
    logits_size: Size,
    size: Size,
    alpha_raw: Array,
    frame: Picture,
    background: Picture,
    composite: Picture,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather_cuda(
    device: int,
    stream: int,
    logits: int,
    logits_size: Size,
    frame: Picture,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...
def prepare_cuda(
    device: int,
    stream: int,
    frame: Picture,
    frame_size: Size,
    out: Array,
    size: Size,
    rgb_from_yuv: tuple[float, ...],
) -> None: ...
