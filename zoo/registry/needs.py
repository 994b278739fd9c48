"""What a training needs beside the package itself, checked before it starts: data, and the figures of its card."""

import importlib.metadata
import importlib.util
from collections.abc import Iterable
from typing import Any

from zoo import extras
from zoo.registry.loading import data_of, resolve, spec_of

# Modules that the models of a modality, or an architecture, are trained or measured with, beside those of the desk.
OF_MODALITY = {"text": ("sentencepiece", "sentencex")}
OF_ARCHITECTURE = {"summarizer": ("rouge_score",)}


def check(name: str, data_source: Any = None) -> None:
    """Raises, before hours of training, what its data or its card would be without.

    Args:
        name: ``architecture`` or ``architecture.tag``.
        data_source: what takes the place of the recipe's data; None for that.

    Raises:
        ValueError: for an unknown name; as ``zoo.extras.MissingPackage`` for packages that are not installed: one line
            with all of them.
    """
    architecture, tag = resolve(name)
    modules = (*OF_MODALITY.get(spec_of(name).modality, ()), *OF_ARCHITECTURE.get(architecture, ()))
    reasons = [extras.needs(module) for module in modules if not _installed(module)]
    source = data_of(name) if data_source is None else data_source
    if isinstance(source, str) and source == "docstrings":
        from zoo.data import text

        if missing := [package for split in text.PACKAGES.values() for package in split if not _installed(package)]:
            reasons.append(f"reads the docstrings of packages that are not installed: {', '.join(missing)}")
    if reasons:
        raise extras.MissingPackage(f"To be trained, {architecture}.{tag} {'; it '.join(reasons)}.")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Module → version of the distribution that it is of, for a card; modules of Python itself are left out."""
    distributions = importlib.metadata.packages_distributions()
    found = {package: distributions[package][0] for package in packages if package in distributions}
    return {package: importlib.metadata.version(distribution) for package, distribution in found.items()}


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # of a module that has no spec
        return False
