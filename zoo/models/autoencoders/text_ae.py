"""Denoising autoencoder of sentences: a sentence to a fixed vector, and back.

Sutskever, Vinyals & Le 2014, "Sequence to Sequence Learning with Neural Networks", for a sentence in one vector; Hill,
Cho & Korhonen 2016, "Learning Distributed Representations of Sentences from Unlabelled Data", for a denoising
autoencoder of sentences. Differs from both in that there is no recurrence: the vector is a sum of the tokens' features,
each bound to its position (``zoo.layers.PositionBinding``), and the decoder reads all positions from it at once, as
that of Gu et al. 2018, "Non-Autoregressive Neural Machine Translation".
"""

import keras
import numpy as np
from keras import layers, ops

from zoo import backend, deprecations
from zoo.codec.tokenizer import PAD, UNKNOWN
from zoo.layers import AttentionBlock, PositionBinding, PositionEmbedding, TextTokenizer
from zoo.models.base import SelfSupervised

BATCH = 512  # sentences that are encoded at the same time


@keras.saving.register_keras_serializable("zoo")
class TextAE(SelfSupervised):
    """Subwords of a sentence to a code of fixed length, and back without a look at what is written already.

        x (b, 24) → embedding and positions (b, 24, 128) → attention block → dense (b, 24, 512)
        → bound to their positions and summed (b, 512) → dense, normalised: z (b, 256)
        z (b, 256) → dense (b, 512) → read at every position (b, 24, 512) → dense (b, 24, 160)
        → attention blocks → dense (b, 24, 128) → logits of the tokens (b, 24, 8192), by the embedding in reverse

    In training some tokens are hidden from the encoder, and the loss is the cross-entropy of all of them.

    Strings go through the model's own tokenizer, which ``model.tokenizer.adapt(texts)`` trains and which is saved with
    the model: ``fit``, ``encode`` and ``reconstruct`` take lists of strings, and ``decode`` gives them.

    Args:
        example_shape: ``(length,)``, tokens of a sentence, its end included; longer ones are cut.
        vocabulary_size: number of tokens.
        embedding_dim: numbers of a token.
        latent_dim: length of the code.
        binding_dim: numbers that are bound to a position.
        decoder_units: width of the decoder.
        decoder_blocks: attention blocks of the decoder.
        heads: of each attention.
        hidden_tokens: share of the tokens that are hidden from the encoder in training.
        seed: of what is hidden.

    Raises:
        ValueError: if ``hidden_tokens`` is not from 0 to below 1.
    """

    axes = 1
    value_range = None
    weight_steps = 8
    of_pairs = False  # whether its examples are documents with their summaries

    @deprecations.renamed_arguments(hidden_pieces="hidden_tokens", image_shape="example_shape")
    def __init__(
        self,
        *,
        example_shape=(24,),
        vocabulary_size=8192,
        embedding_dim=128,
        latent_dim=256,
        binding_dim=512,
        decoder_units=160,
        decoder_blocks=2,
        heads=4,
        hidden_tokens=0.02,
        seed=None,
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        if not 0 <= hidden_tokens < 1:
            raise ValueError(f"hidden_tokens must be from 0 to below 1: received {hidden_tokens!r}.")
        (self.length,) = self.example_shape
        self.vocabulary_size, self.embedding_dim, self.latent_dim = vocabulary_size, embedding_dim, latent_dim
        self.binding_dim, self.decoder_units, self.decoder_blocks = binding_dim, decoder_units, decoder_blocks
        self.heads, self.hidden_tokens, self.seed = heads, hidden_tokens, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_jit &= backend.DYNAMIC_SHAPES  # the loss is of all tokens but padding
        self.tokenizer = TextTokenizer(vocabulary_size, name="tokenizer")
        self.embedding = layers.ReversibleEmbedding(
            vocabulary_size, embedding_dim, embeddings_initializer="glorot_uniform", name="embedding"
        )
        self.accuracy = keras.metrics.Mean(name="piece_accuracy")
        self.encoder = self._encoder()
        self.decoder = self._decoder()

    def _encoder(self):
        tokens = keras.Input((self.length,), dtype="int32", name="x")
        mask = ops.not_equal(tokens, PAD)
        x = PositionEmbedding(self.length, self.embedding_dim, scale=8.0, name="places")(self.embedding(tokens))
        x = AttentionBlock(self.embedding_dim, self.heads)(x, mask)
        x = PositionBinding(self.length, self.binding_dim)(layers.Dense(self.binding_dim)(x), mask)
        z = layers.LayerNormalization(center=False, scale=False, dtype="float32", name="z")(
            layers.Dense(self.latent_dim)(x)
        )
        return keras.Model(tokens, z, name="encoder")

    def _decoder(self):
        z = keras.Input((self.latent_dim,), name="z")
        x = PositionBinding(self.length, self.binding_dim)(layers.Dense(self.binding_dim)(z), reverse=True)
        x = PositionEmbedding(self.length, self.decoder_units, name="places")(layers.Dense(self.decoder_units)(x))
        for _ in range(self.decoder_blocks):
            x = AttentionBlock(self.decoder_units, self.heads)(x)
        x = layers.LayerNormalization(epsilon=1e-5)(x)
        return keras.Model(z, layers.Dense(self.embedding_dim, name="features")(x), name="decoder")

    @staticmethod
    def texts_of(examples) -> list[str]:
        """What the tokenizer learns its tokens from: the examples themselves."""
        return list(examples)

    def tokens(self, texts) -> np.ndarray:
        """Strings as int32 ``(n, length)``; integers as they are."""
        if isinstance(texts, str):
            raise ValueError("texts must be a list of strings: received one string; put it into a list.")
        texts = texts if hasattr(texts, "dtype") else list(texts)
        if len(texts) and isinstance(texts[0], str):
            return self.tokenizer.tokenizer.padded(texts, self.length)
        return texts

    def copy_assets(self, model):
        self.tokenizer.set_tokenizer(model.tokenizer.tokenizer)

    def parts(self):
        return {"encoder": self.encoder, "decoder": self.decoder, "model": self}

    def encode(self, x):
        """The codes ``(n, latent_dim)`` of a list of strings, or of tokens ``(n, length)``."""
        return self.encoder(self._checked(self.tokens(x)), training=False)

    def decode(self, z) -> list[str]:
        """The sentences that codes ``(n, latent_dim)`` stand for."""
        tokens = ops.convert_to_numpy(ops.argmax(self.logits(self.decoder(z, training=False)), axis=-1))
        return [self.tokenizer.tokenizer.decode(row) for row in tokens]

    def reconstruct(self, texts) -> list[str]:
        """Sentences, or their tokens, through the code and back."""
        return self.decode(self.encode(texts))

    write = reconstruct

    def nearest(self, queries: list[str], among: list[str], count: int = 5) -> list[list[tuple[float, str]]]:
        """Of each query the sentences whose codes are nearest to its own: cosine similarity and sentence, best first.

        Args:
            queries: sentences.
            among: sentences to look through.
            count: of neighbours.
        """
        codes, others = (
            np.concatenate(
                [ops.convert_to_numpy(self.encode(texts[at : at + BATCH])) for at in range(0, len(texts), BATCH)]
            )
            for texts in (queries, among)
        )
        codes, others = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (codes, others))
        similar = codes @ others.T
        order = np.argsort(-similar, axis=1, kind="stable")[:, :count]
        return [[(float(row[at]), among[at]) for at in best] for row, best in zip(similar, order, strict=True)]

    def interpolate(self, first: str, last: str, steps: int = 5) -> list[str]:
        """The sentences on the way from one code to another, both included, along the sphere that codes lie on.

        References:
            Shoemake 1985, "Animating Rotation with Quaternion Curves", for spherical interpolation.
        """
        a, b = np.float64(ops.convert_to_numpy(self.encode([first, last])))
        angle = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
        t = np.linspace(0, 1, steps)[:, None]
        path = (
            a + t * (b - a) if angle < 1e-3 else (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        )
        return self.decode(path.astype(np.float32))

    def logits(self, features):
        """Of the tokens, ``(…, vocabulary_size)``, from the decoder's features ``(…, embedding_dim)``."""
        return ops.cast(self.embedding(features, reverse=True), "float32")

    def fit(self, x=None, y=None, *args, **kwargs):
        """As ``keras.Model.fit``; ``x`` may be a list of strings."""
        return super().fit(x if x is None or not isinstance(x, (list, tuple)) else self.tokens(x), y, *args, **kwargs)

    def call(self, x, training=False):
        """Logits ``(b, length, vocabulary_size)``; in training the features that ``logits`` makes them of."""
        x = self._checked(x)
        if training and self.hidden_tokens:
            draw = backend.per_example(lambda s: keras.random.uniform(s, seed=self.seed_generator), ops.shape(x))
            x = ops.where(ops.logical_and(x != PAD, draw < self.hidden_tokens), UNKNOWN, x)
        features = self.decoder(self.encoder(x, training=training), training=training)
        return features if training else self.logits(features)

    @property
    def refused(self):
        reasons = {"y": "a sentence is its own target", "sample_weight": "the loss is a mean over tokens"}
        return {**super().refused, **reasons}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The cross-entropy of a token in nats, over all but padding."""
        tokens = ops.cast(ops.reshape(x, (-1,)), "int32")
        (kept,) = ops.nonzero(tokens)
        found = ops.take(ops.reshape(y_pred, (-1, y_pred.shape[-1])), kept, axis=0)
        targets, logits = ops.take(tokens, kept), self.logits(found) if training else found
        self.accuracy.update_state(ops.cast(ops.equal(ops.argmax(logits, axis=-1), targets), "float32"))
        total = ops.sum(keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True))
        # Of several replicas each has its own number of tokens: what counts is all tokens' mean.
        number = backend.mean_over_replicas(ops.cast(ops.size(kept), total.dtype))
        return backend.share_of_loss(total / number)

    def _checked(self, x):
        if tuple(x.shape[1:]) != self.example_shape:
            raise ValueError(f"x must have the shape (batch, {self.length}): received {tuple(x.shape)}.")
        return ops.cast(x, "int32")

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "latent_dim", "binding_dim", "decoder_units", "decoder_blocks")
        return {**super().get_config(), **{n: getattr(self, n) for n in (*names, "heads", "hidden_tokens", "seed")}}
