"""JAX's side of ``zoo.backend``: steps are functions of a state, in which the values of variables are carried.

A step that stands in Python, and assigns to variables, is run inside a scope of Keras in which every variable has a
value that JAX traces; what the step has assigned is read from the scope at its end, and is the new state. A gradient is
that of such a scope's losses by some of its values, so that what the losses assign on their way, moving statistics,
seeds and metrics, comes out beside them.
"""

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp

from zoo.backend import api
from zoo.backend.api import *  # noqa: F403
from zoo.backend.api import Tensor

__all__ = [*api.__all__]

DYNAMIC_SHAPES = False

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # or JAX takes three quarters of a GPU's memory at once

_SCOPE: contextvars.ContextVar["_Scope | None"] = contextvars.ContextVar("scope", default=None)
# What the state of Keras' steps holds, by its length.
_PARTS = {
    4: ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"),
    3: ("trainable_variables", "non_trainable_variables", "metrics_variables"),
    2: ("trainable_variables", "non_trainable_variables"),
}


class _Scope(keras.StatelessScope):
    """A scope that starts with what the one around it has, and knows which variables were assigned to in it."""

    def __init__(self, variables, values):
        super().__init__()
        outer = _SCOPE.get()
        self.state_mapping = {} if outer is None else dict(outer.state_mapping)
        self.state_mapping |= {id(v): value for v, value in zip(variables, values, strict=True)}
        self.assigned: dict[int, keras.Variable] = {}

    def add_update(self, update):
        super().add_update(update)
        self.assigned[id(update[0])] = update[0]

    def __enter__(self):
        self._token = _SCOPE.set(self)
        return super().__enter__()

    def __exit__(self, *args, **kwargs):
        super().__exit__(*args, **kwargs)
        _SCOPE.reset(self._token)


def accelerators() -> int:
    """See ``zoo.backend.api``."""
    return sum(device.platform != "cpu" for device in jax.devices())


def jit_compile(wanted: bool) -> bool | str:
    """Always where a model can: JAX compiles steps, or goes through them operation by operation."""
    return "auto"


def _variables(model, state) -> list[list]:
    parts = []
    for name in _PARTS[len(state)]:
        parts.append(model.optimizer.variables if name == "optimizer_variables" else getattr(model, name))
    return parts


@contextlib.contextmanager
def state_of(model: keras.Model, *state: Any) -> Iterator[None]:
    """See ``zoo.backend.api``; ``state`` is that of Keras' ``train_step`` or ``test_step``, alone."""
    if not state:
        yield
        return
    groups = _variables(model, state[0])
    with _Scope(sum(groups, []), [value for part in state[0] for value in part]):
        yield


def step(model: keras.Model, function: Callable[[Any], Any], *arguments: Any) -> Any:
    """See ``zoo.backend.api``: of the state and the data, the logs and the new state."""
    state, data = arguments
    groups = _variables(model, state)
    with _Scope(sum(groups, []), [value for part in state for value in part]) as scope:
        logs = function(data)
    return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)


def apply_gradients(optimizer: keras.optimizers.Optimizer, gradients: list, variables: list) -> None:
    """See ``zoo.backend.api``.

    Raises:
        ValueError: of half precision where a part of the variables is frozen.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or _SCOPE.get() is None:
        optimizer.apply(gradients, variables)
        return
    known = optimizer.inner_optimizer._trainable_variables
    if [id(v) for v in known] != [id(v) for v in variables]:
        raise ValueError("dtype must not be mixed_float16 where a part of a player is frozen, with the backend jax.")
    states = optimizer.variables
    updated = optimizer.stateless_apply([v.value for v in states], gradients, [v.value for v in variables])
    for group, values in zip((variables, states), updated, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)


def straight_through(new: Tensor, old: Tensor) -> Tensor:
    """See ``zoo.backend.api``: here, what is assigned would carry its own gradient."""
    old = jnp.asarray(old)
    return old + jax.lax.stop_gradient(new - old)


def gradient(function: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor | None = None) -> Tensor:
    """See ``zoo.backend.api``."""
    _, pull = _pulled(function, jnp.asarray(x), [], [])
    if upstream is None:
        upstream = 1.0
    return pull(upstream)


def gradients(function: Callable[[], list], groups: Any) -> tuple[list, list[list]]:
    """See ``zoo.backend.api``."""
    groups = [list(group) for group in groups]
    variables = list({id(v): v for group in groups for v in group}.values())
    place = {id(v): at for at, v in enumerate(variables)}
    losses, pull = _pulled(lambda _: list(function()), None, variables, [v.value for v in variables])
    result = []
    for number, group in enumerate(groups):
        found = pull([float(at == number) for at in range(len(losses))])
        result.append([found[place[id(v)]] for v in group])
    return losses, result


def _pulled(function, x, variables, values):
    """What ``function`` gives at ``x``, and its pullback to ``x``, or to the values of variables if ``x`` is None.

    What it assigns to variables on its way is assigned once it is differentiated.
    """
    assigned: dict[int, keras.Variable] = {}

    def pure(point):
        with _Scope(variables, values if x is not None else point) as scope:
            result = function(point if x is not None else None)
        assigned.update(scope.assigned)
        return result, {key: scope.state_mapping[key] for key in scope.assigned}

    result, pull, updates = jax.vjp(pure, values if x is None else x, has_aux=True)
    for key, value in updates.items():
        assigned[key].assign(value)

    def back(upstream):
        upstream = jax.tree.map(lambda r, u: jnp.broadcast_to(jnp.asarray(u, r.dtype), r.shape), result, upstream)
        return pull(upstream)[0]

    return result, back


def array_of(x: Any) -> np.ndarray | None:
    """See ``zoo.backend.api``."""
    if isinstance(x, np.ndarray):
        return x
    if isinstance(x, jax.core.Tracer):
        return None
    if isinstance(x, jax.Array):
        return np.asarray(x)
    return np.asarray(x.numpy()) if hasattr(x, "numpy") else None
