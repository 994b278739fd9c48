"""Names, and what they stand for."""

from zoo import deprecations
from zoo.registry.catalog import CATALOG
from zoo.registry.loading import (
    artifact_of,
    create,
    data_of,
    does,
    info,
    is_folder,
    list_models,
    load,
    loaded,
    spec_of,
    spec_of_model,
)
from zoo.registry.spec import (
    AdversarialRecipe,
    AutoencoderRecipe,
    CropRecipe,
    DetectorRecipe,
    LossRecipe,
    Recipe,
    Spec,
    TextRecipe,
)

__all__ = [
    "CATALOG",
    "AdversarialRecipe",
    "AutoencoderRecipe",
    "CropRecipe",
    "DetectorRecipe",
    "LossRecipe",
    "Recipe",
    "Spec",
    "TextRecipe",
    "artifact_of",
    "create",
    "data_of",
    "deprecations",
    "does",
    "info",
    "is_folder",
    "list_models",
    "load",
    "loaded",
    "spec_of",
    "spec_of_model",
]
