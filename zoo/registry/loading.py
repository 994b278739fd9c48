"""From a name to a model."""

import collections
import contextlib
import dataclasses
import fnmatch
import functools
import importlib
import inspect
import io
import os
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import artifacts, deprecations, extras
from zoo.registry import terms
from zoo.registry.catalog import CATALOG
from zoo.registry.spec import Spec

if TYPE_CHECKING:
    import keras


def list_models(filter: str = "*", pretrained: bool = False) -> list[str]:
    """Names, ``architecture.tag``, of the models of the catalogue.

    Args:
        filter: shell-style pattern, matched against ``architecture.tag`` and against ``architecture``.
        pretrained: only models whose trained weights are installed.

    Examples:
        >>> import zoo
        >>> zoo.list_models("dense_ae")
        ['dense_ae.fashion_mnist', 'dense_ae.mnist']
        >>> zoo.list_models("*vae.mnist", pretrained=True)
        ['vae.mnist', 'conv_vae.mnist', 'beta_vae.mnist', 'hierarchical_vae.mnist']
    """
    shipped = set(artifacts.names())
    return [
        f"{architecture}.{tag}"
        for architecture, spec in CATALOG.items()
        for tag in spec.tags
        if (fnmatch.fnmatch(f"{architecture}.{tag}", filter) or fnmatch.fnmatch(architecture, filter))
        and (not pretrained or f"{architecture}.{tag}" in shipped)
    ]


def resolve(name: str) -> tuple[str, str]:
    """``architecture`` and ``tag`` of a name; of one without a tag the default (``artifacts.default_tag``).

    Raises:
        ValueError: for a name outside the catalogue; names the closest ones.
    """
    architecture, tag = artifacts.split_name(name)
    if architecture not in CATALOG:
        raise artifacts.unknown_name(name, [*CATALOG, *list_models()])
    tags = CATALOG[architecture].tags
    if tag is not None and tag not in tags:
        raise artifacts.unknown_name(name, [f"{architecture}.{tag}" for tag in tags])
    return architecture, tag or artifacts.default_tag(tags)


def spec_of(name: str) -> Spec:
    """The catalogue's row of a name, as it is of its tag."""
    architecture, tag = resolve(name)
    return CATALOG[architecture].of_tag(tag)


def spec_of_model(model: "keras.Model") -> Spec:
    """The catalogue's row of a model's class, or of the nearest class that it extends.

    Raises:
        ValueError: if there is none.
    """
    rows = {spec.class_path: spec for spec in CATALOG.values()}
    for path in (f"{c.__module__}:{c.__name__}" for c in type(model).__mro__):
        if path in rows:
            return dataclasses.replace(rows[path], modality=getattr(model, "modality", rows[path].modality))
    raise ValueError(f"model must be one of the zoo: received {type(model).__name__}, which is not in the catalogue.")


def does(model: "keras.Model", task: str, modality: str) -> bool:
    """Whether a model is made for a task with examples of a modality; one that is not of the zoo is made for none."""
    try:
        spec = spec_of_model(model)
    except ValueError:
        return False
    return spec.task == task and spec.modality == modality


def data_of(name: str) -> str:
    """Name of the data set that a model of the catalogue is trained on."""
    architecture, tag = resolve(name)
    return CATALOG[architecture].data_of(tag)


def create(name: str, /, **overrides: Any) -> "keras.Model":
    """An untrained, compiled model of the catalogue.

    Args:
        name: ``architecture`` or ``architecture.tag``.
        overrides: arguments of the model's constructor that take the place of the catalogue's.

    Raises:
        ValueError: for an unknown name, or an argument that the constructor does not take.
    """
    architecture, tag = resolve(name)
    spec = CATALOG[architecture]
    module, _, class_name = spec.class_path.partition(":")
    with extras.needed("A model"):
        model_class = getattr(importlib.import_module(module), class_name)
    overrides = _checked(name, model_class, overrides)
    model = model_class(**{**spec.config_of(tag), **overrides})
    model.build()
    model.compile_defaults("adam")
    return model


def is_folder(name: str) -> bool:
    """Whether a name is a folder's, as names of the catalogue win."""
    return artifacts.split_name(name)[0] not in CATALOG and os.path.isdir(name)


