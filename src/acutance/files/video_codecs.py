"""The encoders and containers of film: what each can hold, and how it is set."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from acutance.errors import OverLimit, UsageError
from acutance.files.pyav import av
from acutance.files.videos import Film


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One encoder. ``crf``: default and largest, or none; ``presets``: allowed, the default first; ``bits`` and
    ``chroma`` (0: 4:2:0, 1: 4:2:2, 2: 4:4:4): what it takes; ``containers``: where it may lie;
    ``largest``, ``smallest``: pixels a side; ``rgb``: whether it takes RGB, ``full``: whether its samples may use the
    whole range (readers of ProRes take them not to)."""

    encoder: str
    crf: tuple[int, int] | None
    presets: tuple[str, ...]
    bits: tuple[int, ...]
    chroma: tuple[int, ...]
    containers: tuple[str, ...]
    largest: int
    smallest: int = 2
    rgb: bool = False
    full: bool = True


SPEEDS = ("medium", "ultrafast", "superfast", "veryfast", "faster", "fast", "slow", "slower", "veryslow")
CODECS = {
    "h264": Codec(encoder="libx264", crf=(17, 51), presets=SPEEDS, bits=(8, 10), chroma=(0, 1, 2),
                  containers=("mp4", "mov", "matroska"), largest=16_384),
    "h265": Codec(encoder="libx265", crf=(20, 51), presets=SPEEDS, bits=(8, 10, 12), chroma=(0, 1, 2),
                  containers=("mp4", "mov", "matroska"), largest=16_384, smallest=64),
    "av1": Codec(encoder="libsvtav1", crf=(25, 63), presets=("6", *map(str, range(14))), bits=(8, 10), chroma=(0,),
                 containers=("mp4", "matroska", "webm"), largest=8_192, smallest=64),
    "ffv1": Codec(encoder="ffv1", crf=None, presets=(), bits=(8, 10, 12, 16), chroma=(0, 1, 2),
                  containers=("matroska",), largest=32_767, rgb=True),
    "prores": Codec(encoder="prores_ks", crf=None, presets=("hq", "proxy", "lt", "standard", "4444", "4444xq"),
                    bits=(10,), chroma=(1, 2), containers=("mov", "matroska"), largest=16_384, full=False),
}  # fmt: skip
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
CHROMA = ("420", "422", "444")
PLAYED = ("h264", "h265")  # codecs of which phones, televisions and browsers play 4:2:0 only
H264_PLAYABLE = 4096 * 2304  # pixels: the largest frame of level 5.2, which players decode


