"""A machine with v4l2loopback in it: QEMU without KVM, Debian's kernel, the host's files read-only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ("virtio_pci", "9p", "9pnet_virtio", "v4l2loopback")
PROGRAMS = ("qemu-system-x86_64", "cpio", "kmod", "apt-get", "dpkg", "make", "gcc")
INSTALL = "sudo apt install qemu-system-x86 cpio kmod make gcc linux-headers-amd64"
BOOT_SECONDS = 400


def kernel() -> str | None:
    """The newest release whose headers are installed."""
    found = sorted(path.parent.name for path in Path("/lib/modules").glob("*-amd64/build"))
    return found[-1] if found else None


def what_is_missing() -> str | None:
    """The reason to skip, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    missing += [] if kernel() else ["kernel headers"]
    return f"without {', '.join(missing)}: {INSTALL}" if missing else None


def run(words: list, folder: Path, **options) -> str:
    return subprocess.run(
        [str(word) for word in words], cwd=folder, check=True, capture_output=True, text=True, **options
    ).stdout


def download(folder: Path) -> None:
    """Packages that `boot` unpacks there, not installed. Raises CalledProcessError where there is no mirror."""
    run(["apt-get", "download", f"linux-image-{kernel()}", "v4l2loopback-dkms", "busybox-static"], folder)


def boot(folder: Path, job: str) -> str:
    """What the serial console shows while the shell command `job` runs on the host's files."""
    release, unpacked = kernel(), folder / "x"
    for package in folder.glob("*.deb"):
        run(["dpkg", "-x", package, unpacked], folder)
    _build_loopback(release, unpacked)
    _pack(folder, release, unpacked, job)
    share = "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap"
    machine = ["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "2000", "-smp", "2", "-nodefaults", "-nographic"]
    system = ["-kernel", unpacked / f"boot/vmlinuz-{release}", "-initrd", folder / "initramfs"]
    console = ["-no-reboot", "-serial", "stdio", "-append", "console=ttyS0 quiet panic=-1"]
    return run(
        ["qemu-system-x86_64", *machine, *system, *console, "-virtfs", share],
        folder,
        timeout=BOOT_SECONDS,
        stdin=subprocess.DEVNULL,
    )


def _build_loopback(release: str, unpacked: Path) -> None:
    (source,) = unpacked.glob("usr/src/v4l2loopback-*")
    run(["make", "-C", f"/lib/modules/{release}/build", f"M={source}", "modules"], source)
    shutil.copy(source / "v4l2loopback.ko", unpacked / f"lib/modules/{release}/kernel/drivers/media")
    run(["/sbin/depmod", "-b", unpacked, release], unpacked)


def _pack(folder: Path, release: str, unpacked: Path, job: str) -> None:
    """The initramfs: busybox, the modules in the order of their loading, `init` and the job."""
    root, order = folder / "root", []
    for name in MODULES:
        said = run(["/sbin/modprobe", "-d", unpacked, "-S", release, "--show-depends", name], unpacked)
        order += [line.split()[1] for line in said.splitlines() if line.startswith("insmod")]
    order = [Path(path).relative_to(unpacked) for path in dict.fromkeys(order)]
    for path in [*order, Path("bin/busybox")]:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(unpacked / path, root / path)
    for name in ("proc", "sys", "dev", "mnt"):
        (root / name).mkdir()
    (root / "modules.order").write_text("".join(f"/{path}\n" for path in order))
    (root / "job").write_text(job)
    shutil.copy(HERE / "init", root / "init")
    (root / "init").chmod(0o755)
    names = run(["find", "."], root)
    with open(folder / "initramfs", "wb") as packed:
        subprocess.run(["cpio", "-o", "-H", "newc"], cwd=root, input=names.encode(), stdout=packed, check=True)
