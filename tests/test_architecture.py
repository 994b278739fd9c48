"""The shape of the package: who may import whom, what stays lazy, and that all tables agree."""

import ast
import importlib
import importlib.metadata
import inspect
import json
import re
import runpy
import sys
from pathlib import Path

import keras
import pytest

import zoo
from zoo import artifacts, extras, folded
from zoo.codec import models
from zoo.registry import CATALOG

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "zoo"
# From top to bottom; a module imports only from its own package or from a line below its own.
RANKS = (
    {"__main__"},
    {"cli"},
    {"demo", "experiments", "gallery"},
    {"detection"},
    {"packaging"},
    {"training", "embedding", "denoising", "generation", "selection"},
    {"exporting"},
    {"tasks"},
    {"modalities"},
    {"evaluation", "maps", "summarization", "sharing"},
    {"registry"},
    {"pages", "plots", "sklearn"},
    {"models"},
    {"data"},
    {"losses", "regularizers", "layers", "optimizers"},
    {"codec"},
    {"artifacts"},
    {"io"},
    {"backend"},
    {"deprecations", "extras", "folded"},
)
RANK = {name: rank for rank, names in enumerate(RANKS) for name in names}
TENSORFLOW = {"tensorflow", "tensorflow_datasets"}
TENSORFLOW_AT_HOME = {"backend", "data", "training", "exporting"}
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imported_modules(source: str) -> set[str]:
    """Dotted names of all that a module imports, inside functions too."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return modules


def parts_of_zoo(source: str) -> set[str]:
    """First components below ``zoo`` that a module imports; "zoo" stands for the package itself."""
    parts = set()
    for module in imported_modules(source):
        root, _, rest = module.partition(".")
        if root != "zoo" or rest.startswith("__"):  # zoo.__version__ is there before any submodule
            continue
        name = rest.partition(".")[0]
        value = getattr(zoo, name) if name in zoo.__all__ else None
        parts.add(name or "zoo" if value is None or inspect.ismodule(value) else value.__module__.split(".")[1])
    return parts


def part_of(file: str) -> str:
    return file.partition("/")[0].removesuffix(".py")


def test_imports_are_read_as_python_reads_them():
    source = (
        "import zoo.data.images as i\nfrom zoo import load, artifacts, __version__\n"
        "def f():\n    from zoo.cli.console import emit\n    import zoo\n"
    )
    assert parts_of_zoo(source) == {"data", "registry", "artifacts", "cli", "zoo"}


@pytest.mark.parametrize("file", FILES)
def test_imports_point_down(file):
    part, imported = part_of(file), parts_of_zoo((PACKAGE / file).read_text())
    if part == "__init__":
        assert imported == {"deprecations", "extras"}, "the package itself imports its parts lazily, by name"
        return
    assert part in RANK, f"zoo/{part} has no rank: add it to RANKS and to the README's layout"
    # The commands and the demo are users of the package: they go through its front door.
    allowed = {"zoo"} if part in ("cli", "demo") else set()
    upward = {other for other in imported - {part} - allowed if other not in RANK or RANK[other] <= RANK[part]}
    assert not upward, f"zoo/{file} imports {sorted(upward)}, not below zoo/{part}"


@pytest.mark.parametrize("file", [f for f in FILES if part_of(f) not in TENSORFLOW_AT_HOME])
def test_tensorflow_stays_where_it_belongs(file):
    roots = {module.split(".")[0] for module in imported_modules((PACKAGE / file).read_text())}
    assert not roots & TENSORFLOW, f"only zoo/{sorted(TENSORFLOW_AT_HOME)} import TensorFlow"


# One of Keras' backends is imported by its own side of `zoo.backend`, and by what is imported with that one alone.
BACKENDS = {
    "tensorflow": {
        *("backend/tensorflow.py", "backend/convolution.py", "backend/replicas.py"),
        *("data/tensorflow_pipeline.py", "training/multiworker.py"),
    },
    "jax": {"backend/jax.py"},
    "torch": {"backend/torch.py", "experiments/pytorch_speed.py"},
}


@pytest.mark.parametrize("file", FILES)
def test_no_backend_is_imported_but_by_its_own_files(file):
    """As a module is imported: what a function imports, it needs by itself."""
    body = ast.parse((PACKAGE / file).read_text()).body
    imports = [ast.unparse(node) for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    roots = {module.split(".")[0] for line in imports for module in imported_modules(line)}
    assert roots & {*BACKENDS} == {name for name, files in BACKENDS.items() if file in files}
    own = {f"zoo.{other.removesuffix('.py').replace('/', '.')}" for other in BACKENDS["tensorflow"]}
    if file not in BACKENDS["tensorflow"]:
        assert not {module for line in imports for module in imported_modules(line)} & own


@pytest.mark.parametrize(
    "use",
    [
        "zoo.list_models()",
        "zoo.list_models(pretrained=True)",
        "zoo.info('conv_ae')",
        "zoo.Codec",
        "zoo.CodecError",
        "zoo.codec",
        "zoo.artifacts.names()",
        "zoo.push, zoo.pull",
    ],
)
def test_loads_neither_tensorflow_nor_keras(run_python, use):
    heavy = run_python(
        f"import sys, zoo\n{use}\n"
        "print({'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib'} & set(sys.modules))",
        bare=True,
    )
    assert heavy.strip() == "set()"


@pytest.fixture
def requirements(monkeypatch) -> dict[str, set[str]]:
    """Extra → names of the distributions that ``setup.py`` lists for it; "" for those of the base."""
    settings = {}
    monkeypatch.setattr("setuptools.setup", lambda **options: settings.update(options))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    lists = {"": settings["install_requires"], **settings["extras_require"]}
    return {extra: {normal(re.match(r"[\w-]+", text)[0]) for text in texts} for extra, texts in lists.items()}


def normal(distribution: str) -> str:
    return re.sub("[-_.]+", "-", distribution).lower()


def test_every_module_that_is_imported_is_declared(requirements):
    apart = "experiments/pytorch_speed.py"  # a script for a Python of its own
    assert "imports nothing of this package" in (PACKAGE / apart).read_text()
    roots = {m.split(".")[0] for f in FILES if f != apart for m in imported_modules((PACKAGE / f).read_text())}
    distributions = importlib.metadata.packages_distributions()
    third_party = roots - sys.stdlib_module_names - {"zoo"}
    for module in third_party:
        # Of Keras' other backends, which are called as their modules, the environment of the tests has none.
        names = {normal(name) for name in distributions.get(module, {module} & {"jax", "torch"})}
        extra = extras.EXTRA.get(module, "")
        assert names & requirements[extra], f"setup.py lists none of {names} for the extra {extra!r}, for {module}"
        assert not extra or not names & requirements[""], f"{module} is of the base: zoo/extras.py has it too"
    sources = " ".join((PACKAGE / file).read_text() for file in FILES if file != "extras.py")
    for module in set(extras.EXTRA) - third_party:  # one that is imported by a string, or run as a program
        assert re.search(rf'"{module}["\.]', sources), f"nothing imports {module}: zoo/extras.py has it"


def test_each_requirement_stands_once_and_dev_has_what_the_tests_use(requirements):
    constants = (n.value for n in ast.walk(ast.parse((ROOT / "setup.py").read_text())) if isinstance(n, ast.Constant))
    strings = [text for text in constants if isinstance(text, str) and re.match(r"[\w-]+(\[\w+\])?>=\d", text)]
    names = [normal(re.match(r"[\w-]+", text)[0]) for text in strings]
    assert sorted(names) == sorted(set(names)) and len(names) > 30
    known = {"tensorflow", "jax", "torch", "text", "audio", "micro", "maps", "hub", "benchmark", "docs", "dev"}
    known |= {"heic", "m4a"}
    assert set(requirements) == {"", *known, "edge", "gans", "tune"}
    used = set.union(*(requirements[extra] for extra in known - {"jax", "torch"}))
    assert requirements["dev"] == used
    heavy = {"tensorflow", "tensorflow-datasets", "keras", "scikit-learn", "scipy", "matplotlib"}
    assert not heavy & requirements[""] and heavy < requirements["tensorflow"]


@pytest.mark.parametrize(
    ("use", "line"),
    [
        *(
            (
                f"zoo.load('conv_ae', pretrained={x})",
                "A model needs TensorFlow: pip install 'autoencoder-zoo[tensorflow]'.",
            )
            for x in (True, False)
        ),
        ("zoo.export", "zoo.export needs TensorFlow: pip install 'autoencoder-zoo[tensorflow]'."),
        ("from zoo import models", "zoo.models needs TensorFlow: pip install 'autoencoder-zoo[tensorflow]'."),
        (
            "zoo.Codec('summarizer').compress_text('A text.')",
            "The tokenizer of texts needs sentencepiece: pip install 'autoencoder-zoo[text]'.",
        ),
        (
            "from zoo.io import audio; audio.writer(None, 8000)",
            "Reading or writing sounds needs soundfile: pip install 'autoencoder-zoo[audio]'.",
        ),
    ],
)
def test_what_lacks_its_extra_says_which_to_install(run_python, use, line):
    code = f"""