def container_of(path: Path) -> str:
    """libavformat's name of the container a file name asks for. Raises ``UsageError``."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        raise UsageError(f"{path}: cannot write {path.suffix or 'a film without a suffix'}; "
                         f"use one of {' '.join(CONTAINERS)}") from None  # fmt: skip


def choose_codec(film: Film, target: Path, wanted: str | None, size: tuple[int, int]) -> str:
    """The codec for ``target``: what is wanted; else AV1 in WebM, H.265 for more than 8 bits or beyond 4096x2304,
    H.264 otherwise. Raises ``UsageError`` or ``OverLimit`` for what does not fit together."""
    container = container_of(target)
    name = wanted or _usual(film, container, size)
    if name not in CODECS:
        raise UsageError(f"--codec {name}: expected one of {', '.join(CODECS)}")
    codec = CODECS[name]
    if container not in codec.containers:
        fitting = [suffix for suffix, each in CONTAINERS.items() if each in codec.containers]
        raise UsageError(f"{target}: {target.suffix} does not hold {name}; use {' or '.join(fitting)}")
    if codec.encoder not in av.codecs_available:
        raise UsageError(f"--codec {name}: this PyAV was built without {codec.encoder}; install the wheel from PyPI "
                         'with: pip install --force-reinstall "av>=18"')  # fmt: skip
    if film.hdr and name == "h264":
        raise UsageError(f"{film.path}: is HDR, which needs 10 bits and H.265, AV1, FFV1 or ProRes; use --codec h265")
    if min(size) < codec.smallest:  # x265 writes beyond its memory below that
        raise UsageError(f"{target}: the result would be {size[0]}x{size[1]}, but {name} begins at {codec.smallest} "
                         "pixels a side; use --codec h264 or ffv1")  # fmt: skip
    if max(size) > codec.largest:
        raise OverLimit(f"{target}: the result would be {size[0]}x{size[1]}, but {name} ends at {codec.largest:,} "
                        "pixels a side; use a smaller --scale or --width, or --codec ffv1")  # fmt: skip
    return name


def _usual(film: Film, container: str, size: tuple[int, int]) -> str:
    if container == "webm":
        return "av1"
    large = size[0] * size[1] > H264_PLAYABLE
    small = min(size) < CODECS["h265"].smallest and not film.hdr
    return "h265" if (film.deep or film.hdr or large) and not small else "h264"


def pixel_format(
    film: Film, codec_name: str, preset: str, chroma: str | None = None, size: tuple[int, int] | None = None
) -> tuple[str, list[str]]:
    """The encoder's pixel format for a film and a result of ``size``, and notes on what is not as it was.

    Depth follows the film where the codec can, else it is raised rather than lowered. ``chroma`` is "420", "422",
    "444" or "same", the nearest to the film's. Without it H.264 and H.265 store 4:2:0 where that holds all colour
    there is, that is where the result's chroma is at least as large as the film's: phones, televisions and browsers
    play nothing else, and enlarged twice even 4:4:4 loses nothing. Everything else keeps what the film has. Raises
    ``UsageError`` for what the codec does not hold.
    """
    codec, notes = CODECS[codec_name], []
    bits = 10 if film.hdr and film.bits < 10 else film.bits
    wanted = next((b for b in codec.bits if b >= bits), codec.bits[-1])
    if wanted < bits:
        notes.append(f"{bits} bits a sample become {wanted}, all that {codec_name} holds")
    if film.rgb and codec.rgb and chroma in (None, "same"):
        return ("bgr0" if wanted == 8 else f"gbrp{wanted}le"), notes
    kind, said = _chroma(film, codec_name, preset, chroma, size)
    notes += said
    if film.rgb:
        notes.append("RGB samples become YUV 4:4:4 in BT.709; use --codec ffv1 to keep RGB" if kind == 2
                     else "RGB samples become YUV in BT.709")  # fmt: skip
    return f"yuv{CHROMA[kind]}p{'' if wanted == 8 else f'{wanted}le'}", notes


def _chroma(
    film: Film, codec_name: str, preset: str, asked: str | None, size: tuple[int, int] | None
) -> tuple[int, list[str]]:
    """How much chroma to store (0: 4:2:0, 1: 4:2:2, 2: 4:4:4), and notes."""
    codec, (across, down) = CODECS[codec_name], film.subsampled
    has = 2 if (film.rgb or across == 1) and not film.grey else 0 if film.grey or down > 1 else 1
    if asked is not None and asked != "same":
        if CHROMA.index(asked) not in codec.chroma:
            raise UsageError(f"--pixels {asked}: {codec_name} takes {', '.join(CHROMA[c] for c in codec.chroma)}")
        return CHROMA.index(asked), []
    kind = next((c for c in codec.chroma if c >= has), codec.chroma[-1])
    if codec_name == "prores" and preset.startswith("4444"):
        kind = 2
    name = f"4:{CHROMA[has][1]}:{CHROMA[has][2]}"
    if kind < has:
        return kind, [f"{name} chroma becomes 4:2:0, all that {codec_name} holds"]
    if codec_name not in PLAYED or has == 0 or size is None:
        return kind, []
    width, height = size
    if asked is None and width * across >= 2 * film.width and height * down >= 2 * film.height:
        return 0, [f"{name} chroma is stored as 4:2:0, which every player shows; at this size it holds all the colour "
                   "there is, --pixels same keeps it as it was"]  # fmt: skip
    return kind, [f"phones, televisions and browsers do not play {name} chroma; use --pixels 420 for them"]


def even(size: tuple[int, int], pixel_format: str) -> tuple[int, int]:
    """The nearest size whose sides chroma divides: even ones for 4:2:0, an even width for 4:2:2.

    >>> even((855, 481), "yuv420p"), even((855, 481), "yuv422p10le"), even((1, 481), "yuv444p")
    ((856, 482), (856, 481), (1, 481))
    """
    across, down = "420" in pixel_format or "422" in pixel_format, "420" in pixel_format
    return (size[0] + size[0] % 2 if across else size[0], size[1] + size[1] % 2 if down else size[1])


def check_quality(codec_name: str, crf: int | None, preset: str | None) -> tuple[int | None, str]:
    """Settle the quality and the preset of a codec. Raises ``UsageError``."""
    codec = CODECS[codec_name]
    if crf is not None and codec.crf is None:
        raise UsageError(f"--crf: {codec_name} has no such setting; leave it out")
    if crf is not None and codec.crf is not None and not 0 <= crf <= codec.crf[1]:
        raise UsageError(f"--crf {crf}: {codec_name} takes 0 (best) to {codec.crf[1]}")
    if preset is not None and preset not in codec.presets:
        allowed = ", ".join(dict.fromkeys(codec.presets))
        raise UsageError(
            f"--preset {preset}: {codec_name} takes {allowed}" if allowed else f"--preset: {codec_name} has none"
        )
    return (
        codec.crf[0] if crf is None and codec.crf else crf,
        preset if preset is not None else next(iter(codec.presets), ""),
    )


def encoder_options(film: Film, name: str, crf: int | None, preset: str, gop: int, threads: int) -> dict[str, str]:
    """The encoder's options: every segment begins anew, so a group of pictures never reaches beyond one."""
    if name == "h264":
        return {"crf": str(crf), "preset": preset, "forced-idr": "1"}
    if name == "h265":
        special = ["log-level=none", "open-gop=0", "repeat-headers=0", f"pools={threads}", *_hdr_options(film)]
        return {"crf": str(crf), "preset": preset, "x265-params": ":".join(special)}
    if name == "av1":
        return {
            "crf": str(crf),
            "preset": preset,
            "svtav1-params": ":".join([f"keyint={gop}:lp={min(threads, 6)}", *_hdr_of_av1(film)]),
        }
    if name == "prores":
        return {"profile": preset, "vendor": "apl0"}
    return {"level": "3", "coder": "1", "context": "1", "slices": "4", "slicecrc": "1"}


