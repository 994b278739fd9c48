"""The distribution of each pixel, from the pixels of a sparser lattice: what lossless compression codes by.

Differs from Mentzer et al. 2019, "Practical Full Resolution Learned Lossless Image Compression", in that it has no
latents: the sparser lattices of the picture itself are the side information, as in Cao, Wu & Krähenbühl 2020, "Lossless
Image Compression through Super-Resolution". Its networks see features that are normalised by the activity about a
pixel, so that a few thousand weights are enough, and all are sums and products that integers compute exactly.
"""

import math

import keras
import numpy as np
from keras import layers, ops

from zoo.codec import lattice
from zoo.models.base import Guarded
from zoo.models.inputs import bounds_of, checked_examples

COARSEST = 4  # spacing that is trained: the networks of spacing 4 serve all above


@keras.saving.register_keras_serializable("zoo")
class PixelPredictor(Guarded, keras.Model):
    """Bits that each sample of a picture costs.

        picture (b, h, w, 3) → luma and two chroma planes, reversibly (b, h, w, 3)
        of each plane, spacing and pass (``zoo.codec.lattice``):
            known neighbours, and all of the planes before: differences, over the activity (n, features)
            → dense → dense: hidden → dense, which sees the features too → mean, log scale (n, 2)

    The loss is the mean information of a sample, in bits.

    Args:
        image_shape: ``(height, width, 3)`` of a crop; sides of at least 16.
        units: of each of the two hidden layers of a network.

    Raises:
        ValueError: if ``image_shape`` is of no such crop, or ``units`` is below 1.
    """

    default_metrics = ()
    coder = "pixels"  # of ``zoo.codec``

    def __init__(self, *, image_shape=(96, 96, 3), units=32, **kwargs):
        super().__init__(**kwargs)
        self._take_shape(image_shape, None, axes=3)
        self.units = units
        if self.image_shape[2] != 3 or min(self.image_shape[:2]) < 4 * COARSEST:
            raise ValueError(
                f"image_shape must be (height, width, 3), sides of at least {4 * COARSEST}: received {image_shape!r}."
            )
        if not isinstance(units, int) or units < 1:
            raise ValueError(f"units must be an integer ≥ 1: received {units!r}.")
        self.networks = {}
        for plane in range(lattice.PLANES):
            for kind in lattice.KINDS:
                for level in range(lattice.LEVELS):
                    name = f"{kind.name}_{plane}_{level}"
                    parts = (
                        layers.Dense(units, "relu", name=f"{name}_first"),
                        layers.Dense(units, "relu", name=f"{name}_second"),
                        layers.Dense(2, kernel_initializer="zeros", name=f"{name}_out"),
                    )
                    self.networks[name] = parts
        self._layers_of_networks = [part for parts in self.networks.values() for part in parts]

    def build(self, input_shape=None):
        for plane in range(lattice.PLANES):
            for kind in lattice.KINDS:
                features = lattice.features_of(kind, plane)
                for level in range(lattice.LEVELS):
                    first, second, out = self.networks[f"{kind.name}_{plane}_{level}"]
                    first.build((None, features))
                    second.build((None, self.units))
                    out.build((None, self.units + features))

    def network(self, kind, plane, level) -> list:
        """The three dense layers of a network."""
        return self.networks[f"{kind.name}_{plane}_{level}"]

    @property
    def refused(self):
        reasons = "bits are counted, of each picture alike"
        return {"y": reasons, "sample_weight": reasons, "class_weight": reasons}

    def _checked(self, x, name="x"):
        shape, least = tuple(x.shape), 4 * COARSEST
        if len(shape) != 4 or shape[3] != 3 or any(side is not None and side < least for side in shape[1:3]):
            raise ValueError(
                f"{name} must have the shape (batch, height, width, 3), sides of at least {least}: received {shape}; "
                "zoo.Codec takes any."
            )
        return checked_examples(x, shape[1:], "float32", bounds_of(self, name), name)

    def call(self, x):
        """Mean bits of a sample of each picture, ``(b,)``."""
        return ops.mean(self.information(x), axis=(1, 2)) / lattice.PLANES

    def information(self, x):
        """Bits of each pixel of pictures in [0, 1], ``(b, h, w)``; 0 for the few that no neighbour is known of."""
        known, total = [], 0.0
        for plane in to_planes(ops.round(self._checked(x) * 255)):
            bits, errors = self._plane(plane, known)
            known.append((plane, errors))
            total = total + bits
        return total

    def _plane(self, plane, known):
        """Bits of a plane's samples, and their rounded errors, ``(b, h, w)``."""
        spacing = COARSEST
        errors = bits = ops.zeros_like(plane[:, :: 2 * spacing, :: 2 * spacing])
        while spacing:
            values = plane[:, ::spacing, ::spacing]
            others = [(value[:, ::spacing, ::spacing], error[:, ::spacing, ::spacing]) for value, error in known]
            wrong, taken = {(0, 0): errors}, {(0, 0): bits}
            for kind in lattice.KINDS:
                features, base, index = features_of(kind, values, _interleaved(wrong, ops.shape(values)), others)
                network = self.network(kind, len(known), lattice.level_of(spacing))
                mean, log_scale = self._run(network, features, base, index)
                target, place = values[:, kind.row :: 2, kind.column :: 2], (kind.row, kind.column)
                taken[place] = bits_of(target, mean, log_scale)
                wrong[place] = ops.stop_gradient(target - ops.round(mean))
            errors, bits = (_interleaved(parts, ops.shape(values)) for parts in (wrong, taken))
            spacing //= 2
        return bits, errors

    @staticmethod
    def _run(network, features, base, index):
        first, second, out = network
        found = out(ops.concatenate([second(first(features)), features], axis=-1))
        octave = (index + 0.5) / lattice.STEPS - 2
        mean = base + ops.cast(found[..., 0], "float32") * 2**octave
        least = math.log2(lattice.LEAST_SCALE)
        log_scale = ops.clip(
            ops.cast(found[..., 1], "float32") + octave, least, least + lattice.SCALES / lattice.SCALE_STEPS
        )
        return mean, log_scale * math.log(2)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred)

    def compute_output_shape(self, input_shape):
        return (input_shape[0],)

    def get_config(self):
        return {**super().get_config(), "image_shape": self.image_shape, "units": self.units}


