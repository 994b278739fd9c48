"""Packaging: `pip install .` puts the package `zoo` and its trained models into one wheel.

The distribution is `autoencoder-zoo`: on the package index `zoo` is another project.
"""

import json
import re
import tomllib
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "(.+)"$', (ROOT / "zoo/__init__.py").read_text(), re.M)[1]
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["zoo"]["repository"]
GITHUB = f"https://github.com/{REPOSITORY}"


def readme_for_index(text: str, repository: str = REPOSITORY) -> str:
    """The README as the package index shows it: with absolute links, and with what one types who has no sources.

    Links lead to the files of this version's tag. Without an address, links and pictures become their text.
    """
    text = re.sub(r"(?<!--editable )'\.\[(?!dev)", "'autoencoder-zoo[", text)
    text = text.replace("`pip install .`", "`pip install autoencoder-zoo`")

    def absolute(match: re.Match) -> str:
        picture, label, target = match.groups()
        if not repository:
            return label
        kind = "raw" if picture or target.endswith(".png") else "blob"
        return f"{picture}[{label}](https://github.com/{repository}/{kind}/v{VERSION}/{target})"

    return re.sub(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)", absolute, text)


def not_shipped(root: Path) -> list[str]:
    """Files of the models that the wheel has no weights of: all but what identifies them (`Spec.unshipped`)."""
    kept, files = ("manifest.json", "card.json"), []
    for manifest in sorted(root.glob("*/*/manifest.json")):
        document = json.loads(manifest.read_text())
        if document.get("shipped") is False:
            folder = manifest.parent.relative_to(root)
            files += [f"{folder}/{name}" for name in document["files"] if name not in kept]
    return files


# Each requirement stands in one list; an extra is a list, or several. What needs one says so by `zoo/extras.py`.
# What a device needs: no TensorFlow, and no Keras, which cannot be imported without a backend (docs/export.md).
BASE = [
    "ai-edge-litert>=2.1",  # 2.0 aborts when a file is converted: "free(): invalid pointer"
    "constriction>=0.4.2",
    "filelock>=3.16",
    "lazy_loader>=0.4",
    "numpy>=2.0",
    "pillow>=11.3",  # the first release with AVIF built in
    "platformdirs>=4.2",
    "rich>=14.3",  # earlier ones write an empty line for a progress bar that is off
    "typer>=0.26",  # earlier ones leave out of the help what an argument is
]
AUDIO = [
    "soundfile>=0.13",
    "soxr>=0.5",  # LGPL-2.1-or-later, a library that is installed beside the package (NOTICE)
]
TEXT = [
    "py3langid>=0.4",
    "sentencepiece>=0.2",
    "sentencex>=1.0.11",  # the first with a wheel for Python 3.11: others are built with Rust
]
KERAS = [
    "h5py>=3.12",
    "keras>=3.14",  # the first with depth_to_space
    "ml_dtypes>=0.5.1",
]
STUDIO = [  # all but Keras' backend
    *AUDIO,
    *TEXT,
    *KERAS,
    "flatbuffers>=24.3.25",
    "importlib_resources>=6.0",  # tensorflow-datasets imports it on Python 3.11 without requiring it
    "jinja2>=3.1",
    "markupsafe>=2.1",
    "matplotlib>=3.9",
    "scikit-learn>=1.5",
    "scipy>=1.13",
    "tensorflow-datasets>=4.9.10",  # earlier ones fail with protobuf 7, which tensorflow takes
]
DESK = [*STUDIO, "tensorflow>=2.20"]
# Keras reads models at hf://… with the first too; the others open s3:// and gs://.
HUB = ["fsspec>=2024.9", "gcsfs>=2024.9", "huggingface_hub>=1.0", "s3fs>=2024.9"]
MAPS = ["bokeh>=3.8"]
MICRO = ["ethos-u-vela>=4.0", "tflite_micro>=0.dev20250101"]  # the latter has pre-releases only
EARTH_MOVERS = ["pot>=0.9.5"]
TUNER = ["keras-tuner>=1.4.7"]
BENCHMARK = [
    *EARTH_MOVERS,
    *TUNER,
    "bjontegaard>=1.3",
    "gensim>=4.4",
    "imagecodecs>=2025.3",
    "networkx>=3.2",
    "pystoi>=0.4.1",
    "pywavelets>=1.8",
    "rouge-score>=0.1.2",
    "scikit-image>=0.25",
    "ssimulacra2>=0.3",
    "umap-learn>=0.5.7",
]
HEIC, M4A = ["pillow-heif>=1.0"], ["av>=14"]  # pictures and sounds of phones
DOCS = ["mkdocs>=1.6", "mkdocstrings[python]>=0.30"]
TOOLS = [
    "ipykernel",
    "nbclient>=0.10",
    "pyright[nodejs]>=1.1.400",  # with a Node of its own, so that it downloads none
    "pytest>=8.0",
    "pytest-cov>=6.0",
    "pytest-xdist>=3.6",
    "ruff>=0.12",
    "setuptools>=77",
    "tensorboard>=2.20",
    "twine>=6.0",
]
EXTRAS = {
    "tensorflow": DESK,
    "jax": [*STUDIO, "jax>=0.5"],
    "torch": [*STUDIO, "torch>=2.6"],
    "audio": AUDIO,
    "text": TEXT,
    "maps": MAPS,
    "micro": MICRO,
    "heic": HEIC,
    "m4a": M4A,
    "hub": HUB,
    "benchmark": BENCHMARK,
    "docs": DOCS,
    # All that the tests use, and so no other backend of Keras: torch alone takes gigabytes.
    "dev": [*DESK, *MAPS, *MICRO, *BENCHMARK, *HEIC, *M4A, *HUB, *DOCS, *TOOLS],
    # Earlier names, which install what they did.
    "edge": [*AUDIO, *TEXT],
    "gans": [*DESK, *EARTH_MOVERS],
    "tune": [*DESK, *TUNER],
}