def _mastering(film: Film) -> list[float]:
    """Of the display on which a film in HDR was graded: x and y of red, green, blue and white, the darkest and the
    brightest light in cd/m2; empty if unknown."""
    data = film.side.get("mastering", b"")
    if len(data) < 88:
        return []
    numbers = struct.unpack_from("<20i", data)  # AVMasteringDisplayMetadata: ten fractions, two flags
    return [n / d if d else 0.0 for n, d in zip(numbers[0::2], numbers[1::2], strict=True)]


def _light(film: Film) -> tuple[int, ...]:
    """The brightest pixel and the brightest frame's average in cd/m2; empty if unknown."""
    data = film.side.get("light", b"")
    return struct.unpack_from("<2I", data) if len(data) >= 8 else ()


def _hdr_options(film: Film) -> list[str]:
    """Static HDR metadata (SMPTE ST 2086, CTA-861.3) as x265 wants it."""
    options: list[str] = ["hdr10=1"] if film.side else []
    if values := _mastering(film):
        r, g, b, w = ([round(v * 50_000) for v in values[i : i + 2]] for i in (0, 2, 4, 6))
        low, high = (round(v * 10_000) for v in values[8:])
        places = "".join(f"{n}({x},{y})" for n, (x, y) in zip(("G", "B", "R", "WP"), (g, b, r, w), strict=True))
        options.append(f"master-display={places}L({high},{low})")
    if light := _light(film):
        options.append("max-cll={},{}".format(*light))
    return options


def _hdr_of_av1(film: Film) -> list[str]:
    """The same as SVT-AV1 wants it."""
    options = []
    if values := _mastering(film):
        r, g, b, w = (f"({x:.5f},{y:.5f})" for x, y in zip(values[0:8:2], values[1:8:2], strict=True))
        options.append(f"mastering-display=G{g}B{b}R{r}WP{w}L({values[9]:.4f},{values[8]:.4f})")
    if light := _light(film):
        options.append("content-light={},{}".format(*light))
    return options
