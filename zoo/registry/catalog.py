"""THE table: every architecture, how to build it and how to train it. Adding a model starts with a row here."""

from zoo.registry.spec import Recipe, Spec

CATALOG: dict[str, Spec] = {
    "dense_ae": Spec(
        class_path="zoo.models.autoencoders.dense_ae:DenseAE",
        summary="Fully connected autoencoder, a code of 32 numbers.",
        paper="Hinton & Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks, Science 313",
        recipes={
            "fashion_mnist": Recipe(epochs=40, jit_compile=True),
            "mnist": Recipe(epochs=40, jit_compile=True),
        },
    ),
    "conv_ae": Spec(
        class_path="zoo.models.autoencoders.conv_ae:ConvAE",
        summary="Convolutional autoencoder trained for rate and distortion: the codec's model.",
        paper="Ballé, Laparra & Simoncelli 2017, End-to-end Optimized Image Compression, ICLR",
        recipes={
            "fashion_mnist": Recipe(epochs=30, dtype_policy="mixed_bfloat16"),
            "mnist": Recipe(epochs=8, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
        },
        config={"": {"encoder_blocks": 1, "rate_weight": 0.004}, "mnist": {"initial_bias": -2.0}},
        codec=True,
    ),
    "denoising_ae": Spec(
        class_path="zoo.models.autoencoders.denoising_ae:DenoisingAE",
        summary="One denoiser for every level of Gaussian, masking and salt-and-pepper noise; a code of 392 numbers.",
        paper="Vincent et al. 2010, Stacked Denoising Autoencoders, JMLR 11",
        recipes={
            "fashion_mnist": Recipe(epochs=45, dtype_policy="mixed_bfloat16"),
            "mnist": Recipe(epochs=10, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
        },
        config={"mnist": {"initial_bias": -2.0}},
    ),
}
