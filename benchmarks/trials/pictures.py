"""Small healthy pictures of every format and depth, with metadata: what mutants are made of."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyvips
from PIL import Image, ImageCms, PngImagePlugin

WIDTH, HEIGHT = 64, 48
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="a scene"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x10\x1c\x02\x05\x00\x0bsmall scene"


def scene(width: int = WIDTH, height: int = HEIGHT, shift: int = 0) -> np.ndarray:
    """Slopes, a disc, a grid of fine lines, a dark corner; uint8 RGB ``(height, width, 3)``."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([40 + 180 * x / width, 220 - 150 * y / height, 90 + 60 * np.sin((x + y + shift) / 5)], axis=2)
    rgb[(x - width // 3 - shift) ** 2 + (y - height // 2) ** 2 < (height / 4) ** 2] = (235, 205, 60)
    rgb[((x // 2) % 2 == 0) & (x > 0.7 * width) & (y > height / 2)] *= 0.5
    rgb[(x < width // 6) & (y < height // 6)] = 4
    return rgb.clip(0, 255).astype(np.uint8)


def alpha() -> np.ndarray:
    """A soft hole, uint8 ``(HEIGHT, WIDTH)``."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.clip(10 * np.hypot(x - 40, y - 20) - 60, 0, 255).astype(np.uint8)


def deep() -> np.ndarray:
    """The scene with all 16 bits in use."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return scene().astype(np.uint16) * 256 + ((x * 7 + y * 131) % 256).astype(np.uint16)[:, :, None]


@cache
def profile() -> bytes:
    """An ICC profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(orientation: int = 1) -> bytes:
    """Camera, time, place, orientation, a maker's note."""
    made = Image.Exif()
    made[0x010F], made[0x0110], made[0x0112], made[0x0132] = "Maker", "Model 1", orientation, "2024:05:06 07:08:09"
    made.get_ifd(0x8769).update({0x829A: (1, 250), 0x9003: "2024:05:06 07:08:09", 0x927C: b"note\0" + bytes(40)})
    made.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 1.5), 3: "E", 4: (13.0, 24.0, 2.5)})
    return made.tobytes()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """As Pillow writes it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def vips(pixels: np.ndarray) -> Any:
    """A libvips picture of an array."""
    image: Any = pyvips.Image.new_from_array(np.ascontiguousarray(pixels))
    grey = image.bands < 3
    kinds = ("grey16", "rgb16") if pixels.dtype == np.uint16 else ("b-w", "srgb")
    return image.copy(interpretation=kinds[0 if grey else 1])


def _png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a scene")
    info.add_text("Comment", "long " * 40, zip=True)
    info.add_itxt("Author", "N. N.", "en", "Autor")
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return info


def _frames() -> list[Image.Image]:
    return [Image.fromarray(scene(shift=9 * number)) for number in range(3)]


def _rgb() -> Image.Image:
    return Image.fromarray(scene())


def _rgba() -> Image.Image:
    return Image.fromarray(np.dstack([scene(), alpha()]))


def _grey() -> Image.Image:
    return _rgb().convert("L")


def _palette() -> Image.Image:
    return _rgb().quantize(64)


def _cmyk() -> Image.Image:
    return _rgb().convert("CMYK")


def _float(bands: int = 3) -> Any:
    return vips(scene()[:, :, :bands]).cast("float") / 255


def _tagged(**more: Any) -> dict[str, Any]:
    return {"exif": exif(), "icc_profile": profile(), **more}


SEEDS: dict[str, Callable[[], bytes]] = {
    "png_rgb8.png": lambda: saved(_rgb(), "PNG"),
    "png_tagged.png": lambda: saved(_rgb(), "PNG", pnginfo=_png_text(), **_tagged()),
    "png_rgba8.png": lambda: saved(_rgba(), "PNG"),
    "png_grey8.png": lambda: saved(_grey(), "PNG"),
    "png_grey_alpha.png": lambda: saved(_rgba().convert("LA"), "PNG"),
    "png_bits1.png": lambda: saved(_grey().convert("1"), "PNG"),
    "png_palette.png": lambda: saved(_palette(), "PNG", transparency=3),
    "png_palette4.png": lambda: saved(_rgb().quantize(12), "PNG", bits=4),
    "png_rgb16.png": lambda: vips(deep()).pngsave_buffer(),
    "png_grey16.png": lambda: vips(deep()[:, :, :1]).pngsave_buffer(),
    "png_rgba16.png": lambda: vips(np.dstack([deep(), alpha().astype(np.uint16) * 257])).pngsave_buffer(),
    "png_interlaced.png": lambda: vips(scene()).pngsave_buffer(interlace=True),
    "apng.png": lambda: saved(_rgb(), "PNG", save_all=True, append_images=_frames()[1:], duration=50),
    "jpg_444.jpg": lambda: saved(_rgb(), "JPEG", quality=92, subsampling=0),
    "jpg_420.jpg": lambda: saved(_rgb(), "JPEG", quality=85, subsampling=2),
    "jpg_tagged.jpg": lambda: saved(_rgb(), "JPEG", quality=90, xmp=XMP, comment=b"a scene", **_tagged()),
    "jpg_captioned.jpg": lambda: _with_iptc(saved(_rgb(), "JPEG", quality=90)),
    "jpg_turned.jpg": lambda: saved(_rgb(), "JPEG", quality=90, exif=exif(6)),
    "jpg_progressive.jpg": lambda: saved(_rgb(), "JPEG", quality=90, progressive=True),
    "jpg_grey.jpg": lambda: saved(_grey(), "JPEG", quality=90),
    "jpg_cmyk.jpg": lambda: saved(_cmyk(), "JPEG", quality=90),
    "jpg_restarts.jpg": lambda: saved(_rgb(), "JPEG", quality=90, restart_marker_blocks=4),
    "mpo.jpg": lambda: saved(_rgb(), "MPO", save_all=True, append_images=_frames()[1:2]),
    "webp_lossy.webp": lambda: saved(_rgb(), "WEBP", quality=90),
    "webp_lossless.webp": lambda: saved(_rgb(), "WEBP", lossless=True, xmp=XMP, **_tagged()),
    "webp_alpha.webp": lambda: saved(_rgba(), "WEBP", quality=90),
    "webp_animated.webp": lambda: saved(_rgb(), "WEBP", save_all=True, append_images=_frames()[1:], duration=80),
    "tif_plain.tif": lambda: saved(_rgb(), "TIFF"),
    "tif_tagged.tif": lambda: saved(_rgb(), "TIFF", **_tagged()),
    "tif_deflate.tif": lambda: vips(scene()).tiffsave_buffer(compression="deflate", predictor="horizontal"),
    "tif_packbits.tif": lambda: vips(scene()).tiffsave_buffer(compression="packbits"),
    "tif_jpeg.tif": lambda: vips(scene()).tiffsave_buffer(compression="jpeg", Q=92),
    "tif_tiled.tif": lambda: _tiled("deflate"),
    "tif_tiled_lzw.tif": lambda: _tiled("lzw"),
    "tif_tiled_jpeg.tif": lambda: _tiled("jpeg"),
    "tif_tiled_plain.tif": lambda: _tiled("none"),
    "tif_rgb16.tif": lambda: vips(deep()).tiffsave_buffer(compression="deflate"),
    "tif_float.tif": lambda: _float().tiffsave_buffer(compression="deflate", predictor="float"),
    "tif_float_grey.tif": lambda: _float(1).tiffsave_buffer(),
    "tif_rgba.tif": lambda: vips(np.dstack([scene(), alpha()])).tiffsave_buffer(compression="lzw"),
    "tif_bits1.tif": lambda: saved(_grey().convert("1"), "TIFF", compression="group4"),
    "tif_cmyk.tif": lambda: saved(_cmyk(), "TIFF"),
    "tif_palette.tif": lambda: saved(_palette(), "TIFF"),
    "tif_big.tif": lambda: vips(scene()).tiffsave_buffer(bigtiff=True, compression="deflate"),
    "tif_pages.tif": lambda: saved(_rgb(), "TIFF", save_all=True, append_images=_frames()[1:], compression="tiff_lzw"),
    "avif_8.avif": lambda: vips(scene()).heifsave_buffer(compression="av1", Q=85, effort=0),
    "avif_10.avif": lambda: vips(deep()).heifsave_buffer(compression="av1", Q=85, effort=0, bitdepth=10),
    "avif_alpha.avif": lambda: saved(_rgba(), "AVIF", quality=85, speed=10, exif=exif()),
    "gif_plain.gif": lambda: saved(_palette(), "GIF"),
    "gif_animated.gif": lambda: saved(_rgb(), "GIF", save_all=True, append_images=_frames()[1:], duration=80, loop=0),
    "gif_transparent.gif": lambda: saved(_palette(), "GIF", transparency=3, interlace=1, comment=b"a scene"),
    "bmp_24.bmp": lambda: saved(_rgb(), "BMP"),
    "bmp_palette.bmp": lambda: saved(_palette(), "BMP"),
}


def _with_iptc(jpeg: bytes) -> bytes:
    segment = IPTC + b"\0" * (len(IPTC) % 2)
    return jpeg[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


def _tiled(compression: str) -> bytes:
    return vips(scene()).tiffsave_buffer(compression=compression, tile=True, tile_width=16, tile_height=16)


@cache
def seed(name: str) -> bytes:
    """The bytes of a seed."""
    return SEEDS[name]()
