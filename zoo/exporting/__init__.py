"""Models as files for other runtimes.

The package is not called ``export`` because ``zoo.export`` is the function.
"""

from zoo.exporting.export import default_part, export
from zoo.exporting.litert import operators

__all__ = ["default_part", "export", "operators"]
