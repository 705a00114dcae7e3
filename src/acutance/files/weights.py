"""Where weight files of other people's networks are found, what they are, and that they are what they claim."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acutance.errors import BadModel, UsageError
from acutance.files.atomic import sync_folder
from acutance.files.download import Terms, fetch
from acutance.files.folders import user_folder
from acutance.files.pickles import read_pickle
from acutance.files.remote import Remote, amount


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """``sha256``: the whole checksum, its first digits where only those are published, or empty where
    none is; ``published``: the address, or the project that offers the file; ``size``: bytes, of a file
    that can be fetched from there."""

    what: str
    licence: str
    sha256: str
    published: str
    size: int = 0


_TORCHVISION = "https://download.pytorch.org/models/"
_JOHNSON = "https://web.eecs.umich.edu/~justincj/models/"
_LPIPS = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/"

# The eight digits in a name are the first of its SHA-256.
KNOWN: Mapping[str, WeightFile] = {
    "lpips_squeeze_backbone.pth": WeightFile(
        what="SqueezeNet 1.1 features of torchvision",
        licence="BSD-2-Clause",
        sha256="435cedb387e95bc8291893f61a3a64f0345b8c23a05139aceef43947efb3d52d",
        published="github.com/delldu/LPIPS, project/image_likeness/models/squeeze.backbone.pth",
    ),
    "squeezenet1_1-b8a52dc0.pth": WeightFile(
        what="SqueezeNet 1.1, ImageNet",
        licence="BSD-3-Clause",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        published=_TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
        size=4_958_839,
    ),
    "alexnet-owt-7be5be79.pth": WeightFile(
        what="AlexNet, ImageNet",
        licence="BSD-3-Clause",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        published=_TORCHVISION + "alexnet-owt-7be5be79.pth",
        size=244_408_911,
    ),
    "vgg16-397923af.pth": WeightFile(
        what="VGG16, ImageNet",
        licence="BSD-3-Clause",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        published=_TORCHVISION + "vgg16-397923af.pth",
        size=553_433_881,
    ),
    "lpips_squeeze_v0.1_heads.pth": WeightFile(
        what="LPIPS 0.1 heads for SqueezeNet",
        licence="BSD-2-Clause",
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        published=_LPIPS + "squeeze.pth",
        size=10_811,
    ),
    "lpips_alex_v0.1_heads.pth": WeightFile(
        what="LPIPS 0.1 heads for AlexNet",
        licence="BSD-2-Clause",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        published=_LPIPS + "alex.pth",
        size=6_009,
    ),
    "lpips_vgg_v0.1_heads.pth": WeightFile(
        what="LPIPS 0.1 heads for VGG16",
        licence="BSD-2-Clause",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        published=_LPIPS + "vgg.pth",
        size=7_289,
    ),
    "dists_weights.pt": WeightFile(
        what="DISTS weights of texture and structure",
        licence="MIT",
        sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        published="https://github.com/dingkeyan93/DISTS/raw/master/DISTS_pytorch/weights.pt",
        size=12_288,
    ),
    "niqe_pris_params.npz": WeightFile(
        what="NIQE's model of pristine photographs, of the University of Texas at Austin",
        licence="Apache-2.0 as BasicSR gives it on; the original is free to use with its copyright notice",
        sha256="2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
        published="https://github.com/XPixelGroup/BasicSR/raw/master/basicsr/metrics/niqe_pris_params.npz",
        size=11_850,
    ),
    "vgg19-dcbb9e9d.pth": WeightFile(
        what="VGG19 as torchvision trained it, 575 MB",
        licence="BSD-3-Clause",
        sha256="dcbb9e9d",
        published=_TORCHVISION + "vgg19-dcbb9e9d.pth",
        size=574_673_361,
    ),
    "vgg19_conv1_1-conv3_4.pth": WeightFile(
        what="Oxford's VGG19 up to conv3_4",
        licence="CC BY 4.0",
        sha256="087a03e5b99b109b4d5a2d7727f953380297672851a1f43ad011c454dd566865",
        published="github.com/DavidCai1111/vgg19-tensorflowjs-model, converted",
    ),
    "vgg19-d01eb7cb.pth": WeightFile(
        what="Oxford's VGG19, converted from Caffe",
        licence="CC BY 4.0",
        sha256="d01eb7cb",
        published=_JOHNSON + "vgg19-d01eb7cb.pth",
    ),
    "VGG16minc_53.pth": WeightFile(
        what="VGG16 for materials, the MINC network of ESRGAN",
        licence="unstated",
        sha256="",
        published="github.com/XPixelGroup/BasicSR/issues/134, where the link no longer works",
    ),
}


def weights_folder() -> Path:
    """``$ACUTANCE_WEIGHTS``, else ``~/.local/share/acutance/weights`` (``$XDG_DATA_HOME`` is honoured)."""
    return user_folder("ACUTANCE_WEIGHTS", "weights")


def find_weights(*names: str) -> Path:
    """The first of these files of ``KNOWN`` that is in the weights folder; any of them serves.

    Raises ``UsageError`` that names the file, the folder and where the file is published.
    """
    folder = weights_folder()
    for name in names:
        if (folder / name).is_file():
            return folder / name
    name = names[-1]
    known = KNOWN[name]
    raise UsageError(
        f"{name}: not in {folder} ({known.what}); put it there under this name, or set ACUTANCE_WEIGHTS to its folder; "
        f"published at {known.published}"
    )


def obtain_weights(*names: str, terms: Terms) -> Path:
    """The first of these files that is there; else the first that can be had, fetched and said in a ``note`` event.

    Raises as ``find_weights`` does where none can be had.
    """
    try:
        return find_weights(*names)
    except UsageError:
        for name in names:
            if size := KNOWN[name].size:
                text = f"fetching {name}, {amount(size)}: {KNOWN[name].published}"
                terms.on_event({"event": "note", "text": text})
                return fetch_weights(name, terms)
        raise


def fetch_weights(name: str, terms: Terms) -> Path:
    """Bring a file of ``KNOWN`` that has a size into the weights folder, checked before it gets its name."""
    known, final = KNOWN[name], weights_folder() / name
    fetched = final.with_suffix(".fetched")
    fetch(Remote(url=known.published, size=known.size), fetched, terms)
    if not (found := sha256(fetched)).startswith(known.sha256):
        fetched.unlink()
        raise BadModel(f"{known.published}: SHA-256 begins with {found[:8]}, expected {known.sha256[:8]}; not kept")
    os.replace(fetched, final)
    sync_folder(final.parent)
    return final


def read_weights(path: Path) -> dict[str, Any]:
    """The tensors of torch in a weight file; one that ``KNOWN`` lists must have its SHA-256. Raises ``BadModel``."""
    _check(path)
    import torch

    stored = read_pickle(path)
    return {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in stored.items()}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` file, checked alike; nothing in it can run. Raises ``BadModel``."""
    _check(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadModel(f"{path}: is no file of arrays") from error


def _check(path: Path) -> None:
    known = KNOWN.get(path.name)
    if known is not None and known.sha256:
        found = sha256(path)
        if not found.startswith(known.sha256):
            raise BadModel(
                f"{path}: SHA-256 begins with {found[:8]}, expected {known.sha256[:8]}: damaged or another file; "
                f"fetch it again from {known.published}"
            )


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal. Raises ``BadModel``."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadModel(f"{path}: cannot be read ({error.strerror or error})") from error