def artifact_of(name: str | os.PathLike) -> artifacts.Artifact:
    """The trained artefact of a name, a folder or an address, such as ``hf://owner/name``.

    Names win: ``./conv_ae`` is the folder, ``conv_ae`` the model.

    Raises:
        ValueError: if there is none; names the closest ones.
    """
    text = os.fspath(name)
    if artifacts.addresses.is_address(text) or is_folder(text):
        return artifacts.find(text)
    if text.endswith(".keras"):
        raise ValueError(
            f"{text} is no file: give one that model.save wrote. keras.models.load_model reads such files too, after "
            "import zoo.models."
        )
    text = ".".join(resolve(text))
    if text not in artifacts.names():
        raise ValueError(
            f"{text} comes without trained weights: train it (zoo train {text} -o FOLDER) and load the folder, or load "
            "it with pretrained=False."
        )
    return artifacts.find(text)


def load(name: str | os.PathLike, pretrained: bool = True, **overrides: Any) -> "keras.Model":
    """A model of the zoo: trained, compiled, ready for ``predict`` and ``fit``.

    ``keras.models.load_model`` reads a file of the user's own too, once ``import zoo.models`` has registered the
    classes with Keras. TensorFlow keeps about a megabyte for every model that was loaded;
    ``keras.utils.clear_session()`` frees it.

    Args:
        name: ``architecture`` (its default tag), ``architecture.tag``, a folder that ``zoo train`` wrote, a file
            that ``model.save("mine.keras")`` wrote, or the address of such a folder (``hf://owner/name``,
            ``https://…``, ``s3://…``, ``gs://…``, ``file://…``; ``#sha256=…`` pins its manifest's digest); names win,
            and ``./`` before a folder's name reaches it all the same.
        pretrained: False for fresh weights.
        overrides: arguments of the model's constructor that take the place of the trained ones; the shapes
            of the weights have to stay. ``dtype`` is the policy of all layers, ``mixed_float16`` for one; without it
            a trained model has Keras' global policy, and a file the one that it was saved with.

    Raises:
        ValueError: for an unknown name (the closest are offered) or argument, a file that differs from its manifest or
            holds other weights than its model has, or overrides that the weights do not fit.
        zoo.extras.MissingPackage: if TensorFlow is not installed; an ``ImportError`` and a ``ValueError``.
        RuntimeError: in a process that was forked after TensorFlow had started, where its threads are missing: start
            it by ``multiprocessing.get_context("spawn")``.

    Examples:
        >>> import numpy as np, zoo
        >>> model = zoo.load("dense_ae.mnist")
        >>> images = np.zeros((2, 28, 28, 1), "float32")
        >>> tuple(model.encode(images).shape), tuple(model(images).shape)
        ((2, 32), (2, 28, 28, 1))
        >>> zoo.load("dense_ae.mnist", pretrained=False, latent_dim=8).latent_dim  # untrained, of another size
        8
        >>> zoo.load("dens_ae")
        Traceback (most recent call last):
        ValueError: Unknown model 'dens_ae': did you mean dense_ae or ...?
    """
    if not isinstance(name, (str, os.PathLike)):
        raise ValueError(f"name must be a name, a folder or a file: received {type(name).__name__}.")
    if not pretrained:
        return create(os.fspath(name), **overrides)
    own = _own_file(name)
    path = own or artifact_of(name).file("model.keras")

    with extras.needed("A model"):
        import keras

        import zoo.models  # noqa: F401 - registers the classes with Keras
        from zoo import backend
        from zoo.registry.keras_file import check_announced

    backend.check_process()
    if not own and not path.is_relative_to(artifacts.shipped_root()):
        check_announced(path)
    model = _read(path)
    policy = keras.config.dtype_policy()
    if not own and policy.name != model.dtype_policy.name:
        overrides = {"dtype": policy, **overrides}
    if overrides:
        model = _with_config(model, _checked(os.fspath(name), type(model), overrides))
    return model