setup(
    name="autoencoder-zoo",
    version=VERSION,
    description="Trained autoencoders and GANs in Keras 3: load, fine-tune, export, compress.",
    long_description=readme_for_index((ROOT / "README.md").read_text()),
    long_description_content_type="text/markdown",
    author="The zoo contributors",
    # Of the code and the weights; beside it that of each kind of example that comes along (NOTICE).
    license=(
        "Apache-2.0 AND MIT AND CC0-1.0 AND CC-BY-4.0 AND CC-BY-SA-3.0 AND CC-BY-SA-4.0 AND BSD-3-Clause AND "
        "LicenseRef-WordNet-3.0"
    ),
    license_files=["LICENSE", "NOTICE", "LICENSES/*.txt"],
    project_urls={
        "Repository": GITHUB,
        "Documentation": f"{GITHUB}/blob/v{VERSION}/docs/index.md",
        "Changelog": f"{GITHUB}/blob/v{VERSION}/CHANGELOG.md",
        "Issues": f"{GITHUB}/issues",
    }
    if REPOSITORY
    else {},
    keywords="keras tensorflow autoencoder gan compression denoising litert pretrained",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
        "Topic :: System :: Archiving :: Compression",
    ],
    python_requires=">=3.11",
    install_requires=BASE,
    extras_require=EXTRAS,
    # The models lie beside the package in the repository and inside it once installed.
    packages=[*find_packages(include=["zoo", "zoo.*"]), "zoo.savedmodels"],
    package_dir={"zoo.savedmodels": "savedmodels"},
    package_data={
        "zoo": [
            "__init__.pyi",
            "py.typed",
            "codec/*.md",
            "demo/**/*",
            "packaging/*.j2",
            "exporting/c/*",
            "gallery/*.j2",
            "gallery/*.css",
            "gallery/live/*.txt",
            "gallery/live/*.css",
            "gallery/live/js/*.js",
            "pages/*.css",
        ],
        "zoo.savedmodels": ["**/*"],
    },
    exclude_package_data={"": ["__pycache__/*", "*.pyc"], "zoo.savedmodels": not_shipped(ROOT / "savedmodels")},
    entry_points={"console_scripts": ["zoo = zoo.cli:main"]},
    zip_safe=False,
)
