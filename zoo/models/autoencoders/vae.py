"""Variational autoencoder, fully connected.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes". Differs from the paper in its width and depth, in ReLU for
tanh, in dropout, and, where ``prior_couplings`` is not 0, in a learned prior: the codes of real data do not fill
N(0, I), and what they leave empty costs likelihood and makes poor new images.
"""

import keras
from keras import layers

from zoo.layers import Dropout
from zoo.models.variational import VariationalAutoencoder


@keras.saving.register_keras_serializable("zoo")
class VAE(VariationalAutoencoder):
    """Dense layers to the mean and log variance of a code, and from a draw of it to the pixels' probabilities.

        x (b, 28, 28, 1) → flatten 784 → 400 → 400 ─┬→ z_mean (b, 40)
                                                    └→ z_log_var (b, 40)
        z (b, 40) → 400 → 400 → 784 → (b, 28, 28, 1)

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        hidden_units: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.
        dropout: fraction of the input and of the encoder's hidden units dropped in training.
        decoder_dropout: fraction of the decoder's hidden units dropped in training.
        activation: of the hidden layers.
        samples, beta, free_bits, warmup_steps, prior_couplings, prior_units, seed: of the bound and the prior, see
            ``zoo.models.VariationalAutoencoder``.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        hidden_units=(400, 400),
        latent_dim=40,
        dropout=0.0,
        decoder_dropout=0.0,
        activation="relu",
        samples=1,
        beta=1.0,
        free_bits=0.0,
        warmup_steps=0,
        prior_couplings=0,
        prior_units=128,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            image_shape=image_shape,
            latent_dim=latent_dim,
            samples=samples,
            beta=beta,
            free_bits=free_bits,
            warmup_steps=warmup_steps,
            prior_couplings=prior_couplings,
            prior_units=prior_units,
            seed=seed,
            **kwargs,
        )
        if any(not isinstance(units, int) or units < 1 for units in hidden_units):
            raise ValueError(f"hidden_units must be positive integers: received {hidden_units!r}.")
        self.hidden_units, self.activation = tuple(hidden_units), keras.activations.get(activation)
        self.dropout, self.decoder_dropout = dropout, decoder_dropout

        inputs = keras.Input(self.image_shape, name="x")
        features = self._hidden(
            Dropout(dropout)(layers.Flatten(data_format="channels_last")(inputs)), self.hidden_units, dropout
        )
        z = keras.Input((latent_dim,), name="z")
        x = self._hidden(z, reversed(self.hidden_units), decoder_dropout)
        height, width, channels = self.image_shape
        x = layers.Dense(height * width * channels, dtype="float32")(x)
        logits = layers.Reshape(self.image_shape, dtype="float32")(x)
        self._assemble(inputs, features, keras.Model(z, logits, name="logits"))

    def _hidden(self, x, widths, dropout):
        for units in widths:
            x = Dropout(dropout)(layers.Dense(units, self.activation, kernel_initializer="he_uniform")(x))
        return x

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "decoder_dropout": self.decoder_dropout,
            "activation": keras.activations.serialize(self.activation),
        }
