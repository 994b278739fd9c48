"""Autoencoder whose code is a map: two numbers, by which like images lie side by side.

Sainburg, McInnes & Gentner 2021, "Parametric UMAP Embeddings for Representation and Semi-supervised Learning": a
network learns to embed, so that new examples need no optimisation, and a decoder comes with it. Differs from the paper
in the loss of neighbours, which is that of Damrich, Böhm, Hamprecht & Kobak 2023, "From t-SNE to UMAP with Contrastive
Learning": all other pairs of a batch push, instead of a few drawn at random, and t-SNE's kernel has no constants to
fit. It differs in the graph too, whose edges are all alike: an example's k nearest neighbours.
"""

import keras
from keras import layers, ops

from zoo import backend, losses
from zoo.models.base import Autoencoder
from zoo.models.blocks import conv


@keras.saving.register_keras_serializable("zoo")
class MapAE(Autoencoder):
    """Strided convolutions down to a place on a map, and dense layers back to the image.

        x (b, 28, 28, 1) → conv/2 (b, 14, 14, 16) → conv/2 (b, 7, 7, 32) → dense 128 → dense 128 → z (b, 2)
        z (b, 2) → dense 128 → dense 256 → dense 784 → (b, 28, 28, 1)

    The loss is the squared error summed over an image plus ``neighbour_weight`` times the cross-entropy of finding its
    neighbour in the batch by the code (``zoo.losses.neighbour_cross_entropy``). ``fit(x, neighbours)`` gives the
    neighbours, images of the shape of ``x``, as ``zoo.data.training_batches`` draws them from a graph of all training
    images; to ``fit(x)`` and ``evaluate(x)`` they are the nearest other images of the same batch, which is the better
    the larger that is.

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        filters: channels of the second convolution; half as many of the first.
        hidden_units: widths of the decoder's hidden layers; the first is that of the encoder's, too.
        latent_dim: length of the code.
        neighbour_weight: factor of the cross-entropy, above 0; the squared error of an image is tens.

    Raises:
        ValueError: if a size is below 1, ``filters`` below 2, or ``neighbour_weight`` not above 0.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        filters=32,
        hidden_units=(128, 256),
        latent_dim=2,
        neighbour_weight=100.0,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        if latent_dim < 1 or filters < 2 or not hidden_units or any(units < 1 for units in hidden_units):
            raise ValueError(
                f"latent_dim and hidden_units must be positive, filters at least 2: received {latent_dim!r}, "
                f"{hidden_units!r} and {filters!r}."
            )
        if not neighbour_weight > 0:
            raise ValueError(f"neighbour_weight must be above 0: received {neighbour_weight!r}.")
        self.filters, self.hidden_units = filters, tuple(hidden_units)
        self.latent_dim, self.neighbour_weight = latent_dim, neighbour_weight
        height, width, channels = self.image_shape
        self.encoder = keras.Sequential(
            [
                conv(filters // 2, 4, 2),
                conv(filters, 4, 2),
                layers.Flatten(data_format="channels_last"),
                *[_dense(self.hidden_units[0], "relu") for _ in range(2)],
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                *[_dense(units, "silu") for units in self.hidden_units],
                layers.Dense(height * width * channels, "sigmoid", dtype="float32"),
                layers.Reshape(self.image_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    @property
    def refused(self):
        return {**super().refused, "sample_weight": "the loss compares each example with all others of its batch"}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        neighbours = nearest_of_batch(x) if y is None else self._checked(y, "y")
        # `call` gives the reconstruction alone, so the code of `x` is computed anew.
        z, near = (
            backend.whole_batch(self.encoder(images, training=training)) for images in (self._checked(x), neighbours)
        )
        cross_entropy = backend.share_of_loss(ops.mean(losses.neighbour_cross_entropy(z, near)))
        squared_error = super().compute_loss(x, x, y_pred, sample_weight, training)
        return squared_error + self.neighbour_weight * cross_entropy

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, x, y_pred, sample_weight)  # y are the neighbours

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "hidden_units": self.hidden_units,
            "latent_dim": self.latent_dim,
            "neighbour_weight": self.neighbour_weight,
        }


def nearest_of_batch(x):
    """Of each image its nearest other one, in Euclidean distance, ``(batch, ...)``; a single image is its own."""
    vectors = ops.cast(ops.reshape(x, (ops.shape(x)[0], -1)), "float32")
    itself = ops.eye(ops.shape(x)[0]) * 1e9
    return ops.take(x, ops.argmin(losses.squared_distances(vectors, vectors) + itself, axis=1), axis=0)


def _dense(units, activation):
    return layers.Dense(units, activation, kernel_initializer="he_normal")
