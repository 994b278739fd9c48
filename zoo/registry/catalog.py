"""THE table: every architecture, how to build it and how to train it. Adding a model starts with a row here."""

from zoo.registry.spec import (
    AdversarialRecipe,
    AutoencoderRecipe,
    CropRecipe,
    DetectorRecipe,
    LossRecipe,
    Recipe,
    Spec,
    TextRecipe,
)


def _adversarial(fashion_mnist: int, mnist: int, **changes) -> dict[str, Recipe]:
    """The recipes of a GAN, which differ in their epochs; an average of the generator ships."""
    options = {"dtype_policy": "mixed_bfloat16", "ema_momentum": 0.999, **changes}
    return {
        "fashion_mnist": AdversarialRecipe(epochs=fashion_mnist, **options),
        "mnist": AdversarialRecipe(epochs=mnist, **options),
    }


# Heartbeats at 360 Hz in 200ths of a millivolt, in frames of two thirds of a second that an encoder of 64 kB takes.
_ECG = {
    "example_shape": (256, 1),
    "overlap": 4,
    "emphasis": 0.0,
    "latent_channels": 32,
    "num_priors": 16,
    "filters": (),
    "decoder_filters": (24, 48, 96),
    "encoder_blocks": (),
    "decoder_blocks": (0, 1, 1),
    "sample_rate": 360,
    "headroom": 16,
    "unit": "mV",
    "resolution": 200,
}

