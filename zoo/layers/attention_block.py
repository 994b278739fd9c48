"""The block of a transformer."""

from typing import Any

import keras
from keras import layers, ops

from zoo.backend import Tensor


@keras.saving.register_keras_serializable("zoo")
class AttentionBlock(keras.layers.Layer):
    """Self-attention and two dense layers, each added to its input after a normalisation of it.

    Args:
        units: width.
        heads: of the attention; a divisor of ``units``.
        expansion: width of the hidden dense layer, in ``units``.

    Call arguments:
        x: ``(batch, length, units)``.
        mask: which positions may be looked at, ``(batch, length)``; None for all.

    References:
        Vaswani et al. 2017, "Attention Is All You Need"; Xiong et al. 2020, "On Layer Normalization in the Transformer
        Architecture", for the order.
    """

    def __init__(self, units: int, heads: int = 4, expansion: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units % heads:
            raise ValueError(f"heads must divide units, {units}: received {heads!r}.")
        self.units, self.heads, self.expansion = units, heads, expansion
        self.norms = [layers.LayerNormalization(epsilon=1e-5, dtype=self.dtype_policy) for _ in range(2)]
        self.attention = layers.MultiHeadAttention(heads, units // heads, dtype=self.dtype_policy)
        self.hidden = layers.Dense(units * expansion, "relu", dtype=self.dtype_policy)
        self.out = layers.Dense(units, dtype=self.dtype_policy)

    def build(self, x_shape: tuple[Any, ...], mask_shape: tuple[Any, ...] | None = None) -> None:
        for norm in self.norms:
            norm.build(x_shape)
        self.attention.build(x_shape, x_shape)
        self.hidden.build(x_shape)
        self.out.build((*x_shape[:-1], self.units * self.expansion))

    def call(self, x: Tensor, mask: Tensor = None) -> Tensor:
        normal = self.norms[0](x)
        seen = None if mask is None else ops.cast(mask, "bool")[:, None, :]
        x = x + self.attention(normal, normal, attention_mask=seen)
        return x + self.out(self.hidden(self.norms[1](x)))

    def compute_output_shape(
        self, x_shape: tuple[Any, ...], mask_shape: tuple[Any, ...] | None = None
    ) -> tuple[Any, ...]:
        return x_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "heads": self.heads, "expansion": self.expansion}
