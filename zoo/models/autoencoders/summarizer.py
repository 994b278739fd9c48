"""Documents to a code, and from the code to a short summary; its decoder is a language model of prose.

See, Liu & Manning 2017, "Get To The Point: Summarization with Pointer-Generator Networks", for a decoder that also
copies. Differs from the paper in an encoder of self-attention, whose pooled code starts the decoder; in attention that
looks once, after the recurrence, so that the recurrence alone is a language model; and in that the same network learns
to predict prose, which the zoo's lossless codec of texts uses.
"""

import keras
import numpy as np
from keras import layers, ops

from zoo import backend, deprecations
from zoo.codec.tokenizer import END, PAD, START, UNKNOWN
from zoo.data.sentences import most_alike
from zoo.data.text import split_sentences
from zoo.layers import AttentionBlock, Dropout, PositionEmbedding, TextTokenizer
from zoo.models.base import SelfSupervised

BATCH = 16  # documents that are summed up at the same time
TOP = 64  # likeliest tokens, of which one is drawn


@keras.saving.register_keras_serializable("zoo")
class Summarizer(SelfSupervised):
    """A document's tokens to a code, and from there, with a look at the document, to the tokens of its summary.

        document (b, 160) → embedding and positions (b, 160, 112) → attention block: memory (b, 160, 112)
        → weighted mean, dense, normalised: z (b, 256)
        z → dense: first state (b, 320); tokens so far → embedding → GRU (b, t, 320)
        → attention over the memory → dense (b, t, 112) → logits (b, t, 8192), by the embedding in reverse
                                    └→ probability of copying a token of the document instead

    Without a document, state and memory are zeros, and the decoder is a language model.

    A row of ``fit(x)`` is a document's tokens and, after them, those of its summary; where there is no summary, the row
    teaches the language model alone. The loss is the cross-entropy of the document's tokens by the language model, that
    of the summary's tokens, and that of finding a document's summary among those of the batch by their codes,
    so that the sentence nearest to a document's code says what it is about.

    Args:
        example_shape: ``(length,)``, of document and summary together.
        summary_length: tokens of a summary, its end included; the rest of the length is the document's.
        vocabulary_size: number of tokens.
        embedding_dim: numbers of a token.
        latent_dim: length of the code.
        units: of the recurrent layer.
        heads: of the attention.
        dropout: share of embeddings and features that are left out in training.
        code_weight: of the cross-entropy of codes.
        seed: of what is left out.

    Raises:
        ValueError: if ``summary_length`` leaves no room for a document.
    """

    axes = 1
    value_range = None
    coder = "tokens"  # of ``zoo.codec``
    weight_steps = 8
    of_pairs = True  # whether its examples are documents with their summaries

    @deprecations.renamed_arguments(image_shape="example_shape")
    def __init__(
        self,
        *,
        example_shape=(192,),
        summary_length=32,
        vocabulary_size=8192,
        embedding_dim=112,
        latent_dim=256,
        units=320,
        heads=4,
        dropout=0.1,
        code_weight=0.3,
        seed=None,
        **kwargs,
    ):
        super().__init__(example_shape=example_shape, **kwargs)
        (self.length,) = self.example_shape
        if not 2 <= summary_length < self.length - 1:
            raise ValueError(
                f"summary_length must be from 2 to below the length, {self.length}: received {summary_length!r}."
            )
        self.summary_length, self.document_length = summary_length, self.length - summary_length
        self.vocabulary_size, self.embedding_dim, self.latent_dim = vocabulary_size, embedding_dim, latent_dim
        self.units, self.heads, self.dropout, self.code_weight, self.seed = units, heads, dropout, code_weight, seed
        self.tokenizer = TextTokenizer(vocabulary_size, name="tokenizer")
        self.embedding = layers.ReversibleEmbedding(
            vocabulary_size, embedding_dim, embeddings_initializer="glorot_uniform", name="embedding"
        )
        self.left_out = Dropout(dropout, seed=seed)
        self.places = PositionEmbedding(self.document_length, embedding_dim, scale=8.0, name="places")
        self.block = AttentionBlock(embedding_dim, heads, name="block")
        self.weigh = layers.Dense(1, name="weigh")
        self.code = layers.Dense(latent_dim, name="code")
        self.normal = layers.LayerNormalization(center=False, scale=False, dtype="float32", name="z")
        self.state = layers.Dense(units, "tanh", name="state")
        self.recurrent = layers.GRU(units, return_sequences=True, return_state=True, name="recurrent")
        self.query = layers.Dense(embedding_dim, name="query")
        self.features = layers.Dense(embedding_dim, name="features")
        self.copying = layers.Dense(1, name="copying")
        self.trackers = {
            name: keras.metrics.Mean(name=name) for name in ("language_loss", "summary_loss", "code_accuracy")
        }
        self.encoder = self._encoder()

    def _encoder(self):
        document = keras.Input((None,), dtype="int32", name="document")
        mask = ops.not_equal(document, PAD)
        memory = self.block(self.places(self.left_out(self.embedding(document))), mask)
        scores = self.weigh(memory)[..., 0] + 1e4 * (ops.cast(mask, memory.dtype) - 1)
        pooled = ops.sum(ops.softmax(scores)[..., None] * memory, axis=1)
        return keras.Model(document, [self.normal(self.code(pooled)), memory], name="encoder")

    def build(self, input_shape=None):
        self.encoder.build((None, self.document_length))
        self.state.build((None, self.latent_dim))
        self.recurrent.build((None, None, self.embedding_dim))
        self.query.build((None, None, self.units))
        self.features.build((None, None, self.units + self.embedding_dim))
        self.copying.build((None, None, self.units + self.embedding_dim))

    @staticmethod
    def texts_of(examples) -> list[str]:
        """What the tokenizer learns its tokens from: documents and summaries."""
        return [text for pair in examples for text in (pair.document, pair.summary)]

    def tokens(self, examples, prose=None) -> np.ndarray:
        """Pairs (``zoo.data.text.Pair``) as int32 ``(n, length)``; after them, without summaries, their texts in a row.

        What runs on from pair to pair is cut into rows of the document's length, as the language model reads it.

        Args:
            examples: pairs.
            prose: other pairs, whose texts follow instead.
        """
        if hasattr(examples, "dtype"):
            return examples
        tokenizer = self.tokenizer.tokenizer
        pairs = np.concatenate(
            [
                tokenizer.padded([pair.document for pair in examples], self.document_length),
                tokenizer.padded([pair.summary for pair in examples], self.summary_length),
            ],
            axis=1,
        )
        prose = "".join(f"{pair.summary}\n\n{pair.document}\n\n" for pair in (prose or examples))
        running = np.array(tokenizer.encode(prose), np.int32)
        rows = running[: len(running) // self.document_length * self.document_length].reshape(-1, self.document_length)
        return np.concatenate([pairs, np.pad(rows, ((0, 0), (0, self.summary_length)))])

    def copy_assets(self, model):
        self.tokenizer.set_tokenizer(model.tokenizer.tokenizer)

    def parts(self):
        return {"encoder": self.encoder}  # the decoder is a loop

    def encode(self, x):
        """The codes ``(n, latent_dim)`` of a list of strings, or of rows of tokens."""
        return self.encoder(self._documents(x), training=False)[0]

    def _documents(self, x):
        """Strings as tokens ``(n, document_length)``; of rows of tokens, ``(n, length)``, the document's."""
        if not hasattr(x, "dtype"):
            return self.tokenizer.tokenizer.padded(x, self.document_length)
        return ops.convert_to_numpy(x)[:, : self.document_length].astype(np.int32)

    def summarize(self, documents, *, candidates=32, temperature=1.0, earliness=0.1, seed=0) -> list[str]:
        """A summary of each document, in the model's own words and those of the document's first ``document_length``.

        Of several that are drawn, and of the document's own sentences, whole and shortened, it is the one most like all
        that are drawn: what any of them says by chance, the others do not say.

        Args:
            documents: strings.
            candidates: summaries drawn for each; 1 takes the likeliest token at every step instead.
            temperature: that log-probabilities are divided by before a token is drawn.
            earliness: how much the document's first sentence is preferred; its n-th the n-th part of that.
            seed: of the draw.

        Raises:
            ValueError: if ``candidates`` is below 1, ``temperature`` not above 0, ``earliness`` below 0, or a
                document is empty.

        References:
            Eikema & Aziz 2020, "Is MAP Decoding All You Need?", for drawn candidates.
        """
        _check_drawing(documents, candidates, temperature)
        if not earliness >= 0:
            raise ValueError(f"earliness must be at least 0: received {earliness!r}.")
        if candidates == 1:
            return self.write(documents)
        drawn = self.drawn(documents, candidates=candidates, temperature=temperature, seed=seed)
        return [
            most_alike(texts, split_sentences(document), earliness)
            for document, texts in zip(documents, drawn, strict=True)
        ]

    def drawn(self, documents, *, candidates=32, temperature=1.0, seed=0) -> list[list[str]]:
        """Summaries of each document, drawn token by token; arguments and errors as of ``summarize``."""
        _check_drawing(documents, candidates, temperature)
        rng = np.random.default_rng(seed)
        batches = (documents[start : start + BATCH] for start in range(0, len(documents), BATCH))
        return [
            texts for batch in batches for texts in self._drawn(self._documents(batch), candidates, temperature, rng)
        ]

    def write(self, x) -> list[str]:
        """The likeliest summaries, token by token, of a list of strings, or of rows of tokens."""
        return [text for (text,) in self._drawn(self._documents(x), 1, 1.0, None)]

    def _drawn(self, documents, candidates, temperature, rng):
        """Of each document, ``(n, document_length)``, as many summaries."""
        z, memory = self.encoder(documents, training=False)
        state = ops.repeat(self.state(z), candidates, axis=0)
        shape = (len(documents), candidates)
        previous, drawn = np.full(shape, START, np.int32), np.full((*shape, self.summary_length), PAD, np.int32)
        done = np.zeros(shape, bool)
        for position in range(self.summary_length):
            x = 8.0 * self.embedding(ops.reshape(previous, (-1,)))
            _, (state,) = self.recurrent.cell(x, [state], training=False)
            found = self._attend(ops.reshape(state, (*shape, self.units)), memory, documents, False)
            features, attention, copying = map(ops.convert_to_numpy, found)
            likelihood = ops.convert_to_numpy(ops.softmax(self.logits(features))) * (1 - copying[..., None])
            for rows, weights, tokens in zip(likelihood, attention * copying[..., None], documents, strict=True):
                np.add.at(rows.T, tokens, weights.T)
            likelihood[..., [PAD, UNKNOWN, START]] = 0
            if position == 0:
                likelihood[..., END] = 0
            previous = draw(likelihood, temperature, rng) if candidates > 1 else likelihood.argmax(axis=-1)
            previous = np.where(done, PAD, previous).astype(np.int32)
            drawn[..., position] = previous
            done |= previous == END
            if done.all():
                break
        return [[self.tokenizer.tokenizer.decode(row).strip() for row in rows] for rows in drawn]

    def call(self, x, training=False):
        """What the loss is made of: of rows without a summary the language model's features; of the others features,
        attention and gate of the summary, and the codes of document and summary."""
        document, summary, prose = self._parts(x)
        language, _ = self._recur(_shifted(prose), None, training)
        z, memory = self.encoder(document, training=training)
        own, _ = self.encoder(summary, training=training)
        states, _ = self._recur(_shifted(summary), self.state(z), training)
        found, attention, copying = self._attend(states, memory, document, training)
        alone = ops.zeros((*ops.shape(language)[:2], self.embedding_dim), language.dtype)
        return self._features(language, alone, training), found, attention, copying, z, own

    def _parts(self, x):
        """Documents and their summaries, and what stands in rows without a summary."""
        if tuple(x.shape[1:]) != self.example_shape:
            raise ValueError(f"x must have the shape (batch, {self.length}): received {tuple(x.shape)}.")
        if not backend.DYNAMIC_SHAPES:
            raise ValueError(
                "A summarizer learns and is evaluated with KERAS_BACKEND=tensorflow or torch: on jax, no step can part "
                "rows with a summary from those without."
            )
        x = ops.cast(x, "int32")
        paired = ops.not_equal(x[:, self.document_length], PAD)
        pairs, rest = (ops.take(x, ops.nonzero(rows)[0], axis=0) for rows in (paired, ops.logical_not(paired)))
        return pairs[:, : self.document_length], pairs[:, self.document_length :], rest[:, : self.document_length]

    def _recur(self, tokens, state, training):
        x = self.left_out(8.0 * self.embedding(tokens), training=training)
        return self.recurrent(x, initial_state=state, training=training)

    def _features(self, states, context, training):
        return self.left_out(self.features(ops.concatenate([states, context], axis=-1)), training=training)

    def _attend(self, states, memory, document, training):
        scores = ops.matmul(self.query(states), ops.swapaxes(memory, 1, 2)) / self.embedding_dim**0.5
        mask = ops.cast(ops.not_equal(document, PAD), scores.dtype)[:, None, :]
        attention = ops.softmax(scores + 1e4 * (mask - 1))
        context = ops.matmul(attention, memory)
        copying = ops.sigmoid(self.copying(ops.concatenate([states, context], axis=-1)))
        return self._features(states, context, training), attention, copying[..., 0]

    def logits(self, features):
        """Of the tokens, ``(…, vocabulary_size)``, from features ``(…, embedding_dim)``."""
        return ops.cast(self.embedding(features, reverse=True), "float32")

    @property
    def refused(self):
        reasons = {"y": "a row of x holds its summary", "sample_weight": "the loss is a mean over tokens"}
        return {**super().refused, **reasons}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        language, found, *others = y_pred
        attention, copying, z, own = (ops.cast(part, "float32") for part in others)
        document, summary, prose = self._parts(x)

        _, _, surprise = self._surprise(prose, language)
        language_loss = _mean(surprise)

        targets, kept, surprise = self._surprise(summary, found)
        rows = ops.take(document, kept // self.summary_length, axis=0)
        positions = ops.take(ops.reshape(attention, (-1, self.document_length)), kept, axis=0)
        copied = ops.sum(positions * ops.cast(ops.equal(rows, targets[:, None]), positions.dtype), axis=-1)
        share = ops.take(ops.reshape(copying, (-1,)), kept)
        summary_loss = _mean(-ops.log((1 - share) * ops.exp(-surprise) + share * copied + 1e-9))

        # Keras' cross-entropy and argmax refuse a batch without pairs, which the last ones may be.
        similar = 10.0 * ops.matmul(z, ops.swapaxes(own, 0, 1)) / self.latent_dim
        own_similar = 10.0 * ops.sum(z * own, axis=-1) / self.latent_dim
        code_loss = _mean(ops.logsumexp(similar, axis=-1) - own_similar)
        right = _mean(ops.cast(own_similar >= ops.max(similar, axis=-1, initial=-1e9) - 1e-4, "float32"))

        sizes = (ops.shape(prose)[0], ops.shape(z)[0], ops.shape(z)[0])  # not every batch has both
        values = (language_loss, summary_loss, right)
        for tracker, value, size in zip(self.trackers.values(), values, sizes, strict=True):
            tracker.update_state(value, sample_weight=size)
        # On several replicas each compares the codes of its own pairs, and takes the mean of its own tokens.
        return backend.share_of_loss(language_loss + summary_loss + self.code_weight * code_loss)

    def _surprise(self, tokens, features):
        """All tokens but padding, their positions in the flattened batch, and their −log p by the vocabulary."""
        tokens = ops.reshape(tokens, (-1,))
        (kept,) = ops.nonzero(tokens)
        targets = ops.take(tokens, kept)
        logits = self.logits(ops.take(ops.reshape(features, (-1, self.embedding_dim)), kept, axis=0))
        return targets, kept, keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)

    def get_config(self):
        names = ("summary_length", "vocabulary_size", "embedding_dim", "latent_dim", "units", "heads", "dropout")
        return {**super().get_config(), **{n: getattr(self, n) for n in (*names, "code_weight", "seed")}}


def _shifted(tokens):
    """What is written before each token: ``START``, and all but the last."""
    return ops.pad(tokens[:, :-1], [[0, 0], [1, 0]], constant_values=START)


def _check_drawing(documents, candidates, temperature):
    if not isinstance(candidates, int) or candidates < 1:
        raise ValueError(f"candidates must be an integer ≥ 1: received {candidates!r}.")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0: received {temperature!r}.")
    if isinstance(documents, str) or not all(document.strip() for document in documents):
        raise ValueError("documents must be a list of strings that are not empty.")


def _mean(values):
    """The mean, and 0 of none."""
    return ops.sum(values) / ops.maximum(ops.cast(ops.size(values), values.dtype), 1)


def draw(likelihood: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """One of the likeliest ``TOP`` tokens, int64 ``(…)``, by probabilities ``(…, n)`` to the power of 1 / temperature.

    References:
        Fan, Lewis & Dauphin 2018, "Hierarchical Neural Story Generation", for the likeliest ones alone.
    """
    top = np.argpartition(likelihood, -min(TOP, likelihood.shape[-1]), axis=-1)[..., -TOP:]
    chances = np.take_along_axis(likelihood, top, axis=-1)
    sums = np.cumsum((chances / chances.max(axis=-1, keepdims=True)) ** (1 / temperature), axis=-1)
    number = rng.random(sums.shape[:-1], dtype=np.float32)[..., None] * sums[..., -1:]
    place = np.minimum((sums <= number).sum(axis=-1, keepdims=True), sums.shape[-1] - 1)
    return np.take_along_axis(top, place, axis=-1)[..., 0]
