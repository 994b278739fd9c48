"""The codec of a model whose every step is known."""

import shutil
from pathlib import Path

import pytest
from block_means import networks, write_tables

from zoo import artifacts
from zoo.codec import Codec


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """An artefact in a folder of its own; do not change it (``copy_model`` gives a copy)."""
    folder = tmp_path_factory.mktemp("models") / "means"
    folder.mkdir()
    encoder, decoder = networks()
    (folder / "encoder.tflite").write_bytes(encoder)
    (folder / "decoder.tflite").write_bytes(decoder)
    write_tables(folder)
    artifacts.write_manifest(folder)
    return folder


@pytest.fixture
def copy_model(model_folder, tmp_path):
    """``copy_model(name, **tables)``: a copy of the artefact with some tables replaced."""

    def copy(name: str, **tables) -> Path:
        folder = tmp_path / name
        shutil.copytree(model_folder, folder)
        if tables:
            write_tables(folder, **tables)
        artifacts.write_manifest(folder)
        return folder

    return copy


@pytest.fixture(scope="session")
def codec(model_folder) -> Codec:
    return Codec(model_folder)
