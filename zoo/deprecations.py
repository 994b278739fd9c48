"""Old names that still work, with a warning: of models, of what ``zoo`` exports, and of arguments.

Each is one line here, or one decorator. CONTRIBUTING.md says how long an old name stays.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

# Old name → the name now. A model's is an architecture, or ``architecture.tag`` where only the tag has changed.
MODELS: dict[str, str] = {}
# Of what stands in ``zoo/__init__.pyi``.
EXPORTS: dict[str, str] = {}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def warn(old: str, new: str) -> None:
    """Says, as a ``FutureWarning``, that something is called otherwise now; Python shows each line once a process."""
    warnings.warn(f"{old} is now {new}: the old name still works, and will go.", FutureWarning, stacklevel=3)


def model_name(name: str, *, quiet: bool = False) -> str:
    """A model's name as it is now.

    Args:
        name: ``architecture`` or ``architecture.tag``, old or not.
        quiet: whether to leave out the warning: where a file says the name, and no user.
    """
    architecture, dot, tag = name.partition(".")
    current = MODELS.get(name) or MODELS.get(architecture, architecture) + dot + tag
    if current != name and not quiet:
        warn(f"The model {name}", current)
    return current


def export_name(name: str) -> str:
    """The name now of an attribute of ``zoo``."""
    if name in EXPORTS:
        warn(f"zoo.{name}", f"zoo.{EXPORTS[name]}")
    return EXPORTS.get(name, name)


def renamed_arguments(**names: str) -> Callable[[_Function], _Function]:
    """A decorator for a function or constructor whose keyword arguments have new names.

    Args:
        names: old name → the name now.

    Raises:
        ValueError: by the decorated function, if it is given both names of one argument.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def called(*args: Any, **arguments: Any) -> Any:
            for old in names.keys() & arguments.keys():
                new = names[old]
                if new in arguments:
                    raise ValueError(f"{old} is the old name of {new}: give {new} alone.")
                warn(f"The argument {old}", new)
                arguments[new] = arguments.pop(old)
            return function(*args, **arguments)

        return called  # pyright: ignore[reportReturnType] - of the same signature, and the old names

    return decorate
