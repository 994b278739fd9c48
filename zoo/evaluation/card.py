"""The figures of a model's card, measured."""

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from zoo import data, extras, registry
from zoo.codec import Codec
from zoo.data import corruption
from zoo.evaluation.generation import LEAST_SAMPLES, SAMPLES, measure_samples, samples_from
from zoo.evaluation.likelihood import log_likelihood
from zoo.evaluation.metrics import mean_squared_error, psnr
from zoo.evaluation.signals import denoised_signals, measure_recordings, signal_to_noise
from zoo.evaluation.texts import SHORT, measure_prose, measure_sentences, measure_summarizer
from zoo.models import (
    AdversarialModel,
    Classifier,
    ConcreteAE,
    DenoisingAE,
    DenoisingSignalAE,
    HierarchicalVAE,
    MapAE,
    Summarizer,
    TextAE,
    VariationalAutoencoder,
)

IMPORTANCE_SAMPLES = 1000  # what is published, of whole test splits; 50 are within about a nat of it
NEIGHBOURS = 5
KNN = f"knn{NEIGHBOURS}_accuracy"
MAP_NEIGHBOURS = 12  # of a map's trustworthiness


def evaluate(
    name: str | os.PathLike,
    data_source: str | None = None,
    *,
    split: str = "test",
    importance_samples: int | None = None,
    samples: bool = False,
    classifier: str | os.PathLike | None = None,
    dtype_policy: str = "float32",
    advance=None,
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
        Name of a measure → figure: see ``measure_split`` and ``measure_codec``, or ``measure_samples``.

    Raises:
        ValueError: for an unknown name or split, data that cannot be had or is no longer what the model was trained on,
            or ``samples`` of a model that does not generate, or of data without a classifier.
    """
    if split not in ("test", "validation"):
        raise ValueError(f"split must be test or validation: received {split!r}.")
    artifact = registry.artifact_of(name)
    previous_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy)
    try:
        model = registry.load(name)
    finally:
        keras.config.set_dtype_policy(previous_policy)
    trained_on = artifact.card["data"]
    data_set = data.load(
        data.source_of(trained_on, data_source),
        image_shape=model.image_shape,
        fit=trained_on["fit"],
        seed=trained_on["seed"],
        failed=failed,
    )
    if data_set.texts is not None:
        data_set = data_set.tokenized(model.tokens)
    if samples:
        if not hasattr(model, "generate"):
            raise ValueError(f"{artifact.name} does not generate: expected a model that does, such as conv_vae.")
        if split != "test":
            raise ValueError(f"samples are compared with the test split: received split={split!r}.")
        return _compared_samples(model, data_set, classifier, advance)
    if trained_on.get("binarized"):
        data_set = data_set.binarized(trained_on["seed"])
    if importance_samples is None:
        importance_samples = artifact.card["metrics"].get("importance_samples", IMPORTANCE_SAMPLES)
    if data_source is None:
        data.check_same(data_set, trained_on)
    figures = measure_split(model, data_set, split=split, importance_samples=importance_samples, advance=advance)
    if registry.spec_of(artifact.card["architecture"]).codec:
        figures |= measure_codec(Codec(name), data_set, split=split)
    return figures


def _compared_samples(model, data_set: data.DataSet, classifier: str | os.PathLike | None, advance) -> dict[str, Any]:
    """``measure_samples`` with as many images as there are, up to a card's number."""
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


def measure_split(model, data_set: data.DataSet, *, split: str = "test", **options) -> dict[str, Any]:
    """All figures of a model on a split: what its kind is measured by.

    Args:
        model: of the zoo.
        data_set: whose ``split`` is measured on.
        options: of ``measure``.

    Returns:
        Of a model with a code those of ``measure`` and ``measure_code``, of one of texts those of
        ``measure_sentences`` or ``measure_summarizer``, of a classifier those of
        ``measure_classifier``, and of an adversarial one, where the zoo has a classifier of its data, those of
        ``measure_samples`` as ``samples``. What the data does not suffice for is left out, and ``not_measured`` says of
        each such figure why.
    """
    if isinstance(model, TextAE):
        figures = measure_sentences(model, data_set.texts[split])
    elif isinstance(model, Summarizer):
        figures = measure_summarizer(model, data_set.texts[split])
    elif isinstance(model, Classifier):
        figures = measure_classifier(model, getattr(data_set, split), (data_set.labels or {}).get(split))
    else:
        figures = _measure_images(model, data_set, split, **options)
    missing = _not_measured(model, data_set, split, figures)
    return {**figures, "not_measured": missing} if missing else figures


def _measure_images(model, data_set: data.DataSet, split: str, **options) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if hasattr(model, "encode"):
        figures |= measure(model, getattr(data_set, split), **options) | measure_code(model, data_set, split=split)
    classifier = f"classifier.{data_set.source}"
    if isinstance(model, AdversarialModel) and split == "test" and classifier in registry.list_models(pretrained=True):
        figures["samples"] = measure_samples(samples_from(model), data_set, classifier=classifier)
    return figures


def _not_measured(model, data_set: data.DataSet, split: str, figures: dict[str, Any]) -> dict[str, str]:
    """Name of a figure that a model of this kind has elsewhere → why it is not among its ``figures``."""
    number = len(getattr(data_set, split))
    reasons = {}
    if isinstance(model, MapAE):
        reasons["trustworthiness"] = f"needs {2 * MAP_NEIGHBOURS + 1} images: the split has {number}"
    if hasattr(model, "encode") and data_set.train.ndim == 4:
        reasons[KNN] = "needs labels: the data has none"
    if isinstance(model, AdversarialModel) and split == "test":
        reasons["samples"] = "needs a classifier of the data: zoo evaluate --samples --classifier NAME"
    if isinstance(model, TextAE):
        reasons["words_recovered"] = f"needs sentences of at most {SHORT} words: the split has none"
    if isinstance(model, Summarizer):
        reasons["rouge_l"] = extras.needs("rouge_score")
    return {name: reason for name, reason in reasons.items() if name not in figures}


def measure_classifier(model: Classifier, images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """How often a classifier is right.

    Args:
        model: a ``Classifier``.
        images: uint8 ``(n, height, width, channels)``.
        labels: integers ``(n,)``.

    Returns:
        ``accuracy``, and ``cross_entropy`` in nats an image.

    Raises:
        ValueError: if there are no labels.
    """
    if labels is None:
        raise ValueError("labels must be given, as a classifier is measured by them: use a labelled data set.")
    logits = _predict(model, data.unit(images))
    nats = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return {"accuracy": float((logits.argmax(axis=1) == labels).mean()), "cross_entropy": float(np.mean(nats))}


def measure(model, images: np.ndarray, *, importance_samples: int = IMPORTANCE_SAMPLES, advance=None) -> dict[str, Any]:
    """What a model makes of images: its reconstruction error, and what its kind is for.

    Args:
        model: an ``Autoencoder``.
        images: uint8 ``(n, height, width, channels)``.
        importance_samples: draws for each image that a likelihood is bounded with.
        advance: called with the number of images whose likelihood is done, for a progress bar.

    Returns:
        ``mse`` and ``psnr`` pooled over all pixels of all images, of signals ``mse`` and ``snr``. Of a denoiser also,
        by the corruption's name, of signals those of ``denoised_signals``, else ``noisy_psnr`` and ``denoised_psnr`` in
        dB. Of a variational autoencoder, in nats an image, ``negative_elbo``, and, where the images are binary, so that
        it is one, ``negative_log_likelihood``, the importance-weighted bound, with its ``standard_error`` over the
        ``likelihood_images``, and the number format that it was computed in; the draws are the same at every call.
        Of a hierarchical one ``negative_elbo_bits_per_pixel``, what bits-back coding takes. Of a map
        ``trustworthiness``, at most 1: how few of an image's 12 nearest on the map are far from it in pixels (Venna &
        Kaski 2001, "Neighborhood Preservation in Nonlinear Projection Methods"), which is defined of 25 images or more.
        Of a chooser of pixels its ``certainty``.
    """
    clean = data.unit(images)
    found = _predict(model, clean)
    error = mean_squared_error(clean, found)
    if clean.ndim == 3:
        figures = {"mse": error, "snr": signal_to_noise(clean, found)}
        return figures | (denoised_signals(model, clean) if isinstance(model, DenoisingSignalAE) else {})
    figures: dict[str, Any] = {"mse": error, "psnr": psnr(error)}
    if isinstance(model, ConcreteAE):
        figures["certainty"] = float(model.selector.certainty)
    if isinstance(model, DenoisingAE):
        for kind, corrupt in corruption.STANDARD.items():
            noisy = corrupt(clean)
            figures[kind] = {
                "noisy_psnr": psnr(mean_squared_error(clean, noisy)),
                "denoised_psnr": psnr(mean_squared_error(clean, _predict(model, noisy))),
            }
    if isinstance(model, MapAE) and len(clean) > 2 * MAP_NEIGHBOURS:
        from sklearn.manifold import trustworthiness

        pixels = clean.reshape(len(clean), -1)
        figures["trustworthiness"] = float(trustworthiness(pixels, _codes(model, images), n_neighbors=MAP_NEIGHBOURS))
    if isinstance(model, HierarchicalVAE):
        batches = np.split(clean, range(500, len(clean), 500))
        with _same_draws(model):
            nats = np.concatenate([np.asarray(model.log_likelihood_bound(batch)) for batch in batches])
        figures["negative_elbo_bits_per_pixel"] = -float(nats.mean()) / (math.log(2.0) * clean[0].size)
    if isinstance(model, VariationalAutoencoder):
        binary = bool(np.isin(images, (0, 255)).all())
        with _same_draws(model):
            bounds = log_likelihood(model, clean, importance_samples if binary else 1, advance=advance)
        figures["negative_elbo"] = -float(bounds["elbo"].mean())
        if binary:
            likelihood = bounds["log_likelihood"]
            figures["negative_log_likelihood"] = -float(likelihood.mean())
            figures["standard_error"] = float(likelihood.std() / np.sqrt(len(likelihood)))
            figures["importance_samples"] = importance_samples
            figures["likelihood_images"] = len(likelihood)
            figures["likelihood_dtype_policy"] = model.dtype_policy.name
    return figures


@contextlib.contextmanager
def _same_draws(model: keras.Model, seed: int = 0) -> Iterator[None]:
    """Lets the model's own generators start from ``seed``, so that a figure repeats; afterwards they go on as before.

    They are made with the model: ``keras.utils.set_random_seed`` comes too late for them.
    """
    states = [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
    before = [np.asarray(state) for state in states]
    try:
        for state in states:
            state.assign([seed, 0])
        yield
    finally:
        for state, value in zip(states, before, strict=True):
            state.assign(value)


def measure_code(model, data_set: data.DataSet, *, split: str = "test") -> dict[str, float]:
    """How far a code, learned without labels, tells the classes apart.

    Args:
        model: an ``Autoencoder``.
        data_set: with labels; without, nothing is measured.
        split: whose images are classified, by the majority of their nearest codes of the training split.

    Returns:
        ``knn5_accuracy``: of the 5 nearest neighbours in Euclidean distance.
    """
    from sklearn.neighbors import KNeighborsClassifier

    if data_set.labels is None:
        return {}
    classifier = KNeighborsClassifier(NEIGHBOURS, algorithm="brute")
    classifier.fit(_codes(model, data_set.train), data_set.labels["train"])
    found = classifier.predict(_codes(model, getattr(data_set, split)))
    return {KNN: float((found == data_set.labels[split]).mean())}


def code_numbers(model) -> int:
    """How many numbers a model's code has, the switches of an unpooling model included."""
    shapes = model.encoder.output_shape
    shapes = shapes if isinstance(shapes[0], tuple) else [shapes]
    return int(sum(np.prod(shape[1:]) for shape in shapes))


def flat_code(code) -> np.ndarray:
    """A code as one array, ``(n, …)``; parts of different shapes are joined, ``(n, numbers)``."""
    if not isinstance(code, (list, tuple)):
        return np.asarray(code)
    return np.concatenate([np.reshape(part, (len(part), -1)) for part in code], axis=1)


def _codes(model, images: np.ndarray) -> np.ndarray:
    """Codes ``(n, numbers)``; of a code in several parts the first, ``z``."""
    codes = model.encoder.predict(data.unit(images), batch_size=500, verbose=0)
    codes = codes[0] if isinstance(codes, (list, tuple)) else codes
    return codes.reshape(len(images), -1)


def measure_codec(codec: Codec, data_set: data.DataSet, *, split: str = "test") -> dict[str, float]:
    """What a codec makes of images in one file: all bytes counted, all images restored from those bytes.

    Of signals it is what ``measure_recordings`` says, of the split's recordings, and of texts ``measure_prose``.

    Raises:
        ValueError: if a lossless codec lost anything.
    """
    if data_set.texts is not None:
        return measure_prose(codec, data_set.texts[split])
    images = getattr(data_set, split)
    if images.ndim == 3:
        unread: list[str] = []  # said when the data set was loaded
        return measure_recordings(codec, data.load_recordings(data_set.source, split, unread))
    file = codec.compress(images)
    error = mean_squared_error(images, codec.decompress(file))
    if codec.lossless and error:
        raise ValueError(f"{codec.name} must restore every pixel: the mean squared error is {error}.")
    return {
        "codec_bits_per_pixel": 8.0 * len(file) / images[..., 0].size,
        **({} if codec.lossless else {"codec_psnr": psnr(error)}),
        "codec_bytes": len(file),
    }


def _predict(model, images: np.ndarray) -> np.ndarray:
    return model.predict(images, batch_size=500, verbose=0)