import sys
for name in {sorted(extras.EXTRA)}:
    sys.modules[name] = None  # importing it raises ImportError
import zoo
try:
    exec({use!r})
except (ValueError, ImportError) as error:
    assert isinstance(error, ValueError) and isinstance(error, ImportError)
    print(error)
"""
    assert run_python(code, bare=True).strip() == line


def test_an_import_that_fails_for_another_reason_is_not_explained():
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"), extras.needed("It"):
        from keras import nonsense  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match="No module named 'unheard_of'"), extras.needed("It"):
        import unheard_of  # noqa: F401


def test_codec_works_where_tensorflow_is_not_installed(run_python):
    """On a device there are NumPy, a LiteRT interpreter, constriction and Pillow, and no more."""
    code = """
import sys
from zoo import extras
for name in extras.EXTRA:
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
import zoo
images = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
for name in ("compressor", "conv_ae", "hierarchical_vae"):
    codec = zoo.Codec(name)
    restored = codec.decompress(codec.compress(images))
    assert not codec.lossless or (restored == images).all()
print(restored.shape, restored.dtype)
"""
    assert run_python(code, bare=True).strip() == "(3, 40, 30, 3) uint8"


def test_tests_mirror_the_package():
    """A folder of tests for each folder of the package, and no name twice, so that every file can be run alone.

    What runs on each of Keras' backends is a command of its own: ``conformance``.
    """
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in files}
    assert folders <= {".", "conformance", *(path.name for path in PACKAGE.iterdir() if path.is_dir())}
    assert len({path.name for path in files}) == len(files)


def test_public_names_resolve():
    assert {"load", "list_models", "info", "export", "Codec"} <= {*zoo.__all__} & {*dir(zoo)}
    for name in zoo.__all__:
        value = getattr(zoo, name)
        assert value.__name__ == (f"zoo.{name}" if inspect.ismodule(value) else name)
    with pytest.raises(AttributeError, match="zoo attribute nonsense"):
        zoo.nonsense  # noqa: B018 - the access is what is tested


def registered_classes() -> set[str]:
    """``module:Class`` of every class that a model file registers with Keras."""
    return {
        f"zoo.{path.relative_to(PACKAGE).with_suffix('').as_posix().replace('/', '.')}:{node.name}"
        for path in (PACKAGE / "models").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any("register_keras_serializable" in ast.unparse(d) for d in node.decorator_list)
    }


def test_catalogue_and_model_files_agree():
    assert {spec.class_path for spec in CATALOG.values()} == registered_classes()


@pytest.mark.parametrize("architecture", CATALOG)
def test_catalogue_row_names_a_registered_class(architecture):
    module, _, name = CATALOG[architecture].class_path.partition(":")
    model_class = getattr(importlib.import_module(module), name)
    assert issubclass(model_class, keras.Model)
    assert keras.saving.get_registered_name(model_class) == f"zoo>{name}"
    assert module.rsplit(".", 1)[1] == architecture, "the file is named as the architecture"
    assert architecture.replace("_", "") == name.lower(), "snake_case of the class"
    assert CATALOG[architecture].tags, "at least one trained tag"


def test_catalogue_and_savedmodels_agree():
    catalogue = {f"{name}.{tag}" for name, spec in CATALOG.items() for tag in spec.tags}
    folders = {f"{path.parent.name}.{path.name}" for path in (ROOT / "savedmodels").glob("*/*") if path.is_dir()}
    assert folders <= catalogue, "a folder of weights without its row"
    assert set(artifacts.names()) == set(zoo.list_models(pretrained=True)) == folders


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_manifest_and_files_agree(name):
    architecture, tag = artifacts.split_name(name)
    folder = ROOT / "savedmodels" / architecture / tag
    artifact = artifacts.find(name)
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    restored = {file.removesuffix(folded.SUFFIX) for file in present if file.endswith(folded.SUFFIX)}
    assert set(artifact.manifest) == (present | restored) - {artifacts.MANIFEST}
    assert not any(file.endswith(".tflite") for file in present), "fold it: zoo.packaging.folding.fold(folder)"
    for file in artifact.manifest:
        artifact.file(file)  # compares the digest
    assert {"model.keras", "card.json", "golden.npz", "preview.png"} <= present
    assert artifact.declares("codec") and bool(models.declaration_of(artifact)) == CATALOG[architecture].compresses


@pytest.mark.parametrize("name", zoo.list_models(pretrained=True))
def test_card_says_what_the_model_is(name):
    card = zoo.info(name)
    assert card["name"] == name
    assert f"{card['architecture']}.{card['tag']}" == name
    assert card["parameters"] > 0 and card["metrics"]
    assert card["licence"] == "Apache-2.0" and card["data"]["licence"] and card["data"]["fingerprint"]
    # Weights and examples apart; a generator's folder holds images of its own alone.
    generated = CATALOG[card["architecture"]].tasks == ("generate",)
    assert card.get("examples_licence") == (None if generated else card["data"]["licence"])
    assert {"command", "seed", "epochs", "seconds", "versions"} <= set(card["training"])
    assert json.loads(json.dumps(card)) == card


CONCRETE = {spec.class_path.partition(":")[2] for spec in CATALOG.values()}


def branches_on_classes(source: str) -> set[str]:
    """Names of the catalogue's classes that a module asks an object's type for."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            asked = node.args[1:]
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node.left):
            asked = node.comparators
        elif isinstance(node, ast.match_case):
            asked = [node.pattern]
        else:
            continue
        for name in (n for part in asked for n in ast.walk(part)):
            found |= {getattr(name, "id", None), getattr(name, "attr", None)} & CONCRETE
    return found


