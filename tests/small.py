"""Every architecture of the catalogue, small enough for a test, and examples to train it with."""

import functools

import keras
import numpy as np

from zoo import models
from zoo.codec.tokenizer import Tokenizer, train_tokenizer

SHAPE = {"image_shape": (12, 8, 1)}
VOCABULARY = 300
WORDS = "the a large small cat dog house tree of in on and runs sees with blue green old new river city makes".split()
AUTOENCODERS = {
    "dense_ae": lambda: models.DenseAE(**SHAPE, hidden_units=(16, 8), latent_dim=4),
    "conv_ae": lambda: models.ConvAE(**SHAPE, filters=8, decoder_filters=8, encoder_blocks=1, latent_dim=6),
    "compressor": lambda: models.Compressor(
        **SHAPE, filters=8, decoder_filters=8, encoder_blocks=(1, 1), decoder_blocks=1, latent_dim=6, num_priors=3
    ),
    "denoising_ae": lambda: models.DenoisingAE(**SHAPE, filters=8, blocks=1, latent_channels=4, global_units=8),
    "detecting_ae": lambda: models.DetectingAE(**SHAPE, filters=4, latent_dim=4, turned=False),
    "detecting_signal_ae": lambda: models.DetectingSignalAE(example_shape=(96, 1), filters=16, latent_dim=8, seed=0),
    "unpool_ae": lambda: models.UnpoolAE(**SHAPE, filters=(4, 8), pooled_channels=(1, 2), latent_dim=4),
    "tied_ae": lambda: models.TiedAE(**SHAPE, hidden_units=(16,), latent_dim=4),
    "conv_tied_ae": lambda: models.ConvTiedAE(**SHAPE, filters=(4, 8), latent_dim=4),
    "stacked_ae": lambda: models.StackedAE(**SHAPE, hidden_units=(16, 8), latent_dim=4),
    "sparse_ae": lambda: models.SparseAE(**SHAPE, hidden_units=144),
    "contractive_ae": lambda: models.ContractiveAE(**SHAPE, hidden_units=16),
    "map_ae": lambda: models.MapAE(**SHAPE, filters=4, hidden_units=(8, 16)),
    "concrete_ae": lambda: models.ConcreteAE(**SHAPE, hidden_units=(16,), latent_dim=4, annealing_steps=5, seed=0),
    "vae": lambda: models.VAE(**SHAPE, hidden_units=(16,), latent_dim=4, prior_couplings=2, prior_units=8),
    "conv_vae": lambda: models.ConvVAE(**SHAPE, filters=8, latent_dim=4, samples=2, prior_couplings=2, prior_units=8),
    "beta_vae": lambda: models.BetaVAE(**SHAPE, filters=8, latent_dim=4, warmup_steps=3),
    "hierarchical_vae": lambda: models.HierarchicalVAE(**SHAPE, filters=8, top_dim=4, latent_channels=2, seed=0),
    "signal_ae": lambda: models.SignalAE(
        example_shape=(96, 1), overlap=16, latent_channels=2, num_priors=3,
        filters=(4, 6, 8), decoder_filters=(4, 6, 8), encoder_blocks=(1, 0, 1), decoder_blocks=(1, 0, 1),
    ),
    "denoising_signal_ae": lambda: models.DenoisingSignalAE(
        example_shape=(96, 1), latent_channels=8,
        filters=(4, 6, 8), decoder_filters=(4, 6, 8), encoder_blocks=(1, 0, 1), decoder_blocks=(1, 0, 1),
    ),
}  # fmt: skip

PHOTO = {"image_shape": (32, 16, 3)}
PIXELS = {"image_shape": (16, 20, 3)}
PHOTOS = {  # models of photographs of any size, by crops of this one
    "photo_compressor": lambda: models.PhotoCompressor(
        **PHOTO,
        latent_channels=12,
        groups=(2, 4, 6),
        context_filters=(4, 5, 6),
        encoder_filters=(4, 5, 6),
        decoder_filters=(8, 6, 4),
        decoder_blocks=(1, 1, 1),
        seed=0,
    ),
    "photo_denoiser": lambda: models.PhotoDenoiser(
        **PHOTO, filters=(8, 6, 4), encoder_blocks=(1, 0, 1), decoder_blocks=(1, 1), seed=0
    ),
}


GAME = {**SHAPE, "latent_dim": 4, "seed": 1}


def _player(kind, **options):
    return lambda **changes: kind(**{**GAME, **options, **changes})


