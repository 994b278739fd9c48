"""The same training on several devices of a machine, or on several machines: ``tf.distribute`` under Keras' ``fit``.

Replicas share every batch and end with the weights that one device would have (``zoo.backend``'s replicas). Of several
machines, each runs the same program with an environment variable ``TF_CONFIG`` of its own; all need the same output
folder, on a file system that they share: the chief, worker 0, writes it, and all resume from it. All of it is
TensorFlow's; with another backend of Keras there is one replica.
"""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras

from zoo import backend

if TYPE_CHECKING:
    import tensorflow as tf

NAMES = ("mirrored", "multiworker")
TIMEOUT = 60.0  # seconds that a worker waits for the others in one step
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:12345", "10.0.0.2:12345"]}, "task": {"type": "worker", "index": 0}}'


def start(
    name: str, *, devices: int | None = None, threads: int | None = None, deterministic: bool = False
) -> "tf.distribute.Strategy":
    """Starts TensorFlow for a strategy; called before the first operation of the process.

    Args:
        name: ``mirrored``, for all devices of this machine, or ``multiworker``, for the machines of ``TF_CONFIG``.
        devices: of ``mirrored``, the first so many GPUs; without GPUs the processor is cut into so many devices.
        threads, deterministic: as of ``zoo.backend.start``.

    Raises:
        ValueError: for an unknown name, more devices than there are, a ``TF_CONFIG`` that cannot be used, or another
            backend of Keras.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"strategy and devices must be left out with the backend {keras.backend.backend()}: they are of "
            "tf.distribute; train with --backend tensorflow."
        )
    import tensorflow as tf

    if name not in NAMES:
        raise ValueError(f"strategy must be {' or '.join(NAMES)}: received {name!r}.")
    if devices is not None and (name != "mirrored" or devices < 1):
        raise ValueError(f"devices must be at least 1, and belong to strategy mirrored: received {devices} of {name}.")
    if name == "multiworker":
        _check_cluster(os.environ.get("TF_CONFIG", ""))
        backend.configure(threads)
        options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=TIMEOUT)
        from zoo.training.multiworker import MultiWorkerStrategy

        strategy = MultiWorkerStrategy(communication_options=options)
        backend.start(deterministic=deterministic)
        return strategy
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and devices is not None and devices > len(gpus):
        raise ValueError(f"devices must be at most the number of GPUs, {len(gpus)}: received {devices}.")
    backend.configure(threads, processors=1 if gpus else devices or 1)
    kind = "GPU" if gpus else "CPU"
    chosen = tf.config.list_logical_devices(kind)[:devices]
    strategy = tf.distribute.MirroredStrategy([device.name for device in chosen])
    backend.start(deterministic=deterministic)
    return strategy


def is_chief(strategy: Any) -> bool:
    """Whether this process writes what all have trained: always, but for the other workers of a cluster."""
    resolver = strategy and strategy.cluster_resolver
    return resolver is None or not resolver.task_type or (resolver.task_type, resolver.task_id) in _CHIEFS


_CHIEFS = {("chief", 0), ("worker", 0)}


def distributed(strategy: Any, batches: Callable[[int, Sequence[int]], Any]) -> Any:
    """What ``fit`` reads: of each batch, every replica its own share.

    Args:
        strategy: to train under.
        batches: (how many replicas there are, the numbers of those that this machine has) → a data set of the shares
            of these replicas, in turn.
    """
    number = strategy.num_replicas_in_sync
    if number == 1:
        return batches(1, (0,))

    def of_machine(context):
        own = number // context.num_input_pipelines
        return batches(number, range(own * context.input_pipeline_id, own * (context.input_pipeline_id + 1)))

    return strategy.distribute_datasets_from_function(of_machine)


def for_every_replica(strategy: "tf.distribute.Strategy", arrays, batch_size: int):
    """What validation reads, over and over: every replica all batches, so that each has the figures of the whole split.

    Args:
        strategy: to train under.
        arrays: ``(n, ...)`` each, an example's input and, if it has one, its target.
        batch_size: examples that a replica evaluates at once.

    Returns:
        The data set, and how many batches make up the split.
    """

    import tensorflow as tf

    def batches(number, own):
        whole = tf.data.Dataset.from_tensor_slices(tuple(arrays)).batch(batch_size)
        return whole.flat_map(lambda *batch: tf.data.Dataset.from_tensors(batch).repeat(len(own))).repeat()

    return distributed(strategy, batches), -(-len(arrays[0]) // batch_size)


def check_agreed(strategy: Any, done: int, folder: os.PathLike) -> None:
    """Refuses workers of which not all have read the same checkpoint.

    Args:
        strategy: to train under.
        done: epochs, as this worker has read.
        folder: that it has read them from.

    Raises:
        ValueError: then, on all workers.
    """
    if not _of_machines(strategy):
        return
    import tensorflow as tf

    # Equal where they have no variance; small integers, so that float64 is exact.
    powers = [strategy.run(lambda power=power: tf.constant(float(done) ** power, tf.float64)) for power in (1, 2)]
    mean, square = (float(strategy.reduce("MEAN", value, axis=None)) for value in powers)
    if square != mean**2:
        raise ValueError(
            f"The workers resume from different epochs: this one from {done}. {folder} must be one folder that all of "
            "them share."
        )


def _of_machines(strategy) -> bool:
    """Whether several machines share a training."""
    if strategy.num_replicas_in_sync == 1:
        return False
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@contextlib.contextmanager
def watched(strategy: Any) -> Iterator[None]:
    """Turns what TensorFlow raises when a worker is gone into one line.

    Raises:
        ValueError: then.
    """
    if not _of_machines(strategy):
        yield
        return
    import tensorflow as tf

    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError) as error:
        raise ValueError(
            f"A worker of the cluster is gone ({type(error).__name__}): start all workers again with --resume, which "
            "goes on from the last checkpoint."
        ) from None


def _check_cluster(config: str) -> None:
    """Looks a ``TF_CONFIG`` through: TensorFlow would wait for ever for what it does not find."""
    if not config:
        raise ValueError(f"TF_CONFIG must name the workers of the cluster: it is not set. Such as {EXAMPLE}.")
    try:
        parsed = json.loads(config)
        workers, task = parsed["cluster"]["worker"], parsed["task"]
        kind, index = task["type"], task["index"]
        addresses = [(host, int(port)) for host, _, port in (address.rpartition(":") for address in workers)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"TF_CONFIG must be JSON with cluster.worker, a list of host:port, and task.type and task.index: received "
            f"{config!r} ({type(error).__name__}: {error}). Such as {EXAMPLE}."
        ) from None
    if kind != "worker" or not isinstance(index, int) or not 0 <= index < len(addresses):
        raise ValueError(f"TF_CONFIG's task must be a worker from 0 to {len(addresses) - 1}: received {kind} {index}.")
    if len(set(addresses)) < len(addresses):
        raise ValueError(f"TF_CONFIG's workers must have different addresses: received {', '.join(workers)}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that closed a moment ago is free
        try:
            probe.bind(("", addresses[index][1]))
        except OSError as error:
            raise ValueError(
                f"TF_CONFIG gives this worker the port {addresses[index][1]}, which cannot be opened "
                f"({error.strerror}): choose a free one."
            ) from None
