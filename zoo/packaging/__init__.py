"""The folder of a trained model: what is in it, its card and certificate, and its figures measured again."""

from zoo.packaging.artifact import write_artifact
from zoo.packaging.certificate import certify
from zoo.packaging.measuring import evaluate

__all__ = ["certify", "evaluate", "write_artifact"]
