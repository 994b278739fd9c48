"""Autoencoder whose code is a few of its inputs, chosen by training.

Balın, Abid & Zou 2019, "Concrete Autoencoders: Differentiable Feature Selection and Reconstruction",
ICML. Differs from the paper in that no input is chosen twice: a penalty on units that expect the same one, and, where
some still do, the surer unit keeps it and the other takes its next best; in logits that are scaled for Adam, and in a
temperature that stays at its lowest until the decoder has settled.
"""

import keras
from keras import layers, ops

from zoo import backend
from zoo.layers.concrete_selector import ConcreteSelector
from zoo.models.base import Autoencoder


@keras.saving.register_keras_serializable("zoo")
class ConcreteAE(Autoencoder):
    """Passes a few of its inputs on as they are, and guesses all others from them.

        x (b, 28, 28, 1) → flatten 784 → 50 of them, z (b, 50) → 320 → 784 → (b, 28, 28, 1)

    Which they are is learned: in training each number of the code is a mixture of all inputs, drawn from a Concrete
    distribution whose temperature falls until it is a choice of one. Each training step's logs hold ``certainty``,
    which nears 1 when the choice is made; where it stays low, train longer or anneal more slowly.

    Args:
        image_shape: shape ``(height, width, channels)`` of one example.
        latent_dim: how many inputs are chosen.
        hidden_units: widths of the decoder's hidden layers; none for a linear map and a sigmoid.
        activation: of the hidden layers; the output is a sigmoid.
        annealing_steps: training steps over which the temperature falls from ``start_temperature`` to
            ``end_temperature``; the decoder settles in the steps after them.
        start_temperature, end_temperature, logit_scale, duplicate_penalty, seed: see ``zoo.layers.ConcreteSelector``.

    Raises:
        ValueError: if a width is not positive, or an argument of the selector out of its range.
    """

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        latent_dim=50,
        hidden_units=(320,),
        activation="silu",
        annealing_steps=7_000,
        start_temperature=10.0,
        end_temperature=0.01,
        logit_scale=10.0,
        duplicate_penalty=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(image_shape=image_shape, **kwargs)
        height, width, channels = self.image_shape
        if any(units < 1 for units in hidden_units):
            raise ValueError(f"hidden_units must be positive: received {hidden_units!r}.")
        self.latent_dim, self.hidden_units = latent_dim, tuple(hidden_units)
        self.activation = keras.activations.get(activation)
        self.selector = ConcreteSelector(
            latent_dim,
            annealing_steps=annealing_steps,
            start_temperature=start_temperature,
            end_temperature=end_temperature,
            logit_scale=logit_scale,
            duplicate_penalty=duplicate_penalty,
            seed=seed,
            dtype="float32",
            name="z",
        )
        self.encoder = keras.Sequential(
            [layers.Flatten(dtype="float32", data_format="channels_last"), self.selector], name="encoder"
        )
        self.decoder = keras.Sequential(
            [
                *(layers.Dense(units, self.activation, kernel_initializer="he_uniform") for units in self.hidden_units),
                layers.Dense(height * width * channels, "sigmoid", dtype="float32"),
                layers.Reshape(self.image_shape, dtype="float32", name="reconstruction"),
            ],
            name="decoder",
        )

    @property
    def selected(self):
        """Where the numbers of the code stand in a flattened example, int32 ``(latent_dim,)``, all different."""
        return ops.convert_to_numpy(self.selector.selected)

    @property
    def refused(self):
        if not self.selector.duplicate_penalty:
            return super().refused
        reason = "the penalty of duplicates is not of examples; build the model with duplicate_penalty=0"
        return {**super().refused, "sample_weight": reason}

    def train_step(self, *args):
        result = super().train_step(*args)
        if isinstance(result, dict):
            return {**result, "certainty": self.selector.certainty}
        logs, state = result
        with backend.state_of(self, state):
            return {**logs, "certainty": self.selector.certainty}, state

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "hidden_units": self.hidden_units,
            "activation": keras.activations.serialize(self.activation),
            "annealing_steps": self.selector.annealing_steps,
            "start_temperature": self.selector.start_temperature,
            "end_temperature": self.selector.end_temperature,
            "logit_scale": self.selector.logit_scale,
            "duplicate_penalty": self.selector.duplicate_penalty,
            "seed": self.selector.seed,
        }
