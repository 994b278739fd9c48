"""``zoo.evaluate``: the figures of a model's card, measured again."""

import os
from typing import Any

import keras

from zoo import data, evaluation, modalities, registry, tasks
from zoo.codec import Codec
from zoo.evaluation.generation import LEAST_SAMPLES, SAMPLES, measure_samples, samples_from
from zoo.evaluation.likelihood import IMPORTANCE_SAMPLES
from zoo.evaluation.outliers import DETECTOR, read_detector


def evaluate(
    name: str | os.PathLike,
    data_source: str | None = None,
    *,
    split: str = "test",
    importance_samples: int | None = None,
    samples: bool = False,
    classifier: str | os.PathLike | None = None,
    dtype_policy: str = "float32",
    advance: Any = None,
    failed: list[str] | None = None,
) -> dict[str, Any]:
    """Measures a trained model, of the zoo or of a folder.

    Args:
        name: as for ``zoo.load``.
        data_source: a name of tensorflow-datasets or a folder of pictures; None for the model's own data.
        split: ``test`` (a card's figures) or ``validation`` (for choices).
        importance_samples: draws for each image that a variational autoencoder's likelihood is bounded with; None for
            as many as its card was measured with.
        samples: whether to compare what the model generates with the test split, grey also where it was trained on
            binary images, instead of measuring what else it does.
        classifier: whose features they are compared by; None for the zoo's own, trained on the same data.
        dtype_policy: of Keras, in which the model computes; ``mixed_bfloat16`` is faster for convolutions where the
            processor has it.
        advance: called with the number of images whose likelihood is done, or of draws that are measured, for a
            progress bar.
        failed: gets a line for each file of a folder that cannot be read, and the others are the data; None to raise
            instead.

    Returns:
        Name of a measure → figure: see ``zoo.tasks.measure_split`` and ``zoo.modalities.Modality.measure_codec``, or
        ``zoo.evaluation.measure_samples``.

    Raises:
        ValueError: for an unknown name or split, data that cannot be had or is no longer what the model was trained on,
            or ``samples`` of a model that does not generate, or of data without a classifier.
    """
    if split not in ("test", "validation"):
        raise ValueError(f"split must be test or validation: received {split!r}.")
    artifact, model = registry.artifact_of(name), _loaded(name, dtype_policy)
    trained_on = artifact.card["data"]
    spec = registry.spec_of_model(model)
    modality = modalities.of(model)
    source, options = data.source_of(trained_on, data_source), {"fit": trained_on["fit"], "seed": trained_on["seed"]}
    data_set = modality.prepared(model, modality.load(source, model.example_shape, failed=failed, **options))
    if samples:
        if split != "test":
            raise ValueError(f"samples are compared with the test split: received split={split!r}.")
        return _compared_samples(artifact.name, model, data_set, classifier, advance)
    if trained_on.get("binarized"):
        data_set = data_set.binarized(trained_on["seed"])
    if trained_on.get("normal") is not None:
        data_set = data_set.with_normal(trained_on["normal"])
    if importance_samples is None:
        importance_samples = artifact.card["metrics"].get("importance_samples", IMPORTANCE_SAMPLES)
    if data_source is None:
        data.check_same(data_set, trained_on)
    figures = tasks.measure_split(model, data_set, split=split, importance_samples=importance_samples, advance=advance)
    if spec.compresses:
        figures |= modality.measure_codec(Codec(name), data_set, split)
    if artifact.has(DETECTOR):
        detector = read_detector(artifact)
        figures |= evaluation.measure_detector(model, detector, data_set, split, trained_on.get("normal"))
    return figures


def _loaded(name: str | os.PathLike, dtype_policy: str) -> keras.Model:
    """A trained model that computes in a policy, while Keras' own stays."""
    previous_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy)
    try:
        return registry.load(name)
    finally:
        keras.config.set_dtype_policy(previous_policy)


def _compared_samples(
    name: str, model, data_set: data.DataSet, classifier: str | os.PathLike | None, advance
) -> dict[str, Any]:
    """``measure_samples`` with as many images as there are, up to a card's number."""
    if not hasattr(model, "generate"):
        raise ValueError(f"{name} does not generate: expected a model that does, such as conv_vae.")
    known = [name.partition(".")[2] for name in registry.list_models("classifier", pretrained=True)]
    if classifier is None and data_set.source not in known:
        raise ValueError(
            f"samples are compared by a classifier of the data, and the zoo has none of {data_set.name}, only of "
            f"{' and '.join(known)}: name one (--classifier)."
        )
    fewest = min(len(data_set.train), len(data_set.test))
    if fewest < LEAST_SAMPLES:
        raise ValueError(
            f"samples are compared with at least {LEAST_SAMPLES} images of a split: a split of {data_set.name} has "
            f"{fewest}; give a larger data set."
        )
    options = {"classifier": classifier or f"classifier.{data_set.source}", "n": min(SAMPLES, fewest)}
    return measure_samples(samples_from(model), data_set, advance=advance, **options)
