"""Names, and what they stand for."""

from zoo import deprecations
from zoo.registry.catalog import CATALOG
from zoo.registry.loading import (
    artifact_of,
    create,
    data_of,
    info,
    is_folder,
    list_models,
    load,
    loaded,
    spec_of,
)
from zoo.registry.spec import KINDS, Kind, Recipe, Spec

__all__ = [
    "CATALOG",
    "KINDS",
    "Kind",
    "Recipe",
    "Spec",
    "artifact_of",
    "create",
    "data_of",
    "deprecations",
    "info",
    "is_folder",
    "list_models",
    "load",
    "loaded",
    "spec_of",
]