CATALOG: dict[str, Spec] = {
    "dense_ae": Spec(
        class_path="zoo.models.autoencoders.dense_ae:DenseAE",
        summary="Fully connected autoencoder, a code of 32 numbers.",
        paper="Hinton & Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks, Science 313",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=40, jit_compile=True),
            "mnist": AutoencoderRecipe(epochs=40, jit_compile=True),
        },
    ),
    "conv_ae": Spec(
        class_path="zoo.models.autoencoders.conv_ae:ConvAE",
        summary="Convolutional autoencoder trained for rate and distortion: the codec's model.",
        paper="Ballé, Laparra & Simoncelli 2017, End-to-end Optimized Image Compression, ICLR",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=30, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=8, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
        },
        config={"": {"encoder_blocks": 1, "rate_weight": 0.004}, "mnist": {"initial_bias": -2.0}},
        tasks=("compress", "reconstruct"),
    ),
    "compressor": Spec(
        class_path="zoo.models.autoencoders.compressor:Compressor",
        summary="Small int8 encoder, quantised code with adaptive integer tables, larger decoder: the codec's model.",
        paper="Ballé, Laparra & Simoncelli 2017, End-to-end Optimized Image Compression, ICLR",
        recipes={
            **{
                f"fashion_mnist_{quality}": AutoencoderRecipe(
                    epochs=epochs, data="fashion_mnist", dtype_policy="mixed_bfloat16", decoder_epochs=decoder_epochs
                )
                # Of the lowest quality the int8 encoder alone loses 0.24 dB.
                for quality, epochs, decoder_epochs in (("q3", 30, 0), ("q1", 40, 3), ("q2", 40, 0), ("q4", 30, 0))
            },
            **{
                f"mnist_{quality}": AutoencoderRecipe(
                    epochs=16, data="mnist", learning_rate=1e-3, dtype_policy="mixed_bfloat16"
                )
                for quality in ("q1", "q2", "q3", "q4")
            },
        },
        config={
            "fashion_mnist_q1": {"rate_weight": 0.2, "latent_dim": 64},
            "fashion_mnist_q2": {"rate_weight": 0.03, "latent_dim": 64},
            "fashion_mnist_q3": {"rate_weight": 0.004, "latent_dim": 96},
            "fashion_mnist_q4": {"rate_weight": 0.001, "latent_dim": 96},
            "mnist_q1": {"rate_weight": 0.1, "latent_dim": 64, "initial_bias": -2.0, "decoder_filters": 48},
            "mnist_q2": {"rate_weight": 0.03, "latent_dim": 64, "initial_bias": -2.0, "decoder_filters": 48},
            "mnist_q3": {"rate_weight": 0.01, "latent_dim": 96, "initial_bias": -2.0, "decoder_filters": 48},
            "mnist_q4": {"rate_weight": 0.003, "latent_dim": 96, "initial_bias": -2.0, "decoder_filters": 48},
        },
        tasks=("compress", "reconstruct"),
    ),
    "signal_ae": Spec(
        class_path="zoo.models.autoencoders.signal_ae:SignalAE",
        summary="Speech at 6 to 7 kbit/s, in frames of 72 ms: the codec's model of sounds.",
        paper="Kankanahalli 2018, End-to-End Optimized Speech Coding with Deep Neural Networks, ICASSP",
        recipes={
            "spoken_digit": AutoencoderRecipe(epochs=16, dtype_policy="mixed_bfloat16"),
            "ecg": AutoencoderRecipe(epochs=3, data="mitbih", batch_size=64, learning_rate=1e-3),
            "ecg_20": AutoencoderRecipe(epochs=3, data="mitbih", batch_size=64, learning_rate=1e-3),
        },
        config={
            "spoken_digit": {"emphasis": 0.6, "rate_weight": 0.0008},
            "ecg": {**_ECG, "rate_weight": 0.00016},
            "ecg_20": {**_ECG, "rate_weight": 0.00085},
        },
        modality="audio",
        modalities={"ecg": "signal", "ecg_20": "signal"},
        summaries={
            "ecg": "Electrocardiograms at a tenth of their bits or less, in frames of 0.71 s: the codec's model of "
            "them.",
            "ecg_20": "Electrocardiograms at a twentieth of their bits or less, in frames of 0.71 s.",
        },
        tasks=("compress", "reconstruct"),
    ),
    "denoising_signal_ae": Spec(
        class_path="zoo.models.autoencoders.denoising_signal_ae:DenoisingSignalAE",
        summary="Speech without noise, white to brown, of any level: frames of 72 ms through a true bottleneck.",
        paper="Lu et al. 2013, Speech Enhancement Based on Deep Denoising Autoencoder, Interspeech",
        recipes={"spoken_digit": AutoencoderRecipe(epochs=10, dtype_policy="mixed_bfloat16")},
        modality="audio",
        tasks=("denoise", "reconstruct"),
    ),
    "text_ae": Spec(
        class_path="zoo.models.autoencoders.text_ae:TextAE",
        summary="A sentence to a vector of 256 numbers, and back.",
        paper="Hill, Cho & Korhonen 2016, Learning Distributed Representations of Sentences, NAACL",
        recipes={"glosses": TextRecipe(epochs=4, weight_decay=1e-4)},
        modality="text",
    ),
    "summarizer": Spec(
        class_path="zoo.models.autoencoders.summarizer:Summarizer",
        summary="A document to a code and a short summary, with copies; its decoder is a language model.",
        paper="See, Liu & Manning 2017, Get To The Point: Summarization with Pointer-Generator Networks, ACL",
        recipes={"docstrings": TextRecipe(epochs=3, batch_size=64, weight_decay=1e-3)},
        modality="text",
        tasks=("summarize", "compress"),
    ),
    "tabular_ae": Spec(
        class_path="zoo.models.autoencoders.tabular_ae:TabularAE",
        summary="Rows of a table, numbers and categories, to a short code and back; missing cells are filled in.",
        paper="Gondara & Wang 2018, MIDA: Multiple Imputation using Denoising Autoencoders, PAKDD",
        recipes={"breast_cancer": LossRecipe(epochs=400, batch_size=64, weight_decay=1e-3)},
        modality="table",
    ),
    "denoising_ae": Spec(
        class_path="zoo.models.autoencoders.denoising_ae:DenoisingAE",
        summary="One denoiser for every level of Gaussian, masking and salt-and-pepper noise; a true bottleneck.",
        paper="Vincent et al. 2010, Stacked Denoising Autoencoders, JMLR 11",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=45, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=10, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
        },
        config={
            # Clothes have more detail to keep; classical denoisers are at their best against Gaussian noise.
            "fashion_mnist": {
                "latent_channels": 12,
                "global_units": 216,
                "gaussian": (0.0, 0.6),
                "frequencies": (4.0, 1.0, 1.0),
            },
            "mnist": {"initial_bias": -2.0},
        },
        tasks=("denoise", "reconstruct"),
    ),
    "photo_compressor": Spec(
        class_path="zoo.models.autoencoders.photo_compressor:PhotoCompressor",
        summary="Photographs of any size at any quality: a linear transform and small networks, contexts in integers.",
        paper="Minnen & Singh 2020, Channel-wise Autoregressive Entropy Models for Learned Image Compression, ICIP",
        recipes={
            "photos": CropRecipe(
                epochs=100,
                batch_size=6,
                learning_rate=1e-3,
                dtype_policy="mixed_bfloat16",
                floor=0.02,
                ema_momentum=0.999,
            )
        },
        modality="photo",
        tasks=("compress", "reconstruct"),
    ),
    "photo_denoiser": Spec(
        class_path="zoo.models.autoencoders.photo_denoiser:PhotoDenoiser",
        summary="Photographs of any size freed from noise of any level, white or a camera's, and from traces of JPEG.",
        paper="Zhang et al. 2021, Plug-and-Play Image Restoration with Deep Denoiser Prior, IEEE TPAMI 44",
        recipes={
            "photos": CropRecipe(
                epochs=60,
                batch_size=8,
                learning_rate=1e-3,
                dtype_policy="mixed_bfloat16",
                shrink=(1.5, 2.5),
                grey=0.12,
                jpeg=0.1,
                noise=(15.0, 25.0, 50.0),
            )
        },
        modality="photo",
        tasks=("denoise",),
    ),
    "pixel_predictor": Spec(
        class_path="zoo.models.pixel_predictor:PixelPredictor",
        summary="Photographs and scans of any size without loss: the codec's model of each pixel, in exact integers.",
        paper="Cao, Wu & Krähenbühl 2020, Lossless Image Compression through Super-Resolution",
        recipes={
            "photos": CropRecipe(
                epochs=4, batch_size=5, learning_rate=3e-3, shrink=(1.5, 3.0), grey=0.05, ema_momentum=0.995
            )
        },
        modality="photo",
        tasks=("compress",),
    ),
    "detecting_ae": Spec(
        class_path="zoo.models.autoencoders.detecting_ae:DetectingAE",
        summary="Learns normal images, and tells others: an encoder that undoes turns, and a decoder.",
        paper="Huang et al. 2019, Attribute Restoration Framework for Anomaly Detection, IEEE TMM 24",
        recipes={
            "fashion_mnist": DetectorRecipe(
                epochs=12, learning_rate=3e-3, weight_decay=1e-4, dtype_policy="mixed_bfloat16", normal="Bag"
            )
        },
        tasks=("detect", "reconstruct"),
    ),
    "detecting_signal_ae": Spec(
        class_path="zoo.models.autoencoders.detecting_signal_ae:DetectingSignalAE",
        summary="Learns normal heartbeats, and tells others, of people it never heard.",
        paper="Denouden et al. 2018, Improving Reconstruction Autoencoder Out-of-distribution Detection",
        recipes={
            "mitbih": DetectorRecipe(epochs=4, learning_rate=3e-3, weight_decay=1e-4, normal="N"),
        },
        config={"mitbih": {"full_scale": 3.0, "usual": True}},  # three times the peak of a person's usual beat
        modality="heartbeat",
        tasks=("detect", "reconstruct"),
    ),
    "unpool_ae": Spec(
        class_path="zoo.models.autoencoders.unpool_ae:UnpoolAE",
        summary="Max pooling keeps its switches, the decoder unpools by them: a code of 32 numbers and 588 switches.",
        paper="Zhao, Mathieu, Goroshin & LeCun 2016, Stacked What-Where Auto-encoders, ICLR workshop",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=10, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=10, dtype_policy="mixed_bfloat16"),
        },
        config={"mnist": {"initial_bias": -2.0}},
    ),
    "tied_ae": Spec(
        class_path="zoo.models.autoencoders.tied_ae:TiedAE",
        summary="Fully connected with tied weights: the decoder is the encoder's kernels, transposed.",
        paper="Vincent et al. 2010, Stacked Denoising Autoencoders, JMLR 11",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=30, learning_rate=4e-3, jit_compile=True),
            "mnist": AutoencoderRecipe(epochs=30, learning_rate=4e-3, jit_compile=True),
        },
    ),
    "conv_tied_ae": Spec(
        class_path="zoo.models.autoencoders.conv_tied_ae:ConvTiedAE",
        summary="Convolutional with tied weights: the decoder is the encoder's adjoint.",
        paper="Masci et al. 2011, Stacked Convolutional Auto-Encoders, ICANN",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=12, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=12, dtype_policy="mixed_bfloat16"),
        },
    ),
    "stacked_ae": Spec(
        class_path="zoo.models.autoencoders.stacked_ae:StackedAE",
        summary="A deep stack of sigmoid layers, pretrained greedily layer by layer, then fine-tuned.",
        paper="Bengio et al. 2006, Greedy Layer-Wise Training of Deep Networks, NeurIPS",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=40, layer_epochs=5, jit_compile=True),
            "mnist": AutoencoderRecipe(epochs=40, layer_epochs=5, jit_compile=True),
        },
    ),
    "sparse_ae": Spec(
        class_path="zoo.models.autoencoders.sparse_ae:SparseAE",
        summary="Overcomplete and sparse: a code of 1,176 units, of which an image uses a tenth.",
        paper="Ng 2011, Sparse autoencoder, CS294A lecture notes",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=15, jit_compile=True),
            "mnist": AutoencoderRecipe(epochs=30, jit_compile=True),
        },
        config={"": {"sparsity_target": 0.1, "sparsity_weight": 0.3, "initial_activation": 0.1}},
    ),
    "contractive_ae": Spec(
        class_path="zoo.models.autoencoders.contractive_ae:ContractiveAE",
        summary="One sigmoid layer whose code hardly moves where the image does not.",
        paper="Rifai et al. 2011, Contractive Auto-Encoders, ICML",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=30, jit_compile=True),
            "mnist": AutoencoderRecipe(epochs=30, jit_compile=True),
        },
        config={"": {"contraction_weight": 0.1}},
    ),
    "map_ae": Spec(
        class_path="zoo.models.autoencoders.map_ae:MapAE",
        summary="A code of two numbers that is a map: like images lie side by side, new ones too.",
        paper="Sainburg, McInnes & Gentner 2021, Parametric UMAP Embeddings, Neural Computation 33",
        recipes={
            name: AutoencoderRecipe(
                epochs=40, batch_size=1024, learning_rate=3e-3, neighbours=15, dtype_policy="mixed_bfloat16"
            )
            for name in ("fashion_mnist", "mnist")
        },
        tasks=("map", "reconstruct"),
    ),
    "concrete_ae": Spec(
        class_path="zoo.models.autoencoders.concrete_ae:ConcreteAE",
        summary="Chooses the 50 pixels from which all others are best guessed: a code that is a gather.",
        paper="Balın, Abid & Zou 2019, Concrete Autoencoders, ICML",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=20),
            "mnist": AutoencoderRecipe(epochs=20),
        },
        tasks=("select", "reconstruct"),
    ),
    "vae": Spec(
        class_path="zoo.models.autoencoders.vae:VAE",
        summary="Fully connected variational autoencoder: generates, and bounds the likelihood of images.",
        paper="Kingma & Welling 2014, Auto-Encoding Variational Bayes, ICLR",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=40, learning_rate=1e-3),
            "mnist": AutoencoderRecipe(epochs=60, learning_rate=1e-3, binarized=True),
        },
        config={"": {"prior_couplings": 6, "warmup_steps": 4000}, "mnist": {"dropout": 0.05, "samples": 5}},
        tasks=("generate", "reconstruct"),
    ),
    "conv_vae": Spec(
        class_path="zoo.models.autoencoders.conv_vae:ConvVAE",
        summary="Convolutional variational autoencoder with a learned prior.",
        paper="Kingma et al. 2016, Improving Variational Inference with Inverse Autoregressive Flow, NeurIPS",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=20, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=80, learning_rate=1e-3, dtype_policy="mixed_bfloat16", binarized=True),
        },
        config={
            "": {"prior_couplings": 6, "warmup_steps": 2000},
            "mnist": {"dropout": 0.1, "initial_bias": -2.0},
        },
        tasks=("generate", "reconstruct"),
    ),
    "beta_vae": Spec(
        class_path="zoo.models.autoencoders.beta_vae:BetaVAE",
        summary="Variational autoencoder whose code is pressed towards one property a number.",
        paper="Higgins et al. 2017, beta-VAE: Learning Basic Visual Concepts, ICLR",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=15, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=15, learning_rate=1e-3, dtype_policy="mixed_bfloat16"),
        },
        config={"": {"warmup_steps": 2000}, "mnist": {"initial_bias": -2.0}},
        tasks=("generate", "reconstruct"),
    ),
    "hierarchical_vae": Spec(
        class_path="zoo.models.autoencoders.hierarchical_vae:HierarchicalVAE",
        summary="Two layers of latents and four interleaved quarters of pixels: the lossless codec's model.",
        paper="Townsend, Bird & Barber 2019, Practical Lossless Compression with Latent Variables, ICLR",
        recipes={
            "fashion_mnist": AutoencoderRecipe(epochs=12, dtype_policy="mixed_bfloat16"),
            "mnist": AutoencoderRecipe(epochs=12, dtype_policy="mixed_bfloat16"),
        },
        tasks=("compress", "generate", "reconstruct"),
    ),
    "gan": Spec(
        class_path="zoo.models.gans.gan:GAN",
        summary="Two perceptrons, one making images, one telling them from real ones.",
        paper="Goodfellow et al. 2014, Generative Adversarial Nets, NeurIPS",
        recipes=_adversarial(80, 80, learning_rate=1e-3, dtype_policy="float32"),
        tasks=("generate",),
    ),
    "dcgan": Spec(
        class_path="zoo.models.gans.dcgan:DCGAN",
        summary="Convolutional GAN.",
        paper="Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep Convolutional GANs, ICLR",
        recipes=_adversarial(20, 28, learning_rate=1e-3),
        config={"mnist": {"hidden_units": (128,)}},
        tasks=("generate",),
    ),
    "lsgan": Spec(
        class_path="zoo.models.gans.lsgan:LSGAN",
        summary="Convolutional GAN whose scores are drawn to their targets by squares.",
        paper="Mao et al. 2017, Least Squares Generative Adversarial Networks, ICCV",
        recipes=_adversarial(16, 16, learning_rate=1e-3),
        config={"": {"hidden_units": (128,)}},
        tasks=("generate",),
    ),
    "wgan": Spec(
        class_path="zoo.models.gans.wgan:WGAN",
        summary="Wasserstein GAN as first published: a critic with clipped weights.",
        paper="Arjovsky, Chintala & Bottou 2017, Wasserstein GAN, ICML",
        recipes=_adversarial(24, 24, batch_size=160, learning_rate=1e-3, discriminator_learning_rate=2.5e-4),
        # At the paper's 0.01, a critic of three convolutions is nearly flat.
        config={"": {"clip": 0.05}, "mnist": {"hidden_units": (128,)}},
        tasks=("generate",),
    ),
    "wgan_gp": Spec(
        class_path="zoo.models.gans.wgan_gp:WGANGP",
        summary="Wasserstein GAN whose critic is bounded by a penalty on its slope.",
        paper="Gulrajani et al. 2017, Improved Training of Wasserstein GANs, NeurIPS",
        recipes=_adversarial(24, 40, batch_size=160, learning_rate=1e-3),
        config={"mnist": {"hidden_units": (128,)}},
        tasks=("generate",),
    ),
    "sngan": Spec(
        class_path="zoo.models.gans.sngan:SNGAN",
        summary="Convolutional GAN whose discriminator is bounded by spectral normalisation.",
        paper="Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, ICLR",
        recipes=_adversarial(20, 20, learning_rate=1e-3),
        config={"mnist": {"hidden_units": (128,)}},
        tasks=("generate",),
    ),
    "cgan": Spec(
        class_path="zoo.models.gans.cgan:CGAN",
        summary="Conditional GAN: draws the class it is asked for.",
        paper="Mirza & Osindero 2014, Conditional Generative Adversarial Nets",
        recipes=_adversarial(20, 20, learning_rate=1e-3),
        config={"mnist": {"hidden_units": (128,)}},
        tasks=("generate",),
        labelled=True,
    ),
    "aae": Spec(
        class_path="zoo.models.gans.aae:AAE",
        summary="Adversarial autoencoder: a discriminator keeps its codes to a prior, so that it generates.",
        paper="Makhzani et al. 2016, Adversarial Autoencoders, ICLR workshop",
        recipes=_adversarial(40, 40, learning_rate=1e-3, dtype_policy="float32", jit_compile=True),
        config={"mnist": {"adversarial_weight": 10.0}},
        tasks=("generate", "reconstruct"),
    ),
    "vae_gan": Spec(
        class_path="zoo.models.gans.vae_gan:VAEGAN",
        summary="Variational autoencoder whose error is measured in a discriminator's features.",
        paper="Larsen et al. 2016, Autoencoding beyond pixels using a learned similarity metric, ICML",
        recipes=_adversarial(20, 24, learning_rate=1e-3),
        config={"mnist": {"hidden_units": (128,)}},
        tasks=("generate", "reconstruct"),
    ),
    "classifier": Spec(
        class_path="zoo.models.classifier:Classifier",
        summary="Small residual classifier: the feature network that generated images are measured with.",
        paper="He et al. 2016, Deep Residual Learning for Image Recognition, CVPR",
        recipes={
            "fashion_mnist": LossRecipe(epochs=30, weight_decay=0.05, dtype_policy="mixed_bfloat16"),
            "mnist": LossRecipe(epochs=20, weight_decay=0.05, dtype_policy="mixed_bfloat16"),
        },
        config={"fashion_mnist": {"flip": True}},
        tasks=("classify",),
        labelled=True,
    ),
}
