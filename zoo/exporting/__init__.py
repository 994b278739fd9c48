"""Trained models as files for other runtimes, and the artefact folder that holds them.

The package is not called ``export`` because ``zoo.export`` is the function.
"""

from zoo.exporting.artifact import write_artifact
from zoo.exporting.certificate import certify
from zoo.exporting.export import default_part, export
from zoo.exporting.litert import operators

__all__ = ["certify", "default_part", "export", "operators", "write_artifact"]
