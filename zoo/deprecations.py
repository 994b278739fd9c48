"""Old names that still work, with a warning: of models, of what ``zoo`` exports, and of arguments.

Each is one line here, or one decorator. CONTRIBUTING.md says how long an old name stays.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

# Old name → the name now. A model's is an architecture, or ``architecture.tag`` where only the tag has changed.
MODELS: dict[str, str] = {}
# Of what stands in ``zoo/__init__.pyi``; with the part in front, of what ``zoo.data`` and ``zoo.evaluation`` export.
EXPORTS: dict[str, str] = {
    "denoise_sound": "denoise_audio",
    "data.load_recordings": "data.load_audio",
    "evaluation.joined_recordings": "evaluation.joined_audio",
    "evaluation.measure_recordings": "evaluation.measure_audio",
}

_Function = TypeVar("_Function", bound=Callable[..., Any])


def warn(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Says, as a ``FutureWarning``, that something is called otherwise now; Python shows each line once a process."""
    warnings.warn(f"{old} is now {new}: the old name still works, and will go.", FutureWarning, stacklevel=stacklevel)


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


def export_name(name: str, part: str = "") -> str:
    """The name now of an attribute of ``zoo``, or of a part of it, such as "data"."""
    prefix = part and f"{part}."
    if prefix + name not in EXPORTS:
        return name
    current = EXPORTS[prefix + name]
    warn(f"zoo.{prefix}{name}", f"zoo.{current}")
    return current.removeprefix(prefix)


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
            return function(*args, **current_arguments(called, arguments))

        called.__signature__ = inspect.signature(function)  # pyright: ignore[reportAttributeAccessIssue] - Keras' place
        called.old_names = names  # pyright: ignore[reportAttributeAccessIssue] - read by `current_arguments`
        return called  # pyright: ignore[reportReturnType] - of the same signature, and the old names

    return decorate


def current_arguments(
    function: Callable[..., Any], arguments: Mapping[str, Any], *, quiet: bool = False
) -> dict[str, Any]:
    """Keyword arguments by the names that a function has for them now.

    Args:
        function: one that ``renamed_arguments`` decorates, or any other, for which nothing changes.
        arguments: name, old or not → value.
        quiet: whether to leave out the warning: where a saved configuration has the name, and no user gave it.

    Raises:
        ValueError: if both names of one argument are given.
    """
    names, current = getattr(function, "old_names", {}), dict(arguments)
    for old in names.keys() & current.keys():
        new = names[old]
        if new in current:
            raise ValueError(f"{old} is the old name of {new}: give {new} alone.")
        if not quiet:
            warn(f"The argument {old}", new, stacklevel=4)
        current[new] = current.pop(old)
    return current
