"""Sets of tensorflow-datasets: at hand, or downloaded."""

import os
import socket
import urllib.parse
import urllib.request


class DataUnavailable(ValueError):
    """A data set that cannot be had: the reader's to mend, so that a notebook shows the one line and no traceback."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"ValueError: {self}"]


def prepared(name: str):
    """tensorflow-datasets' builder of a set, downloaded if need be.

    Raises:
        ValueError: ``DataUnavailable``, if the set is unknown, or is neither at hand nor can be downloaded.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
        if not builder.data_path.exists():
            _check_online(builder)
            builder.download_and_prepare()
        return builder
    except tfds.core.registered.DatasetNotFoundError:
        raise DataUnavailable(
            f"Unknown data {name!r}: expected a folder of pictures, or a name of tensorflow-datasets."
        ) from None
    except Exception as error:  # whatever the download raises: offline, proxy, checksum, disk
        folder = os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
        raise DataUnavailable(
            f"{name} is not in {folder} and could not be downloaded ({type(error).__name__}): "
            "go online, or set TFDS_DATA_DIR to a folder that holds it."
        ) from None


def load_rows(name: str, split: str, features: tuple[str, ...]) -> list[dict]:
    """The examples of a split of a tensorflow-datasets set, in their order.

    Args:
        name, split: of the set.
        features: that it must have.

    Raises:
        ValueError: if it has not, is unknown, or is neither at hand nor can be downloaded.
    """
    builder = prepared(name)
    if missing := [feature for feature in features if feature not in builder.info.features]:
        raise ValueError(f"{name} has no {', '.join(missing)}: it has {', '.join(builder.info.features)}.")
    if builder.info.splits and split not in builder.info.splits:
        raise ValueError(f"{name} has no split {split!r}: it has {', '.join(builder.info.splits)}.")
    import tensorflow_datasets as tfds

    return list(tfds.as_numpy(builder.as_dataset(split=split)))


def _check_online(builder) -> None:
    """Fails at once where the data's host has no address: the download would retry for minutes."""
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos}
    if hosts and not urllib.request.getproxies():
        socket.getaddrinfo(min(hosts), None)
