"""β-VAE: a variational autoencoder that pays more for its code.

Higgins et al. 2017, "β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework". Differs from the
paper in residual, sub-pixel convolutions and in its data.
"""

import keras

from zoo.models.autoencoders.conv_vae import ConvVAE


@keras.saving.register_keras_serializable("zoo")
class BetaVAE(ConvVAE):
    """``ConvVAE``, smaller, with a standard normal prior and a divergence weighted by β > 1.

    The weight presses the numbers of the code towards independence, so that each that is still in use stands for one
    visible property; ``zoo generate beta_vae --kind traversal`` shows them. Reconstructions are less sharp for it.

    The arguments are those of ``zoo.models.ConvVAE``; the importance-weighted bound (``samples`` > 1) has no β.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=32,
        encoder_blocks=(1, 1),
        decoder_blocks=(1, 2),
        latent_dim=10,
        dropout=0.0,
        initial_bias=0.0,
        beta=4.0,
        free_bits=0.0,
        warmup_steps=0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            image_shape=image_shape,
            filters=filters,
            encoder_blocks=encoder_blocks,
            decoder_blocks=decoder_blocks,
            latent_dim=latent_dim,
            dropout=dropout,
            initial_bias=initial_bias,
            beta=beta,
            free_bits=free_bits,
            warmup_steps=warmup_steps,
            seed=seed,
            **kwargs,
        )
