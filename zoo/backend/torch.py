"""PyTorch's side of ``zoo.backend``: steps stand in Python, and gradients are those of its tape."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from zoo.backend import api
from zoo.backend.api import *  # noqa: F403
from zoo.backend.api import Tensor

__all__ = [*api.__all__]


def start(threads: int | None = None, *, deterministic: bool = False) -> None:
    """See ``zoo.backend.tensorflow.start``."""
    configure(threads)
    api.start(deterministic=deterministic)
    torch.use_deterministic_algorithms(deterministic, warn_only=True)


def configure(threads: int | None = None, *, processors: int = 1) -> None:
    """Says how many threads share an operation; None for as many as there are.

    Raises:
        ValueError: if ``threads`` is below 1.
    """
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1: received {threads}.")
        torch.set_num_threads(threads)


def accelerators() -> int:
    """See ``zoo.backend.api``."""
    return torch.cuda.device_count()


def jit_compile(wanted: bool) -> bool:
    """Never: TorchDynamo takes longer to compile a step than the models take to be trained."""
    return False


def apply_gradients(optimizer: keras.optimizers.Optimizer, gradients: list, variables: list) -> None:
    """See ``zoo.backend.api``."""
    with torch.no_grad():
        optimizer.apply(gradients, variables)


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """See ``zoo.backend.api``."""
    return torch.nn.functional.leaky_relu(x, slope)


def gradient(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor | None = None) -> Tensor:
    """See ``zoo.backend.api``."""
    with torch.enable_grad():
        if not x.requires_grad:
            x = x.detach().requires_grad_(True)
        value = function(x)
        return torch.autograd.grad(value, x, upstream, create_graph=True)[0]


def gradients(function: Callable[[], list], groups: Any) -> tuple[list, list[list]]:
    """See ``zoo.backend.api``."""
    groups = [[v.value for v in group] for group in groups]
    with torch.enable_grad():
        losses = list(function())
    found = []
    for number, (loss, group) in enumerate(zip(losses, groups, strict=True), start=1):
        found.append(list(torch.autograd.grad(loss, group, retain_graph=number < len(groups), allow_unused=True)))
    return [loss.detach() for loss in losses], found


def array_of(x: Any) -> np.ndarray | None:
    """See ``zoo.backend.api``."""
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, torch.Tensor):
        return None if x.is_meta else keras.ops.convert_to_numpy(x)
    return np.asarray(x.numpy()) if hasattr(x, "numpy") else None
