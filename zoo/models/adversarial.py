"""What generative adversarial networks share: two players, each with an optimizer of its own, trained by ``fit``."""

import keras
import numpy as np
from keras import ops

from zoo import backend, deprecations, losses
from zoo.layers import DifferentiableAugmentation
from zoo.models.blocks import Perceptron
from zoo.models.players import TwoPlayers, check_labels

METRICS = (
    "discriminator_loss",
    "generator_loss",
    "real_accuracy",
    "fake_accuracy",
    "wasserstein_estimate",
    "discriminator_gradient_norm",
    "generator_gradient_norm",
)


class AdversarialModel(TwoPlayers):
    """A generator that makes examples of noise, and a discriminator that scores how real they look.

        noise (batch, latent_dim) → generator → fake (batch, *example_shape)
        real or fake (batch, *example_shape) → discriminator → score (batch, 1)

    A step of ``fit`` cuts its batch of real examples into ``discriminator_steps`` parts, updates the discriminator once
    on each, every time against new noise, and then the generator once. While one player learns, nothing of the other
    changes: not a weight, not a moving statistic, not the state of a random layer. ``loss`` decides what the two
    minimise; the arguments below bound the discriminator's slope, each in its own way.

    A subclass creates ``self.generator`` and ``self.discriminator`` in its constructor, after calling this one's. With
    ``num_classes`` both take labels too: ``[noise, labels]`` and ``[examples, labels]``, labels ``(batch,)`` integers,
    and so does ``fit(x, y)``. Other targets and weights of examples are refused: the players' targets are real and
    generated, and no loss is one example's alone.

    ``trainable = False`` of a player, or of a layer, holds it still from the next ``fit`` on, while the rest learns.

    Args:
        image_shape: shape ``(height, width, channels)`` of one image, in [0, 1].
        example_shape: the same of examples that are no images, ``(numbers,)`` of points; takes its place.
        latent_dim: length of the noise.
        num_classes: of labelled data; 0 without labels.
        gradient_penalty_weight: of the squared distance of the discriminator's slope from 1, between real and fake
            examples (WGAN-GP: 10).
        r1_weight: γ of half the squared slope at real examples.
        augmentation: of what the discriminator sees of images, real and generated alike: any of ``colour``,
            ``translation`` and ``cutout``; see ``zoo.layers.DifferentiableAugmentation``. For few examples, some
            thousands or fewer.
        clip: c > 0, to which every trainable weight of the discriminator is clipped after each of its updates; None
            for no clipping.
        seed: of noise and of the points of the gradient penalty.

    Raises:
        ValueError: if an argument is out of its range.

    References:
        Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1; Arjovsky, Chintala & Bottou 2017,
        "Wasserstein GAN", algorithm 1: clipping, and more than one step of the critic; Gulrajani et al. 2017, "Improved
        Training of Wasserstein GANs"; Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?".
    """

    sees_images = True  # the discriminator, where the examples are such

    def __init__(
        self,
        *,
        image_shape=(28, 28, 1),
        example_shape=None,
        latent_dim=64,
        num_classes=0,
        gradient_penalty_weight=0.0,
        r1_weight=0.0,
        augmentation=(),
        clip=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if example_shape is None and len(image_shape) == 1:
            deprecations.warn("The argument image_shape of points", "example_shape")
            example_shape = image_shape
        self._take_shape(image_shape, example_shape)
        if not isinstance(latent_dim, int) or latent_dim < 1:
            raise ValueError(f"latent_dim must be an integer ≥ 1: received {latent_dim!r}.")
        if not isinstance(num_classes, int) or num_classes < 0 or num_classes == 1:
            raise ValueError(f"num_classes must be 0, for no labels, or an integer ≥ 2: received {num_classes!r}.")
        for name, value in (("gradient_penalty_weight", gradient_penalty_weight), ("r1_weight", r1_weight)):
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0: received {value!r}.")
        if clip is not None and not clip > 0:
            raise ValueError(f"clip must be above 0, or None for no clipping: received {clip!r}.")
        self.latent_dim, self.num_classes, self.clip = latent_dim, num_classes, clip
        self.gradient_penalty_weight, self.r1_weight, self.seed = gradient_penalty_weight, r1_weight, seed
        if augmentation and not (self.sees_images and len(self.example_shape) == 3):
            raise ValueError(f"augmentation must be left out, as the discriminator sees no images: {augmentation!r}.")
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.augmentation = DifferentiableAugmentation(augmentation, seed=seed, dtype="float32", name="augmentation")
        self.diagnosis = {name: keras.metrics.Mean(name) for name in METRICS}
        self._step = self._learn

    @property
    def critic(self) -> keras.Model:
        """The discriminator, by the name it has where its scores are no probabilities."""
        return self.discriminator

    # --- what users call ---

    def call(self, noise, training=False):
        """The generator's examples of noise, or of ``[noise, labels]``."""
        return self.generator(noise, training=training)

    def generate(self, n: int, seed: int | None = None, labels=None) -> np.ndarray:
        """``n`` new examples, float32 ``(n, *example_shape)``.

        Made by the moving average of the generator's weights where its optimizer keeps one (``use_ema=True``).

        Args:
            n: how many.
            seed: of the noise.
            labels: of a conditional model: an integer for all, or one each ``(n,)``; None to take classes in turn.

        Raises:
            ValueError: if ``n`` is below 1, or labels are out of range or given to a model without classes.
        """
        if not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be an integer ≥ 1: received {n!r}.")
        inputs = keras.random.normal((n, self.latent_dim), seed=seed)
        if self.num_classes:
            labels = np.arange(n) % self.num_classes if labels is None else np.broadcast_to(labels, (n,))
            check_labels("labels", labels, self.num_classes)
            inputs = [inputs, ops.convert_to_tensor(labels, "int32")]
        elif labels is not None:
            raise ValueError("labels must be left out: the model was built without classes (num_classes=0).")
        with self.averaged():
            return self._examples_of(inputs)

    def _examples_of(self, inputs) -> np.ndarray:
        return self.generator.predict(inputs, batch_size=500, verbose=0)

    # --- what a step is made of; subclasses may change a part ---

    @property
    def generator_variables(self) -> list:
        """What the generator's optimizer moves."""
        return self.generator.trainable_variables

    @property
    def batch_parts(self) -> int:
        """Of how many parts a step cuts its batch into, replicas of ``tf.distribute`` are to share each one."""
        return self.discriminator_steps

    def real_examples(self, x, training=True):
        """What the discriminator is to take for real: of a batch, ``(batch, ...)``."""
        return x

    def fake_examples(self, x, labels, training=True):
        """As many generated ones; nothing of the generator changes, in the mode of training either."""
        return self.applied(self.generator, self._with(labels, self.noise_for(x, training)), training)

    def scores(self, examples, labels=None, frozen=False):
        """The discriminator's, float32 ``(batch, 1)``, in the mode of training; ``frozen``: nothing of it changes."""
        inputs = self._with(labels, self.augmentation(examples, training=True))
        return ops.cast(
            self.applied(self.discriminator, inputs) if frozen else self.discriminator(inputs, training=True), "float32"
        )

    def generator_losses(self, x, labels):
        """Losses of the generating side, and the lists of variables that each of them moves.

        Returns:
            ``[(function () → scalar, variables)]``; the first is reported as ``generator_loss``. They are computed in
            one pass, in order.
        """

        def loss():
            fake = self.generator(self._with(labels, self.noise_for(x)), training=True)
            return self.adversarial_loss.generator(self.scores(fake, labels, frozen=True))

        return [(loss, self.generator.trainable_variables)]

    def train_step(self, *args):
        return backend.step(self, self._train, *args)

    def _train(self, data):
        x, labels = self._unpack(data)
        return self._step(self._large_enough(x), labels)

    def _learn(self, x, labels):
        """A step of both players on a checked batch."""
        steps, number = self.discriminator_steps, x.shape[0]
        number = ops.shape(x)[0] if number is None else number
        parts = [slice(step * number // steps, (step + 1) * number // steps) for step in range(steps)]
        with backend.batch_in_parts(self.discriminator_steps):
            fake = self.fake_examples(x, labels)  # the generator stays as it is in between: one pass makes them all
            real = self.real_examples(x)
        last = parts[-1]
        for part in parts:
            self._update_discriminator(real[part], fake[part], None if labels is None else labels[part], part is last)
        self._update_generator(x[last], None if labels is None else labels[last])
        return self._diagnosis()

    def test_step(self, *args):
        """Both losses and how well the players do, on new examples; nothing learns."""
        return backend.step(self, self._test, *args)

    def _test(self, data):
        x, labels = self._unpack(data)
        real_scores, fake_scores = (
            ops.cast(self.discriminator(self._with(labels, examples), training=False), "float32")
            for examples in (self.real_examples(x, training=False), self.fake_examples(x, labels, training=False))
        )
        self._note("discriminator_loss", self.adversarial_loss.discriminator(real_scores, fake_scores))
        self._note("generator_loss", self.adversarial_loss.generator(fake_scores))
        self._note_scores(real_scores, fake_scores)
        return {name: value for name, value in self._diagnosis().items() if not name.endswith("norm")}

    def _update_discriminator(self, real, fake, labels, noted=True):
        """One step of the discriminator; ``noted``: its diagnosis shows it."""
        fake = ops.stop_gradient(ops.cast(fake, real.dtype))
        gradients = self._discriminator_gradients(real, fake, labels, noted)
        variables = self.discriminator.trainable_variables
        self._apply("discriminator", gradients, variables, noted)
        if self.clip is not None:  # trainable weights only: a clipped moving statistic would be a wrong one
            for variable in variables:
                variable.assign(ops.clip(variable, -self.clip, self.clip))

    def _discriminator_gradients(self, real, fake, labels, noted):
        scale_loss = self.discriminator_optimizer.scale_loss

        def loss(real_scores, fake_scores):
            value = self.adversarial_loss.discriminator(real_scores, fake_scores)
            if noted:
                self._note("discriminator_loss", value)
                self._note_scores(real_scores, fake_scores)
            return value

        variables = self.discriminator.trainable_variables
        if not variables:
            loss(*self._both_scores(real, fake, labels))
            return []
        perceptron = self._perceptron()
        if perceptron:
            scale = backend.share_of_loss(scale_loss(1.0))
            epsilon = backend.per_example(
                lambda shape: keras.random.uniform(shape, seed=self.seed_generator), (ops.shape(real)[0], 1)
            )
            weight = scale * self.gradient_penalty_weight
            return perceptron.gradients(lambda s: scale * loss(*ops.split(s, 2)), real, fake, epsilon, weight)

        def penalized():
            return [scale_loss(loss(*self._both_scores(real, fake, labels)) + self._penalty(real, fake, labels))]

        return backend.gradients(penalized, [variables])[1][0]

    def _perceptron(self) -> Perceptron | None:
        """The discriminator as a perceptron, where its scores and one penalty are all that its step is made of."""
        plain = type(self).scores is AdversarialModel.scores and not (self.r1_weight or self.augmentation.kinds)
        if not plain or not self.gradient_penalty_weight:
            return None
        return Perceptron.of(self.discriminator)

    def _update_generator(self, x, labels):
        functions, groups = zip(*self.generator_losses(x, labels), strict=True)
        scale = self.generator_optimizer.scale_loss
        values, gradients = backend.gradients(lambda: [scale(f()) for f in functions], groups)
        self._note("generator_loss", values[0] / scale(1.0))
        self._apply("generator", sum(gradients, []), sum(groups, []))

    def _apply(self, player, gradients, variables, noted=True):
        """One step of a player's optimizer, unless all of it is frozen; ``noted``: its gradients' norm is, too."""
        if not variables:
            return
        optimizer = getattr(self, f"{player}_optimizer")
        if noted:
            self._note_gradients(player, gradients, optimizer)
        backend.apply_gradients(optimizer, gradients, variables)

    def _note_gradients(self, player, gradients, optimizer):
        # Of several replicas the mean of what each would find alone: their sum is made in the optimizer.
        norm = backend.global_norm(gradients) * backend.replicas() / optimizer.scale_loss(1.0)
        # A step that overflowed half precision is skipped, and a lower scale tried: no norm to speak of.
        counts = ops.isfinite(norm) if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) else True
        metric = self.diagnosis[f"{player}_gradient_norm"]
        metric.update_state(ops.where(counts, norm, 0.0), sample_weight=ops.cast(counts, "float32"))

    def _penalty(self, real, fake, labels):
        """What bounds the discriminator's slope."""

        def scores(examples):
            return self.scores(examples, labels, frozen=True)

        penalty = 0.0
        if self.gradient_penalty_weight:
            slope = losses.gradient_penalty(scores, real, fake, seed=self.seed_generator)
            penalty += self.gradient_penalty_weight * slope
        if self.r1_weight:
            penalty += self.r1_weight * losses.r1_penalty(scores, real)
        return penalty

    def _both_scores(self, real, fake, labels):
        if self._mixes_examples:
            # Statistics of a mixed batch would tell each example about the others' share of fakes.
            return self.scores(real, labels), self.scores(fake, labels)
        labels = None if labels is None else ops.concatenate([labels] * 2)
        with backend.batch_in_parts(2):
            return ops.split(self.scores(ops.concatenate([real, fake]), labels), 2)

    @property
    def _mixes_examples(self) -> bool:
        return any(isinstance(layer, keras.layers.BatchNormalization) for layer in self.discriminator.layers)

    def noise_for(self, x, training=True):
        """Noise ``(batch, latent_dim)`` for a batch: new in training, the same in every evaluation."""
        seed = self.seed_generator if training else 0
        return backend.per_example(lambda s: keras.random.normal(s, seed=seed), (ops.shape(x)[0], self.latent_dim))

    def applied(self, network, inputs, training=True):
        """A network's output, in the mode of training too with none of its state moved."""
        if not training:
            return network(inputs, training=False)
        trainable = [v.value for v in network.trainable_variables]
        other = [v.value for v in network.non_trainable_variables]
        return network.stateless_call(trainable, other, inputs, training=True)[0]

    def _with(self, labels, inputs):
        return inputs if labels is None else [inputs, labels]

    def _note(self, name, value):
        self.diagnosis[name].update_state(value)

    def _note_scores(self, real_scores, fake_scores):
        threshold = self.adversarial_loss.threshold
        if threshold is not None:
            self._note("real_accuracy", ops.cast(real_scores > threshold, "float32"))
            self._note("fake_accuracy", ops.cast(fake_scores <= threshold, "float32"))
        else:
            self._note("wasserstein_estimate", ops.mean(real_scores) - ops.mean(fake_scores))

    def _diagnosis(self) -> dict:
        # Accuracy says nothing of scores without a zero, nor does their distance of probabilities.
        accuracies = {"real_accuracy", "fake_accuracy"}
        unused = accuracies if self.adversarial_loss.threshold is None else {"wasserstein_estimate"}
        return {name: metric.result() for name, metric in self.diagnosis.items() if name not in unused}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """As ``keras.Model.from_config``; of points, ``image_shape`` is what earlier files call ``example_shape``."""
        if len(config.get("image_shape", (0, 0, 0))) == 1:
            config = {**config, "example_shape": config["image_shape"]}
        return super().from_config(config, custom_objects)

    def get_config(self):
        return {
            **super().get_config(),
            self.shape_argument: self.example_shape,
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "gradient_penalty_weight": self.gradient_penalty_weight,
            "r1_weight": self.r1_weight,
            "augmentation": self.augmentation.kinds,
            "clip": self.clip,
            "seed": self.seed,
        }
