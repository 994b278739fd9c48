"""Packages that the base installation lacks: which extra brings each, and the one line that says so.

``setup.py`` lists the requirements of each extra; a test holds both tables to the imports of the package.
"""

import contextlib
import sys
from collections.abc import Iterator

DISTRIBUTION = "autoencoder-zoo"  # the import name is zoo; zoo on the package index is another package
DESK = "tensorflow"
# Module → the extra that installs it: the smallest, where several do.
EXTRA = {
    **dict.fromkeys(("sentencepiece", "sentencex", "py3langid"), "text"),
    **dict.fromkeys(("soundfile", "soxr"), "audio"),
    **dict.fromkeys(("keras", "tensorflow", "tensorflow_datasets", "h5py", "ml_dtypes", "flatbuffers"), DESK),
    **dict.fromkeys(("jinja2", "markupsafe", "matplotlib", "scipy", "sklearn"), DESK),
    **dict.fromkeys(
        ("bjontegaard", "imagecodecs", "keras_tuner", "ot", "pystoi", "rouge_score", "skimage", "ssimulacra2"),
        "benchmark",
    ),
    **dict.fromkeys(("ethosu", "tflite_micro"), "micro"),
    **dict.fromkeys(("fsspec", "gcsfs", "huggingface_hub", "s3fs"), "hub"),
    "jax": "jax",
    "torch": "torch",
    "av": "m4a",
    "bokeh": "maps",
    "pillow_heif": "heic",
}
# Module → what its distribution is called, where that is not the module's name with dashes.
PACKAGE = {
    "PIL": "pillow",
    "av": "PyAV",
    "ethosu": "ethos-u-vela",
    "huggingface_hub": "huggingface_hub",
    "keras": "TensorFlow",
    "ml_dtypes": "ml_dtypes",
    "ot": "POT",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "tflite_micro": "tflite_micro",
}


class MissingPackage(ImportError, ValueError):
    """A package is not installed that something needs; the message says what to install."""


def install(extra: str) -> str:
    """The command that installs an extra: it adds to what is installed, and needs no sources."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def needs(module: str) -> str:
    """What to say where a module cannot be imported: ``needs bokeh: pip install 'autoencoder-zoo[maps]'``."""
    package = PACKAGE.get(module, module.replace("_", "-"))
    return f"needs {package}: {install(EXTRA[module]) if module in EXTRA else f'pip install {package}'}"


def missing(purpose: str, module: str) -> MissingPackage:
    """The error to raise where ``purpose``, the subject of a sentence, needs a module that is not installed."""
    return MissingPackage(f"{purpose} {needs(module)}.", name=module)


@contextlib.contextmanager
def needed(purpose: str) -> Iterator[None]:
    """Around an import: an optional package that is not there becomes one line that says which extra to install.

    Args:
        purpose: what needs the package, the subject of the line.

    Raises:
        MissingPackage: if a package of ``EXTRA`` is missing. Other errors pass, such as a name that a package lacks.
    """
    try:
        yield
    except MissingPackage:
        raise
    except ImportError as error:
        module = missing_module(error)
        if module not in EXTRA:
            raise
        raise missing(purpose, module) from None


def missing_module(error: ImportError) -> str | None:
    """The module that is not installed, its first component alone; None where an import failed for another reason."""
    module = (error.name or "").partition(".")[0]
    return None if module in ("", "zoo") or sys.modules.get(module) else module
