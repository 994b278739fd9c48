"""A choice of input features that is learned by gradient descent."""

from typing import Any

import keras
from keras import ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class ConcreteSelector(keras.layers.Layer):
    """Chooses ``k`` of the input's features: softly in training, for good at inference.

    Each of k units holds logits α over all features. In training it passes on ``Σᵢ mᵢ·xᵢ``, where the weights
    ``m = softmax((α + g) / T)``, g of Gumbel's distribution, are one draw for the whole batch from the Concrete
    distribution. The temperature falls exponentially, ``T = start · (end / start) ** (step / annealing_steps)``, and
    then stays: units that mix many features at first pass on single ones at the end. At inference a unit passes on
    one feature as it is, and no two units the same: the surest unit takes its likeliest feature, then the surest of
    the others takes its likeliest of those left, and so on.

    Steps are counted, and the choice kept, in variables of the layer: both survive saving, and a saved layer that is
    trained on goes on at the temperature it had. Before the first step the choice is the first k features.

    Args:
        k: features to choose, an integer ≥ 1 and at most as many as there are.
        annealing_steps: training steps over which the temperature falls, an integer ≥ 1.
        start_temperature, end_temperature: above 0, the second at most the first.
        logit_scale: what the trained variable is multiplied by to give α, above 0. An optimizer such as Adam moves
            all variables at about one speed; logits have further to go than the weights of a dense layer.
        duplicate_penalty: factor of ``Σᵢ max(0, nᵢ − 1)``, at least 0, which is added to the loss; nᵢ is the number
            of units that choose feature i, in expectation.
        seed: of the layer's own draws.

    Call arguments:
        x: ``(batch, features)``; the output is ``(batch, k)``.
        training: whether to draw, and to count a step; a layer with ``trainable=False`` does neither.

    Raises:
        ValueError: if an argument is out of its range.

    References:
        Balın, Abid & Zou 2019, "Concrete Autoencoders", §3; Maddison, Mnih & Teh 2017, "The Concrete Distribution",
        eq. 10; Jang, Gu & Poole 2017, "Categorical Reparameterization with Gumbel-Softmax".
    """

    def __init__(
        self,
        k: int,
        *,
        annealing_steps: int,
        start_temperature: float = 10.0,
        end_temperature: float = 0.01,
        logit_scale: float = 1.0,
        duplicate_penalty: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("k", k), ("annealing_steps", annealing_steps)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer ≥ 1: received {value!r}.")
        if not 0 < end_temperature <= start_temperature:
            raise ValueError(
                "end_temperature must be above 0 and at most start_temperature: "
                f"received {end_temperature!r} and {start_temperature!r}."
            )
        if not logit_scale > 0:
            raise ValueError(f"logit_scale must be above 0: received {logit_scale!r}.")
        if not duplicate_penalty >= 0:
            raise ValueError(f"duplicate_penalty must be at least 0: received {duplicate_penalty!r}.")
        self.k, self.annealing_steps = k, annealing_steps
        self.start_temperature, self.end_temperature = start_temperature, end_temperature
        self.logit_scale, self.duplicate_penalty, self.seed = logit_scale, duplicate_penalty, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        self.features = input_shape[-1]
        if self.k > self.features:
            raise ValueError(f"k must be at most the number of features, {self.features}: received {self.k}.")
        self.kernel = self.add_weight(
            name="logits",
            shape=(self.k, self.features),
            initializer=keras.initializers.GlorotNormal(seed=self.seed),
            dtype="float32",
            autocast=False,
        )
        options = {"dtype": "int32", "trainable": False, "aggregation": "only_first_replica"}
        self.steps = self.add_weight(name="steps", shape=(), initializer="zeros", **options)
        self.selected = self.add_weight(
            name="selected",
            shape=(self.k,),
            initializer=lambda shape, dtype: ops.arange(*shape, dtype=dtype),
            **options,
        )

    @property
    def logits(self) -> Tensor:
        """α, float32 ``(k, features)``."""
        return self.logit_scale * ops.convert_to_tensor(self.kernel)

    @property
    def temperature(self) -> Tensor:
        """T at the step that training has come to."""
        share = ops.minimum(ops.cast(self.steps, "float32") / self.annealing_steps, 1.0)
        return self.start_temperature * (self.end_temperature / self.start_temperature) ** share

    @property
    def certainty(self) -> Tensor:
        """The mean over units of the largest probability: near 1 once each has settled for a feature."""
        return ops.mean(ops.max(ops.softmax(self.logits), axis=-1))

    def call(self, x: Tensor, training: bool | None = False) -> Tensor:
        if not training or not self.trainable:
            return ops.take(x, self.selected, axis=-1)
        logits = self.logits
        # Draws next to 0 and 1, whose double logarithm is infinite, are left out.
        uniform = keras.random.uniform(ops.shape(logits), 1e-7, 1.0 - 1e-7, dtype="float32", seed=self.seed_generator)
        mixture = ops.softmax((logits - ops.log(-ops.log(uniform))) / self.temperature)
        if self.duplicate_penalty:
            expected = ops.sum(ops.softmax(logits), axis=0)
            self.add_loss(self.duplicate_penalty * ops.sum(ops.relu(expected - 1.0)))
        self.steps.assign(self.steps + 1)
        self.selected.assign(self._choose())
        return ops.matmul(x, ops.transpose(ops.cast(mixture, x.dtype)))

    def _choose(self):
        """The feature of each unit, int32 ``(k,)``, all different."""
        scores = ops.log_softmax(ops.stop_gradient(self.logits))
        order = ops.argsort(-ops.max(scores, axis=-1))

        def choose(place, state):
            taken, chosen = state
            unit = order[place]
            feature = ops.argmax(ops.where(taken, -float("inf"), scores[unit]))
            return (
                ops.logical_or(taken, ops.equal(features, feature)),
                ops.where(ops.equal(units, unit), feature, chosen),
            )

        units, features = ops.arange(self.k, dtype="int32"), ops.arange(self.features, dtype="int32")
        nothing = ops.zeros((self.features,), "bool"), ops.zeros((self.k,), "int32")
        return ops.fori_loop(0, self.k, choose, nothing)[1]

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.k)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "k": self.k,
            "annealing_steps": self.annealing_steps,
            "start_temperature": self.start_temperature,
            "end_temperature": self.end_temperature,
            "logit_scale": self.logit_scale,
            "duplicate_penalty": self.duplicate_penalty,
            "seed": self.seed,
        }
