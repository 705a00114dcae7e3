"""The recipes, by the name ``acutance train`` takes. A ``small`` one shows the effect on two cores."""

from acutance.training.recipes.compact import (
    compact,
    compact_finish,
    compact_int8,
    compact_sizes,
    compact_x2,
    compact_x2_int8,
)
from acutance.training.recipes.compact_gan import (
    compact_gan,
    compact_gan_even,
    compact_gan_finish,
    compact_gan_int8,
    compact_gan_taught,
)
from acutance.training.recipes.esrgan import (
    esrgan,
    esrgan_16,
    esrgan_16_psnr,
    esrgan_finish,
    esrgan_minc,
    esrgan_psnr,
    esrgan_psnr_short,
    esrgan_psnr_small,
    esrgan_short,
    esrgan_small,
    esrgan_taught,
)
from acutance.training.recipes.face_srgan import face_srgan, face_srgan_finish, face_srgan_small
from acutance.training.recipes.restore import (
    restore,
    restore_colour,
    restore_noise,
    restore_psnr,
    restore_psnr_small,
    restore_small,
    restore_taught,
    restore_x2,
    restore_x2_colour,
    restore_x2_psnr,
    restore_x2_taught,
)
from acutance.training.recipes.siamese import siamese, siamese_plus, siamese_small
from acutance.training.recipes.span import span_gan
from acutance.training.recipes.srgan import (
    srgan,
    srgan_mse,
    srgan_short,
    srgan_small,
    srgan_taught,
    srgan_vgg22,
    srgan_vgg34,
    srresnet,
    srresnet_muon,
    srresnet_small,
    srresnet_vgg22,
)
from acutance.training.recipes.srgan_tensorlayer import (
    srgan_tensorlayer,
    srgan_tensorlayer_init,
    srgan_tensorlayer_small,
)
from acutance.training.recipes.unet_srgan import (
    unet_psnr_short,
    unet_psnr_small,
    unet_srgan,
    unet_srgan_short,
    unet_srgan_small,
    unet_srgan_taught,
)

RECIPES = {
    recipe.__name__: recipe
    for recipe in (
        compact, compact_x2, compact_int8, compact_finish, compact_sizes, compact_x2_int8,
        compact_gan, compact_gan_int8, compact_gan_even, compact_gan_finish, compact_gan_taught,
        span_gan,
        srresnet, srresnet_vgg22, srresnet_muon, srresnet_small,
        srgan, srgan_mse, srgan_vgg22, srgan_vgg34, srgan_short, srgan_taught, srgan_small,
        srgan_tensorlayer_init, srgan_tensorlayer, srgan_tensorlayer_small,
        esrgan_psnr, esrgan, esrgan_minc, esrgan_16_psnr, esrgan_16, esrgan_psnr_short, esrgan_short, esrgan_finish,
        esrgan_taught, esrgan_psnr_small, esrgan_small,
        unet_srgan, unet_psnr_short, unet_srgan_short, unet_srgan_taught, unet_psnr_small, unet_srgan_small,
        face_srgan, face_srgan_finish, face_srgan_small,
        restore_psnr, restore, restore_noise, restore_colour, restore_taught,
        restore_x2_psnr, restore_x2, restore_x2_colour, restore_x2_taught,
        restore_psnr_small, restore_small,
        siamese, siamese_small, siamese_plus,
    )
}  # fmt: skip