GANS = {
    "gan": _player(models.GAN, hidden_units=(8, 12)),
    "dcgan": _player(models.DCGAN, filters=4, hidden_units=(6,)),
    "lsgan": _player(models.LSGAN, filters=4),
    "wgan": _player(models.WGAN, filters=4),
    "wgan_gp": _player(models.WGANGP, filters=4),
    "sngan": _player(models.SNGAN, filters=4),
    "cgan": _player(models.CGAN, filters=4, num_classes=3),
    "aae": _player(models.AAE, hidden_units=(12, 8), discriminator_units=(6,)),
    "vae_gan": _player(models.VAEGAN, filters=4),
}
TEXT_AE = {
    "example_shape": (12,), "vocabulary_size": VOCABULARY, "embedding_dim": 16, "latent_dim": 24, "binding_dim": 48,
    "decoder_units": 16, "decoder_blocks": 1, "heads": 2, "seed": 0,
}  # fmt: skip
SUMMARIZER = {
    "example_shape": (28,), "summary_length": 8, "vocabulary_size": VOCABULARY, "embedding_dim": 16, "latent_dim": 8,
    "units": 12, "heads": 2, "seed": 0,
}  # fmt: skip


def sentences(count: int) -> list[str]:
    """Sentences of three to seven words, and as many bits of information as their words."""
    draw = np.random.default_rng(0)
    return [" ".join(draw.choice(WORDS, draw.integers(3, 8))) for _ in range(count)]


@functools.cache
def tokenizer() -> Tokenizer:
    return Tokenizer(train_tokenizer(sentences(400), VOCABULARY, threads=1))


def _with_words(model: keras.Model) -> keras.Model:
    model.tokenizer.set_tokenizer(tokenizer())
    return model


COLUMNS = [
    {"name": "age", "mean": 40.0, "scale": 10.0},
    {"name": "colour", "categories": ["blue", "green", "red"]},
    {"name": "size", "mean": 1e6, "scale": 1e5},
]
TABLE = {
    "age": [31.0, None, 52.0, 40.5, 44.0, 28.0, 61.0, 39.0],
    "colour": ["red", "blue", None, "green", "blue", "red", "green", "blue"],
    "size": [1.1e6, 0.9e6, 1.05e6, None, 0.8e6, 1.2e6, 1e6, 0.95e6],
}

SMALL = {
    **AUTOENCODERS,
    **PHOTOS,
    "pixel_predictor": lambda: models.PixelPredictor(**PIXELS, units=4),
    **GANS,
    "tabular_ae": lambda: models.TabularAE(columns=COLUMNS, hidden_units=(16,), latent_dim=4, seed=0),
    "text_ae": lambda: _with_words(models.TextAE(**TEXT_AE)),
    "summarizer": lambda: _with_words(models.Summarizer(**SUMMARIZER)),
    "classifier": lambda: models.Classifier(**SHAPE, num_classes=3, filters=(4, 6), feature_dim=7),
}

IMAGES = [*(name for name in AUTOENCODERS if "signal" not in name), *GANS, "classifier"]  # the models of images
SHAPES = [(28, 28, 1), (32, 32, 3), (48, 80, 3)]  # that each of them takes, among others


def of_shape(name: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """A model of images, as small, for images of another shape."""
    model = SMALL[name]()
    return type(model).from_config({**model.get_config(), "image_shape": image_shape})


def examples(name: str, count: int) -> np.ndarray:
    """What a model's ``fit`` takes for ``x``: images, signals, rows of pieces or of a table."""
    if name in ("text_ae", "summarizer"):
        from zoo.data.text import Pair

        texts = sentences(2 * count)
        pairs = [Pair(f"{a}. {b}.", a, "p") for a, b in zip(texts[::2], texts[1::2], strict=True)]
        return SMALL[name]().tokens(texts[:count] if name == "text_ae" else pairs)
    if name == "tabular_ae":
        rows = SMALL[name]().rows(TABLE)
        return np.tile(rows, (-(-count // len(rows)), 1))[:count]
    rng = np.random.default_rng(0)
    if "signal" in name:
        return rng.uniform(-1, 1, (count, 96, 1)).astype(np.float32)
    shape = PIXELS if name == "pixel_predictor" else PHOTO if name in PHOTOS else SHAPE
    return rng.random((count, *shape["image_shape"]), dtype=np.float32)


def targets(name: str, count: int) -> np.ndarray | None:
    """What it takes for ``y``: labels, neighbours, or nothing."""
    if name == "map_ae":
        return examples(name, count)[::-1].copy()
    return np.arange(count) % 3 if name in ("cgan", "classifier") else None
