"""The usual way, for comparison: the same network and weights in torch fp32, one NCHW pass over the
whole picture, Pillow reading and writing. Usage: peer_torch.py IN OUT"""

from __future__ import annotations

import sys

import numpy as np
import torch
from PIL import Image

from acutance.models import store
from acutance.networks import NETWORKS

model = store.load("fidelity")
network = NETWORKS[model.network](**model.arguments).eval()
network.load_state_dict({name: torch.from_numpy(w) for name, w in model.weights.items()})
picture = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
with torch.inference_mode():
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].contiguous().float() / 255
    y = (network(x)[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
Image.fromarray(y).save(sys.argv[2])
