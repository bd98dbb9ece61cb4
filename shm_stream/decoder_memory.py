"""How much memory a video decoder keeps: pictures that later ones may refer to."""

from __future__ import annotations

from .encoder_memory import bytes_per_pixel

H264_BLOCKS = {
    10: 396, 11: 900, 12: 2376, 13: 2376, 20: 2376, 21: 4752, 22: 8100, 30: 8100, 31: 18000, 32: 20480, 40: 32768,
    41: 32768, 42: 34816, 50: 110400, 51: 184320, 52: 184320, 60: 696320, 61: 696320, 62: 696320,
}  # fmt: skip
"""Level → 16x16 blocks that may be kept (ITU-T H.264, table A-1, MaxDpbMbs)."""
HEVC_PIXELS = {
    30: 36864, 60: 122880, 63: 245760, 90: 552960, 93: 983040, 120: 2228224, 123: 2228224, 150: 8912896, 153: 8912896,
    156: 8912896, 180: 35651584, 183: 35651584, 186: 35651584,
}  # fmt: skip
"""30 times the level → most pixels of a picture (ITU-T H.265, table A.8, MaxLumaPs)."""
HEVC_KEPT = ((1 / 4, 16), (1 / 2, 12), (3 / 4, 8), (1, 6))
"""Share of those pixels → pictures that may be kept (A.4.2)."""
INTRA = frozenset({"prores", "dnxhd", "mjpeg", "png", "qtrle", "utvideo", "magicyuv", "rawvideo", "huffyuv", "ffv1"})
"""Codecs whose pictures refer to none, or to the one before."""
REFERENCES = 16
"""As many as H.264 and HEVC allow at the most; VP9 and AV1 have 8, older codecs fewer."""
HELD = 2
"""The picture being decoded, and one that the source holds back to know how long it lasts."""


def decoder_bytes(source) -> float:
    """Most bytes of a video file's decoder; 0 for pictures."""
    decoder = getattr(source, "decoder", None)
    if decoder is None:
        return 0
    codec, level, pix_fmt = decoder
    pixels = source.width * source.height
    return (_references(codec, level, pixels) + HELD) * pixels * bytes_per_pixel(pix_fmt)


def _references(codec: str, level: int, pixels: int) -> int:
    if codec in INTRA:
        return 1
    if codec == "h264" and level in H264_BLOCKS:
        return min(REFERENCES, H264_BLOCKS[level] * 256 // pixels)
    if codec == "hevc" and level in HEVC_PIXELS:
        share = pixels / HEVC_PIXELS[level]
        return next((kept for most, kept in HEVC_KEPT if share <= most), 6)
    return REFERENCES if codec in ("h264", "hevc") else 8
