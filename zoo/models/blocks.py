"""Parts that models share: a convolution, and critics of dense layers, whose penalised step is differentiated by hand.

The latter takes few large products, not many small ones.
"""

import dataclasses

import keras
from keras import layers, ops

from zoo import backend
from zoo.layers import LeakyReLU
from zoo.losses.adversarial import EPSILON


@dataclasses.dataclass(frozen=True)
class Perceptron:
    """A critic that is a chain of dense layers with leaky rectifiers between them, in float32.

        x (b, ...) → scale · x + offset → flatten (b, d) → [dense → leaky relu] … → dense → score (b, 1)

    Attributes:
        front: layers before the first dense one, which scale and flatten.
        scale: the product of what they scale by.
        dense: the dense layers, the last of one unit.
        slopes: of the rectifiers after each dense layer but the last.
    """

    front: tuple[layers.Layer, ...]
    scale: float
    dense: tuple[layers.Dense, ...]
    slopes: tuple[float, ...]

    @classmethod
    def of(cls, network: keras.Model) -> "Perceptron | None":
        """The network as a perceptron, or None where it is another one."""
        front, scale, dense, slopes, tensor = [], 1.0, [], [], network.inputs[0]
        for layer in network.layers:
            if isinstance(layer, layers.InputLayer):
                continue
            if layer.input is not tensor or layer.dtype_policy.name != "float32":  # a branch, or half precision
                return None
            tensor = layer.output
            if type(layer) is layers.Dense and layer.use_bias and layer.activation is keras.activations.linear:
                if len(dense) > len(slopes):
                    return None
                dense.append(layer)
            elif type(layer) is LeakyReLU and len(dense) == len(slopes) + 1:
                slopes.append(layer.negative_slope)
            elif not dense and type(layer) is layers.Rescaling and isinstance(layer.scale, (int, float)):
                front.append(layer)
                scale *= layer.scale
            elif not dense and type(layer) is layers.Flatten:
                front.append(layer)
            elif not (isinstance(layer, layers.Dropout) and not layer.rate):
                return None
        learned = len(network.trainable_variables) == 2 * len(dense)
        if not learned or len(dense) != len(slopes) + 1 or dense[-1].units != 1:
            return None
        return cls(tuple(front), scale, tuple(dense), tuple(slopes))

    def gradients(self, loss, real, fake, epsilon, weight) -> list:
        """Of ``loss(scores) + weight · gradient penalty``, by each layer's kernel and bias in turn.

        Real and fake examples and the points between them go through all layers together. The first layer is affine,
        so that it takes a point between two examples to the point between its values at these. One pass back, of the
        loss's gradient at the examples and of ones at the points between, gives errors and slopes; the penalty's
        gradient is a second pass forward; and the kernels' gradients are one product each, of all rows.

        Args:
            loss: function of the scores ``(2·batch, 1)``, of the real examples and then of the fake, to a scalar.
            real, fake: examples ``(batch, ...)``.
            epsilon: ``(batch, 1)`` in [0, 1]: where on the line from fake to real the slope is measured.
            weight: of ``losses.gradient_penalty``.
        """
        number = ops.shape(real)[0]
        x = ops.concatenate([real, fake])
        for layer in self.front:
            x = layer(x)

        kernels = [layer.kernel for layer in self.dense]
        inputs = [x]
        values = ops.matmul(x, kernels[0]) + self.dense[0].bias
        of_real, of_fake = ops.split(values, 2)
        values = ops.concatenate([values, of_fake + epsilon * (of_real - of_fake)])
        for layer, kernel, slope in zip(self.dense[1:], kernels[1:], self.slopes, strict=True):
            inputs.append(backend.leaky_relu(values, slope))
            values = ops.matmul(inputs[-1], kernel) + layer.bias

        error = ops.concatenate([backend.gradient(loss, values[: 2 * number]), ops.ones((number, 1))])
        errors = [error]
        for kernel, slope, x in zip(kernels[:0:-1], self.slopes[::-1], inputs[:0:-1], strict=True):
            error = backend.leaky_relu_gradient(ops.matmul(error, ops.transpose(kernel)), x, slope)
            errors.insert(0, error)

        slope = ops.matmul(error[2 * number :], ops.transpose(kernels[0]))  # of scale · x + offset, not of x
        squared = ops.sum(ops.square(slope), axis=-1, keepdims=True)
        norm = ops.sqrt(self.scale**2 * squared + EPSILON)
        # The gradient of weight · mean((norm − 1)²) with respect to that product.
        tangent = (2 * self.scale**2 * weight / ops.cast(number, "float32") * (1 - 1 / norm)) * slope
        result = []
        for index, (kernel, x, error) in enumerate(zip(kernels, inputs, errors, strict=True)):
            rows = ops.concatenate([x[: 2 * number], tangent])
            result += [ops.matmul(ops.transpose(rows), error), ops.sum(error[: 2 * number], axis=0)]
            if index < len(self.slopes):
                tangent = ops.matmul(tangent, kernel)
                tangent = backend.leaky_relu_gradient(tangent, inputs[index + 1][2 * number :], self.slopes[index])
        return result


def conv(filters, size=3, strides=1):
    """A convolution with ReLU that keeps the size, but for its strides."""
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        data_format="channels_last",
    )
