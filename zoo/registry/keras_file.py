"""What a ``.keras`` file announces, checked before Keras opens it: files from strangers must not take the memory."""

import io
import json
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from zoo import __version__

MAX_CONFIG_BYTES = 1 << 14  # of the zoo's models at most 1,751
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def check_announced(path: Path) -> None:
    """Refuses a file whose weights are not all there, or whose configuration asks for more than there are.

    Weights have to lie in the file as plain arrays: compressed, linked or external ones are no work of Keras', and
    announce what is not there or lies elsewhere. The variables that the configuration leads to are counted without
    being made.

    Args:
        path: of the file, of a size that is bounded already (``Artifact.file``).

    Raises:
        ValueError: if it is no model of the zoo, is damaged, or announces more than it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
                raise ValueError(f"its configuration has more than {MAX_CONFIG_BYTES:,} bytes")
            config = json.loads(archive.read(CONFIG))
            stored = _stored_bytes(archive.read(WEIGHTS))
        needed = _needed_bytes(config)
    except Exception as error:  # of zip, JSON, HDF5, Keras and its models: any
        raise ValueError(f"{path} is no model of the zoo: {_line(error)}. Reinstall or retrain the model.") from None
    if needed > stored:
        raise ValueError(
            f"{path} is refused: its configuration leads to {needed:,} bytes of weights, and it holds {stored:,}."
        )


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300].rstrip(".")


def _stored_bytes(content: bytes) -> int:
    """Bytes of all arrays of an HDF5 file."""
    import h5py

    sizes: list[int] = []

    def look(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            announced = math.prod(item.shape or ()) * item.dtype.itemsize
            plain = not (item.chunks or item.external or item.is_virtual or item.dtype.hasobject)
            if not plain or item.id.get_storage_size() != announced:
                raise ValueError(f"the array {name[:80]} must lie in the file as it is, with {announced:,} bytes")
            sizes.append(announced)
        else:
            links = {key: item.get(key, getlink=True) for key in item}
            if odd := [key for key, link in links.items() if not isinstance(link, h5py.HardLink)]:
                raise ValueError(f"{odd[0][:80]} of its weights is a link")

    with h5py.File(io.BytesIO(content), "r") as file:
        look("/", file)
        file.visititems(look)
    return sum(sizes)


def _needed_bytes(config: dict[str, Any]) -> int:
    """Bytes of the variables that a configuration leads to."""
    if not str(config.get("registered_name")).startswith("zoo>"):
        raise ValueError(f"its configuration is of {str(config.get('class_name'))[:80]!r}, and no class of the zoo")
    if _is_unknown(config["registered_name"]):
        name = config["registered_name"].removeprefix("zoo>")[:80]
        raise ValueError(f"it is a {name!r}, which zoo {__version__} does not have: update the zoo")
    # Keras would make variables that were left unmade in this thread at its next opportunity: so it has one of its own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_counted, {**config, "compile_config": None}).result()


def _is_unknown(registered_name: str) -> bool:
    import keras

    return keras.saving.get_registered_object(registered_name) is None


def _counted(config: dict[str, Any]) -> int:
    import keras

    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        sizes = (math.prod(v.shape) * _itemsize(keras.backend.standardize_dtype(v.dtype)) for v in model.weights)
        return sum(sizes)


def _itemsize(dtype: str) -> int:
    bits = "".join(filter(str.isdigit, dtype))
    return int(bits) // 8 if bits else 1