def to_planes(levels):
    """Luma and chroma of colours ``(b, h, w, 3)``, whole numbers: Malvar & Sullivan 2003, "YCoCg-R"."""
    red, green, blue = levels[..., 0], levels[..., 1], levels[..., 2]
    orange = red - blue
    middle = blue + ops.floor(orange / 2)
    chroma = green - middle
    return middle + ops.floor(chroma / 2), orange, chroma


def features_of(kind, values, errors, others):
    """What a network sees of each place of a pass.

    Args:
        kind: of the pass.
        values, errors: of the plane on the lattice, ``(b, h, w)``.
        others: the same of the planes before it.

    Returns:
        Features ``(b, h', w', features)``; and of each place the mean of its nearest neighbours, and its activity's
        index, ``(b, h', w')``.
    """
    seen = _at_places(kind, values, (*lattice.mean_of(kind), *lattice.differences_of(kind)))
    base, linear = seen[..., 0], [seen[..., 1:]]
    count = len(kind.weights)
    total = ops.sum(ops.abs(seen[..., 1 : count + 1]) * ops.convert_to_tensor(kind.weights, "float32"), axis=-1)
    energies = [_at_places(kind, ops.abs(errors), lattice.energy_of(kind))]
    for value, error in others:
        wrong = _at_places(kind, error, lattice.HERE)
        linear += [_at_places(kind, value, lattice.beside_of(kind)), wrong]
        energies.append(_at_places(kind, ops.abs(error), lattice.ENERGY))
        total = total + 4 * ops.abs(wrong[..., 0])
    index = index_of(total)
    unit = 2 ** -((index + 0.5) / lattice.STEPS - 2)
    most = lattice.MOST_FEATURE / lattice.FEATURE
    features = ops.clip(ops.concatenate(linear, axis=-1) * unit[..., None], -most, most)
    logs = (index_of(ops.concatenate(energies, axis=-1)) - index[..., None]) / 4
    return ops.concatenate([features, (index[..., None] - 18) / 8, logs], axis=-1), base, index


def _at_places(kind, values, sums):
    """Weighted sums of a lattice's values about the places of a pass, ``(b, h', w', sums)``."""
    margin, size = lattice.MARGIN, 2 * lattice.MARGIN + 1
    kernel = np.zeros((size, size, 1, len(sums)), np.float32)
    for number, terms in enumerate(sums):
        for (row, column), weight in terms.items():
            kernel[margin + row, margin + column, 0, number] += weight
    padded = ops.pad(values, ((0, 0), (margin, margin), (margin, margin)), mode="reflect")
    return ops.conv(padded[:, kind.row :, kind.column :, None], kernel, strides=2, padding="valid")


def index_of(sixteenths):
    """``lattice.index_of`` of a tensor."""
    index = ops.floor(lattice.STEPS / math.log(2) * ops.log((sixteenths + 4) / 4))
    return ops.clip(index, 0, lattice.ACTIVITIES - 1)


def bits_of(values, means, log_scales):
    """Bits of whole numbers, by logistic distributions with a part of a wide one, over a step about each number."""
    scales, distance = ops.exp(log_scales), ops.abs(values - means)
    wide = lattice.WIDENING * scales + lattice.WIDENED
    mass = (1 - lattice.WIDE) * _mass(distance, scales) + lattice.WIDE * _mass(distance, wide)
    return -ops.log(mass + lattice.LEAST_MASS) / math.log(2)


def _mass(distance, scales):
    # sigmoid(a) - sigmoid(b), of negative numbers, as sigmoid(a) · sigmoid(-b) · (1 - exp(b - a)): nothing cancels.
    upper, lower = (distance + 0.5) / scales, (distance - 0.5) / scales
    return ops.sigmoid(-lower) * ops.sigmoid(upper) * -ops.expm1(-1 / scales)


def _interleaved(parts, shape):
    """A lattice of the four lattices of twice the spacing; zero where one is not known."""
    blank = ops.zeros_like(parts[0, 0])
    rows = []
    for row in (0, 1):
        pair = [_fitted(parts.get((row, column), blank), blank) for column in (0, 1)]
        rows.append(ops.reshape(ops.stack(pair, axis=-1), (shape[0], ops.shape(blank)[1], -1)))
    both = ops.reshape(ops.stack(rows, axis=2), (shape[0], 2 * ops.shape(blank)[1], -1))
    return both[:, : shape[1], : shape[2]]


def _fitted(part, blank):
    """A part with as many rows and columns as the first, which may have one more."""
    down, right = ops.shape(blank)[1] - ops.shape(part)[1], ops.shape(blank)[2] - ops.shape(part)[2]
    return ops.pad(part, ((0, 0), (0, down), (0, right)))