def test_branches_on_classes_are_found():
    source = "def f(m):\n    if isinstance(m, (models.MapAE, int)) or type(m) is VAE or issubclass(m, dict): pass"
    assert branches_on_classes(source) == {"MapAE", "VAE"}


@pytest.mark.parametrize("file", [f for f in FILES if part_of(f) != "models"])
def test_only_models_know_their_classes(file):
    """What a model is made for says its row of the catalogue: ``zoo.tasks`` and ``zoo.modalities`` go by that."""
    assert not branches_on_classes((PACKAGE / file).read_text())


# Whose signatures are not annotated throughout yet; no part joins them.
NOT_ANNOTATED = {"data", "evaluation", "models", "training"}


def unannotated(function) -> list[str]:
    """Names of the arguments, and "return", that have no annotation."""
    signature = inspect.signature(inspect.unwrap(function), follow_wrapped=False)
    found = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name not in ("self", "cls")]
    return found + ["return"] * (signature.return_annotation is signature.empty and function.__name__ != "__init__")


def inherited(cls: type, name: str) -> bool:
    """Whether a class of the zoo that another extends has a method, and so its annotations."""
    return name != "__init__" and any(name in vars(c) for c in cls.__mro__[1:] if c.__module__.startswith("zoo."))


@pytest.mark.parametrize("part", sorted({name for name in zoo.__all__ if inspect.ismodule(getattr(zoo, name))}))
def test_what_is_public_is_annotated(part):
    module, missing = getattr(zoo, part), {}
    public = getattr(module, "__all__", None) or [n for n, v in vars(module).items() if inspect.getmodule(v) is module]
    for name in (name for name in public if not name.startswith("_")):
        value = getattr(module, name)
        functions = {name: value} if inspect.isfunction(value) else {}
        if inspect.isclass(value):
            functions = {
                f"{name}.{key}": getattr(attribute, "fget", None) or getattr(attribute, "__func__", attribute)
                for key, attribute in vars(value).items()
                if (not key.startswith("_") or key in ("__init__", "__call__")) and not inherited(value, key)
            }
        for key, function in functions.items():
            if (
                inspect.isfunction(function)
                and function.__module__.startswith("zoo.")
                and (gaps := unannotated(function))
            ):
                missing[key] = gaps
    assert not missing or part in NOT_ANNOTATED, missing
    assert missing or part not in NOT_ANNOTATED, f"zoo.{part} is annotated: take it out of NOT_ANNOTATED"
