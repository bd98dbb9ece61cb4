"""Call these through `shm_stream.fuse` and `shm_stream.torch_ops`, which check their arguments; here nothing is.

Addresses are integers, an Array is (address, bytes between rows) with address 0 for "absent", a Size is
(height, width).
"""

Size = tuple[int, int]
Array = tuple[int, int]

build_info: str

def cpu_paths() -> list[str]: ...
def fuse_composite(
    path: str,
    threads: int,
    logits: int,
    logits_size: Size,
    size: Size,
    alpha_raw: Array,
    frame: Array,
    background: Array,
    composite: Array,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather(
    path: str,
    threads: int,
    logits: int,
    logits_size: Size,
    frame: Array,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
) -> None: ...
def fuse_emulated(
    block: Size,
    logits: int,
    logits_size: Size,
    size: Size,
    alpha_raw: Array,
    frame: Array,
    background: Array,
    composite: Array,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather_emulated(
    block: Size,
    logits: int,
    logits_size: Size,
    frame: Array,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
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
    frame: Array,
    background: Array,
    composite: Array,
    alpha: Array,
    alpha8: Array,
) -> None: ...
def gather_cuda(
    device: int,
    stream: int,
    logits: int,
    logits_size: Size,
    frame: Array,
    frame_size: Size,
    corner: Size,
    size: Size,
    out: int,
) -> None: ...
