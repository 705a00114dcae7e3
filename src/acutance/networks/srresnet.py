"""SRResNet, the generator of SRGAN (Ledig et al. 2017, arXiv 1609.04802, fig. 4 and sec. 3.2)."""

from __future__ import annotations

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """k3n64s1, batch norm, PReLU, k3n64s1, batch norm, sum (fig. 4)."""

    def __init__(self, channels: int, *, norm_bias: bool, slopes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=norm_bias),
            nn.BatchNorm2d(channels),
            nn.PReLU(slopes),
            nn.Conv2d(channels, channels, 3, padding=1, bias=norm_bias),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.body(x)


class SRResNet(nn.Module):
    """RGB ``(N, 3, H, W)`` in [0, 1] to ``(N, 3, 4 H, 4 W)`` on the scale [-1, 1] (sec. 3.2), unclamped.

    1,549,462 parameters. The paper leaves two things open: ``norm_bias``, a bias in convolutions that
    a batch norm follows, and ``channel_slopes``, a PReLU slope per channel instead of per layer; without
    the bias 1,547,350, with channel slopes 1,550,659 (1,548,547 without the bias).
    """

    scale = 4
    signed_output = True

    def __init__(
        self, *, channels: int = 64, blocks: int = 16, norm_bias: bool = True, channel_slopes: bool = False
    ) -> None:
        super().__init__()

        def slopes(count: int) -> int:
            return count if channel_slopes else 1

        self.halo = 8 + 2 * blocks  # 4 (k9) + 2 a block + 1 + 1 + 1/2 + 1 (k9 at four times the size), rounded up
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU(slopes(channels)))
        self.blocks = nn.Sequential(
            *(ResidualBlock(channels, norm_bias=norm_bias, slopes=slopes(channels)) for _ in range(blocks))
        )
        self.merge = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=norm_bias), nn.BatchNorm2d(channels)
        )
        self.enlarge = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.PReLU(slopes(channels))
                )
                for _ in range(2)
            )
        )
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = self.head(x)
        return self.tail(self.enlarge(first + self.merge(self.blocks(first))))


class TensorlayerSRResNet(nn.Module):
    """The generator of tensorlayer's SRGAN: LR and result in [-1, 1], 1,518,147 parameters.

    3x3 instead of 9x9 head, ReLU instead of PReLU, no bias before batch norm, 1x1 tail with tanh;
    weights N(0, 0.02), batch-norm gains N(1, 0.02).
    """

    scale = 4
    signed_input = signed_output = True

    def __init__(self, *, channels: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.halo = 4 + 2 * blocks
        self.head = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
            )
            for _ in range(blocks)
        )
        self.merge = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        enlarge: list[nn.Module] = []
        for _ in range(2):
            enlarge += [nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
        self.enlarge = nn.Sequential(*enlarge)
        self.tail = nn.Sequential(nn.Conv2d(channels, 3, 1), nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        first = self.head(x)
        features = first
        for block in self.blocks:
            features = features + block(features)
        return self.tail(self.enlarge(first + self.merge(features)))
