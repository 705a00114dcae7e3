"""The generators, by the name a model file carries.

Each says of itself ``scale``, ``halo`` (receptive radius in input pixels, or None: the whole picture at once)
and, where it needs one, ``multiple`` (input sizes are multiples of it); its value ranges as in ``ranges``.
"""

from acutance.networks.colourfast import ColourfastCompact, ColourfastFoldedCompact, ColourfastSpan, colourfast
from acutance.networks.compact import Compact, FoldedCompact
from acutance.networks.face import FaceGenerator
from acutance.networks.msrresnet import MSRResNet
from acutance.networks.plksr import PLKSR, RealPLKSR
from acutance.networks.rrdb import RRDBNet
from acutance.networks.span import Span
from acutance.networks.srresnet import SRResNet, TensorlayerSRResNet
from acutance.networks.stylizer import Painter, TileUNet
from acutance.networks.unet import AdditiveUNet

NETWORKS = {
    "compact": Compact,
    "compact_x2": FoldedCompact,
    "colourfast_compact": ColourfastCompact,
    "colourfast_compact_x2": ColourfastFoldedCompact,
    "colourfast_span": ColourfastSpan,
    "colourfast_srresnet": colourfast(SRResNet),
    "colourfast_rrdb": colourfast(RRDBNet),
    "colourfast_msrresnet": colourfast(MSRResNet),
    "colourfast_unet": colourfast(AdditiveUNet),
    "colourfast_face": colourfast(FaceGenerator),
    "colourfast_plksr": colourfast(PLKSR),
    "colourfast_real_plksr": colourfast(RealPLKSR),
    "span": Span,
    "srresnet": SRResNet,
    "tensorlayer_srresnet": TensorlayerSRResNet,
    "rrdb": RRDBNet,
    "msrresnet": MSRResNet,
    "plksr": PLKSR,
    "real_plksr": RealPLKSR,
    "unet": AdditiveUNet,
    "face": FaceGenerator,
    "tile_unet": TileUNet,
    "painter": Painter,
}