def loaded(model: "str | os.PathLike | keras.Model") -> "keras.Model":
    """A model itself, or what ``load`` makes of its name, folder or file, to compute with and not to change.

    The last two that were asked for by name are kept, so that a function which is called picture by picture does not
    load its model each time. A file that has changed is loaded again.

    Raises:
        ValueError: for anything else, or as ``load``.
    """
    with extras.needed("A model"):
        import keras

        from zoo import backend

    if isinstance(model, (str, os.PathLike)):
        own = _own_file(model)
        path = own or artifact_of(model).path / "model.keras"
        with contextlib.suppress(OSError):
            state, policy = path.stat(), keras.config.dtype_policy().name
            backend.check_process()
            return _kept(os.fspath(model), path.resolve(), state.st_mtime_ns, state.st_size, policy)
        return load(model)
    if not isinstance(model, keras.Model):
        raise ValueError(f"model must be a model, its name or its folder: received {type(model).__name__}.")
    return model


@functools.lru_cache(maxsize=2)
def _kept(name: str, *state: Any) -> "keras.Model":
    return load(name)


def _own_file(name: str | os.PathLike) -> Path | None:
    """The path of a file of the user's own, as ``model.save`` writes it."""
    return Path(name) if str(name).endswith(".keras") and os.path.isfile(name) else None


def info(name: str | os.PathLike) -> dict[str, Any]:
    """The card of a trained model, and what its examples' licence asks for; without weights, what the catalogue knows.

    Examples:
        >>> import zoo
        >>> card = zoo.info("dense_ae.mnist")
        >>> card["parameters"], card["licence"], round(card["metrics"]["psnr"], 2)
        (1083696, 'Apache-2.0', 24.28)
    """
    text = os.fspath(name)
    if artifacts.split_name(text)[0] in CATALOG:
        text = ".".join(resolve(text))
        if text not in artifacts.names():
            spec = spec_of(text)
            return {"name": text, "description": spec.summary, "paper": spec.paper, "parameters": None}
    card = artifact_of(text).card
    asks = terms.asked(card.get("examples_licence"))
    return type(card)({**card, "examples_ask": asks}) if asks else card


def _checked(name: str, model_class: type, overrides: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a model's constructor by their names of now; refuses those that it does not take."""
    overrides = deprecations.current_arguments(model_class.__init__, overrides)
    # A model's own arguments and those it hands on to the class it extends.
    classes = [c for c in model_class.__mro__ if not c.__module__.startswith("keras.")]
    parameters = [p for c in classes for p in inspect.signature(c.__init__).parameters.values()]
    known = [*dict.fromkeys(p.name for p in parameters if p.kind is p.KEYWORD_ONLY), "name", "dtype"]
    if unknown := sorted(set(overrides) - set(known)):
        raise ValueError(f"{name} has no argument {', '.join(unknown)}: it takes {', '.join(known)}.")
    return overrides


def _read(path: Path) -> "keras.Model":
    """The model of a file, with the weights that the file holds."""
    import keras

    try:
        with warnings.catch_warnings():
            # Shipped files leave out the optimizer's slots, which Keras takes for a mistake.
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            model = keras.models.load_model(path, safe_mode=True)
        stored = _stored_shapes(path)
    except Exception as error:  # of zip, HDF5, JSON and Keras, whatever is wrong with a file
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise ValueError(f"{path} holds no model that can be loaded: {reason}") from None
    own = collections.Counter(tuple(weight.shape) for weight in model.weights)
    missing, unused = own - collections.Counter(stored), set(stored) - set(own)
    if not model.built or missing or unused:
        raise ValueError(
            f"{path} does not hold the weights of its model: expected {own.total()} arrays, found {len(stored)} "
            f"of which {own.total() - missing.total()} fit. Reinstall or retrain the model."
        )
    return model


def _stored_shapes(path: Path) -> list[tuple[int, ...]]:
    """Of the weights in a ``.keras`` file, without what is an optimizer's or a seed."""
    import h5py

    shapes = []

    def note(name, entry):
        first, *_ = name.split("/")
        if isinstance(entry, h5py.Dataset) and first != "vars" and not first.endswith("optimizer"):
            shapes.append(tuple(entry.shape))

    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
        file.visititems(note)
    return shapes


def _with_config(model: "keras.Model", overrides: dict[str, Any]) -> "keras.Model":
    try:
        changed = type(model).from_config({**model.get_config(), **overrides})
        changed.build()
        changed.set_weights(model.get_weights())
        if hasattr(model, "tokenizer"):  # which is neither configuration nor weights
            changed.tokenizer.set_tokenizer(model.tokenizer.tokenizer)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"The trained weights do not fit {overrides}: {error} Use pretrained=False.") from None
    changed.compile_from_config(model.get_compile_config())
    return changed
