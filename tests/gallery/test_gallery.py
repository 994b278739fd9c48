"""The gallery: complete, true to the cards, and in order in a browser."""

import html
import html.parser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import zoo
from zoo import artifacts, registry
from zoo.gallery import curves, site, usage, write_gallery
from zoo.gallery.figures import Figure, headlines, tables

NAMES = zoo.list_models(pretrained=True)
VOID = {"br", "hr", "img", "input", "line", "link", "meta", "polyline", "wbr"}
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


class Page(html.parser.HTMLParser):
    """What a page refers to, shows and says; tags have to be closed in the order that they were opened."""

    def __init__(self, path: Path):
        super().__init__()
        self.open, self.tags, self.references, self.ids = [], [], [], []
        self.images, self.data, self.text = [], [], ""
        self.feed(path.read_text())
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.references += [attributes[name] for name in ("href", "src") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "img":
            self.images.append(attributes)
        if tag == "data":
            self.data.append([float(attributes["value"]), ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1:] == ["data"]:
            self.data[-1][1] += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The site of all shipped models."""
    folder = tmp_path_factory.mktemp("gallery") / "site"
    paths = write_gallery(folder)
    assert paths[0] == folder / "index.html"
    assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
    return folder


@pytest.fixture(scope="module")
def pages(folder) -> dict[str, Page]:
    return {path.relative_to(folder).as_posix(): Page(path) for path in folder.rglob("*.html")}


def numbers(value) -> list[float]:
    """Every number that is somewhere in a value of JSON."""
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_every_shipped_model_has_a_page_and_a_card_on_the_index(folder, pages):
    assert set(pages) == {"index.html", *(f"models/{name}.html" for name in NAMES)}
    links = [reference for reference in pages["index.html"].references if reference.startswith("models/")]
    assert links == [f"models/{name}.html" for name in NAMES]
    for name in NAMES:
        assert (folder / f"pictures/{name}.png").read_bytes() == artifacts.find(name).file("preview.png").read_bytes()


def test_links_and_pictures_lead_somewhere_within_the_site(folder, pages):
    for name, page in pages.items():
        assert page.references and len(set(page.ids)) == len(page.ids)
        for reference in page.references:
            assert not re.match(r"[a-z]+:|/", reference), f"{name}: {reference} is not relative"
            target = ((folder / name).parent / reference).resolve()
            assert target.is_file() and target.is_relative_to(folder.resolve()), f"{name}: {reference}"
        for image in page.images:
            with Image.open((folder / name).parent / image["src"]) as picture:
                assert picture.size == (int(image["width"]), int(image["height"]))
            assert len(image["alt"]) > 20
    sheet = (folder / "style.css").read_text()
    assert "url(" not in sheet and "@import" not in sheet and "prefers-color-scheme: dark" in sheet


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_every_figure_of_the_card_and_what_else_it_says(name, pages):
    card, page = zoo.info(name), pages[f"models/{name}.html"]
    shown = {value for value, _ in page.data}
    assert set(numbers(card["metrics"])) <= shown
    certificate = Path(artifacts.find(name).path / "certificate.json")
    if certificate.is_file():
        found = json.loads(certificate.read_text())
        speed = {key: value for key, value in found["speed"].items() if key != "pixels"}  # of the picture, as text
        quantization, micro = found["quantization"], found.get("micro", {})  # LiteRT Micro takes no whole denoiser
        assert {*numbers(speed), *numbers(quantization), *numbers(micro), found["bytes"]} <= shown
        assert f"{sum(check['passed'] for check in found['checks'])} of {len(found['checks'])} passed" in page.text
    text = " ".join(page.text.split())
    for part in (card["description"], card["paper"], card["licence"], card["data"]["licence"]):
        assert " ".join(part.split()) in text
    for part in (card["training"]["command"], f'"{name}"', f"zoo train {name} -o mine", f"{card['parameters']:,}"):
        assert part in text
    if "knn5_accuracy" in card["metrics"]:  # beside what it takes no model for
        pixels, components = {"mnist": (96.8, 97.4), "fashion_mnist": (85.2, 85.1)}[card["data"]["source"]]
        assert f"of the raw pixels {pixels} %, of 32 principal components {components} %" in text
    assert page.tags.count("h1") == 1 and page.text.lstrip().startswith(name)


def test_written_figures_are_those_of_the_cards_rounded(pages):
    """Whatever is written is within half a unit of its last place of the exact figure, in per cent or not."""
    for page in pages.values():
        for value, written in page.data:
            number = re.match(r"-?[\d,]+(?:\.(\d+))?", written)
            exact = (value, 100 * value) if "%" in written else (value,)  # cards have shares, certificates per cent
            near = min(abs(float(number[0].replace(",", "")) - of) for of in exact)
            assert near <= 0.5000001 * 10.0 ** -len(number[1] or ""), (value, written)


def test_the_figures_of_the_index_are_the_headlines_of_the_cards(pages):
    shown = [value for value, _ in pages["index.html"].data]
    expected = []
    for name in NAMES:
        card = zoo.info(name)
        for figure in headlines(card["metrics"]):
            expected += [*([figure.before.value] if figure.before else []), figure.value]
        expected.append(card["parameters"])
    assert shown == expected


ATTACK = """"'></td><script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">{{ 7 * 7 }}"""


def attacked(value):
    """A value of JSON with an attack in all of its strings, and in the names of its figures."""
    if isinstance(value, dict):
        found = {key: attacked(inner) for key, inner in value.items()}
        return {**found, f"new {ATTACK}": 0.5} if all(isinstance(v, float) for v in found.values()) else found
    if isinstance(value, list):
        return [attacked(inner) for inner in value]
    return value + ATTACK if isinstance(value, str) else value


@pytest.mark.parametrize("name", ["dense_ae.mnist", "cgan.mnist", "text_ae.glosses"])
def test_no_markup_of_a_card_reaches_a_page(name, tmp_path, monkeypatch):
    folder = shutil.copytree(artifacts.find(name).path, tmp_path / "models" / name.replace(".", "/"))
    for path in folder.glob("*.json"):
        if path.name != artifacts.MANIFEST:
            path.write_text(json.dumps(attacked(json.loads(path.read_text()))))
    history = json.loads((folder / "history.json").read_text())
    (folder / "history.json").write_text(json.dumps({f"{key}{ATTACK}": values for key, values in history.items()}))
    artifacts.write_manifest(folder)
    monkeypatch.setattr(artifacts, "shipped_root", lambda: tmp_path / "models")
    for path in write_gallery(tmp_path / "site", [name]):
        if path.suffix != ".html":
            continue
        page, own = Page(path), path.read_text()
        assert ATTACK in page.text
        assert page.tags.count("script") == (path.name == "index.html") and own.count("<script>") == page.tags.count(
            "script"
        )
        assert "onerror" not in re.sub(r"&lt;img src=x onerror=alert", "", own)
        assert not any("javascript:" in reference for reference in page.references)


def test_figures_by_hand():
    metrics = {
        "psnr": 21.567,
        "gaussian_0.5": {"noisy_psnr": 9.374, "denoised_psnr": 20.37},
        "new_thing": 0.12346,
        "samples": {
            "images": 10000,
            "recall": {"mean": 0.9075, "min": 0.9034, "max": 0.9125},
            "real": {"recall": 0.9423},
            "classes": [0.25, 0.75],
        },
    }
    found = tables(metrics)
    assert [(label, figure.text) for label, figure in found["plain"]] == [("PSNR", "21.57 dB"), ("New thing", "0.1235")]
    ((noise, noisy, denoised),) = found["noises"]
    assert (noise, noisy.text, denoised.text) == ("Gaussian, σ\xa00.5", "9.37 dB", "20.37 dB")
    ((label, better, *spread),) = found["samples"]
    assert (label, better) == ("Recall", "higher")
    assert [figure.text for figure in spread] == ["90.8 %", "90.3 %", "91.2 %", "94.2 %"]
    assert [figure.text for figure in found["classes"]] == ["25.0 %", "75.0 %"]
    assert found["remarks"] == [("Images", Figure("samples.images", 10000))]
    first, second = headlines({"rouge_1": 0.3, "rouge_2": 0.1, "rouge_3": 0.2})
    assert (first.key, second.key) == ("rouge_1", "rouge_2"), "of unheard-of figures the first two"
    (pair, _) = headlines({"gaussian_0.5": metrics["gaussian_0.5"], "masking_0.5": metrics["gaussian_0.5"]})
    assert (pair.label, pair.before.value, pair.value) == ("Gaussian, σ\xa00.5: PSNR", 9.374, 20.37)


def test_others_are_compared_on_the_same_examples_alone():
    models = [
        site.describe(name) for name in ("dense_ae.mnist", "conv_vae.mnist", "tied_ae.mnist", "tied_ae.fashion_mnist")
    ]
    rows = site._comparison(models[0], models)["rows"]
    psnr = {name: zoo.info(name)["metrics"]["psnr"] for name in ("dense_ae.mnist", "tied_ae.mnist")}
    assert [row[0] for row in rows] == sorted(psnr, key=psnr.get, reverse=True)
    assert not site._comparison(models[1], models)["rows"], "alone on binary images"


def test_curves_keep_to_the_plot():
    (panel,) = curves.panels({"loss": [4.0, 2.0, float("nan"), 1.0], "val_loss": [5.0, 3.0, 2.0, 2.5]})
    assert panel.title == "loss" and panel.epochs == 4
    assert [(label, first, last) for label, _, first, last in panel.lines] == [
        ("training", 4, 1),
        ("validation", 5, 2.5),
    ]
    ticks = {float(tick): height for height, tick in panel.ticks}
    assert ticks[0] == curves.HEIGHT and ticks[6] == 0
    points = [tuple(map(float, point.split(","))) for point in panel.lines[0][1].split()]
    assert points == [(0, 50), (100, 100), (300, 125)]
    (flat,) = curves.panels({"accuracy": [1.0, 1.0]})
    assert all(0 <= height <= curves.HEIGHT for height, _ in flat.ticks)
    assert curves.panels({"loss": [float("inf")]}) == []


def test_tasks_are_what_the_classes_do():
    import keras

    from zoo import models

    denoisers = (models.DenoisingAE, models.DenoisingSignalAE, models.PhotoDenoiser)
    for name in NAMES:
        spec = registry.spec_of(name)
        found = {*spec.tasks}
        model_class = keras.saving.get_registered_object(f"zoo>{spec.class_path.partition(':')[2]}")
        assert ("generate" in found) == hasattr(model_class, "generate"), name
        assert ("denoise" in found) == issubclass(model_class, denoisers), name
        if model_class is not models.PhotoDenoiser:  # whose latents, with all their skips, are no code
            assert bool({"reconstruct", "summarize"} & found) == hasattr(model_class, "encode"), name
        coders = {"codec.npz", "lossless.npz", "text.npz", "latents.npz", "pixels.npz"} & set(
            artifacts.find(name).manifest
        )
        assert ("compress" in found) == bool(coders) == hasattr(model_class, "coder"), name
        assert ("classify" in found) == issubclass(model_class, models.Classifier), name
        assert ("map" in found) == issubclass(model_class, models.MapAE), name
        assert ("select" in found) == issubclass(model_class, models.ConcreteAE), name


def test_the_command_line_knows_every_line_of_the_pages():
    import typer.main

    from zoo.cli.app import app

    commands = typer.main.get_command(app).commands
    for name in NAMES:
        spec, card = registry.spec_of(name), zoo.info(name)
        lines = [line for line, _ in usage.commands(name, spec, card)]
        for line in [*lines, f"zoo train {name} -o mine"]:
            program, command, *arguments = shlex.split(line)
            assert program == "zoo"
            commands[command].make_context(command, arguments)  # raises where an option or argument is not known


@pytest.mark.slow
def test_the_python_of_the_pages_runs(run_python, tmp_path):
    snippets = {}
    for name in NAMES:
        code = usage.python(name, registry.spec_of(name))
        compile(code, name, "exec")
        snippets[code.replace(name, "")] = code  # one of each kind
    run_python("\n".join(snippets.values()), cwd=tmp_path)


def test_loads_neither_tensorflow_nor_matplotlib(run_python, tmp_path):
    heavy = run_python(
        f"import sys, zoo\nzoo.gallery.write_gallery({str(tmp_path / 'site')!r}, ['compressor', 'dcgan.mnist'])\n"
        "print({'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib'} & set(sys.modules))",
        bare=True,
    )
    assert heavy.strip() == "set()"


def test_a_site_of_some_models_leaves_other_files_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    paths = write_gallery(tmp_path, ["dcgan", "dcgan.fashion_mnist", "vae.mnist"])  # the first two are one
    assert {path.name for path in paths if path.suffix == ".html"} == {
        "index.html", "dcgan.fashion_mnist.html", "vae.mnist.html",
    }  # fmt: skip
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
    before = {path: path.read_bytes() for path in paths}
    write_gallery(tmp_path, ["dcgan", "vae.mnist"])
    assert before == {path: path.read_bytes() for path in paths}, "the same cards give the same bytes"


def test_nothing_is_written_where_a_model_is_damaged(tmp_path, monkeypatch):
    copy = tmp_path / "models"
    for name in ("dcgan.mnist", "gan.mnist"):
        path = artifacts.find(name).path
        shutil.copytree(path, copy / path.parent.name / path.name)
    (copy / "gan/mnist/card.json").write_text("{}")
    monkeypatch.setattr(artifacts, "shipped_root", lambda: copy)
    with pytest.raises(ValueError, match=r"card\.json is corrupt"):
        write_gallery(tmp_path / "site")
    assert os.listdir(tmp_path) == ["models"]


def test_a_model_of_texts_shows_what_it_makes_of_some(tmp_path, monkeypatch):
    folder = tmp_path / "models/text_ae/glosses"
    folder.mkdir(parents=True)
    card = zoo.info("dcgan.mnist") | {
        "name": "text_ae.glosses",
        "architecture": "text_ae",
        "tag": "glosses",
        "input_shape": [32],
        "metrics": {"words_recovered": 0.9876, "sentences_recovered": 0.75, "short_sentences": 1234},
        "examples": [{"sentence": "less than <two>", "restored": "less than & two"}],
    }
    (folder / "card.json").write_text(json.dumps(card))
    artifacts.write_manifest(folder)
    monkeypatch.setattr(artifacts, "shipped_root", lambda: tmp_path / "models")
    write_gallery(tmp_path / "site")
    page = Page(tmp_path / "site/models/text_ae.glosses.html")
    assert [written for _, written in page.data[:2]] == ["98.8 %", "75.0 %"] and not page.images
    for part in ("less than <two>", "less than & two", "drawn at random: 1", "model.reconstruct(", "Codes"):
        assert part in page.text
    assert not re.search("zoo (generate|embed|denoise|compress)", page.text)


@pytest.mark.parametrize(
    "names, message",
    [
        (["dcgam"], "Unknown model 'dcgam': did you mean dcgan"),
        (["dcgan.cifar"], "Unknown model 'dcgan.cifar'"),
        ([], "names must hold at least one model: received none"),
    ],
)
def test_bad_names(names, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_gallery(tmp_path / "site", names)
    assert not os.listdir(tmp_path)


def test_an_untrained_model_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "names", lambda: ["dcgan.mnist"])
    with pytest.raises(ValueError, match="gan.mnist comes without trained weights"):
        write_gallery(tmp_path / "site", ["gan.mnist"])


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from zoo.cli import main; main()", "gallery", *arguments]
    path = str(Path(zoo.__file__).parents[1])
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, "PYTHONPATH": path})


def test_the_command(tmp_path):
    process = run("-o", "site", "--models", "*denoising*", "--json", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    printed = json.loads(process.stdout)
    names = zoo.list_models("*denoising*", pretrained=True)
    assert printed["names"] == names and printed["models"] == len(names)
    assert printed["open"] == os.path.join("site", "index.html")
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert printed["files"] == len(files) and printed["bytes"] == sum(path.stat().st_size for path in files)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["-o", "file"], "zoo: Cannot write the gallery to file: it is a file; give a folder."),
        (["-o", "file/site", "--models", "gan"], "zoo: Cannot write into file/site: Not a directory."),
        (["-o", "site", "--models", "lion"], "zoo: models must match the name of a trained model: received 'lion'. "
         "`zoo list --pretrained` shows them."),
        (["-o", "site", "--litert", "."], "zoo: --litert is for the live page: give --live too."),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_status_2(arguments, message, tmp_path):
    (tmp_path / "file").write_text("")
    process = run(*arguments, cwd=tmp_path)
    assert process.returncode == 2 and not process.stdout
    assert process.stderr.splitlines() == [message]
    assert os.listdir(tmp_path) == ["file"]


# Put into a page: the first before all else, the second at its end, which writes what it sees into the page.
HOOK = """<script>
window.seen = [];
addEventListener("error", event => seen.push(String(event.message || event.target.src)), true);
</script>"""
LOOK = """<script>
function look() {
  const result = {errors: seen, images: document.images.length,
    broken: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
    overflow: document.documentElement.scrollWidth - innerWidth,
    background: getComputedStyle(document.body).backgroundColor};
  const form = document.getElementById("filter");
  if (form) {
    const titles = [...document.querySelectorAll(".card h2")];
    const shown = () => titles.filter(title => title.offsetParent).map(title => title.textContent);
    const task = value => {
      form.querySelector(`[name=task][value="${value}"]`).click();
      return shown();
    };
    const after = (name, value) => {
      form[name].value = value;
      form.dispatchEvent(new Event("input"));
      return shown();
    };
    result.all = shown();
    result.denoise = task("denoise");
    result.words = after("text", "SPEECH brown");
    result.none = after("text", "speech lion");
    result.said = document.getElementById("count").textContent;
    after("text", "");
    task("");
    result.source = after("source", "spoken_digit");
  }
  const written = document.createElement("pre");
  written.id = "result";
  written.textContent = JSON.stringify(result);
  document.body.append(written);
}
addEventListener("load", look);
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")
def test_a_browser_shows_the_pages_without_errors(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "site")
    command = [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--v=0"]
    command += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900"]
    command += ["--virtual-time-budget=20000", "--dump-dom"]
    results = {}
    for name in ("index.html", "models/denoising_ae.mnist.html"):
        path = copy / name
        page = path.read_text().replace(' loading="lazy"', "")  # the event of having loaded waits for all pictures then
        path.write_text(page.replace("<head>", f"<head>{HOOK}").replace("</body>", f"{LOOK}</body>"))
        process = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=300)
        assert "CONSOLE" not in process.stderr, process.stderr
        (written,) = re.findall(r'<pre id="result">(.*?)</pre>', process.stdout, re.S)
        results[name] = json.loads(html.unescape(written))
    for result in results.values():
        assert result["errors"] == [] and result["broken"] == [] and result["overflow"] <= 0
        assert result["background"] == "rgb(255, 255, 255)", "the style sheet is there"
    index = results["index.html"]
    assert index["images"] == len(NAMES) and results["models/denoising_ae.mnist.html"]["images"] == 1
    assert index["all"] == NAMES
    assert index["denoise"] == [name for name in NAMES if "denoise" in registry.spec_of(name).tasks]
    assert index["words"] == ["denoising_signal_ae.spoken_digit"]
    assert index["none"] == [] and index["said"].startswith("No model matches")
    assert index["source"] == [name for name in NAMES if zoo.info(name)["data"]["source"] == "spoken_digit"]


def test_models_of_elsewhere_have_pages_too(hub, tmp_path):
    """A folder and an address, beside the zoo's own model; no page takes another's place."""
    import zoo
    from zoo import artifacts

    folder = shutil.copytree(artifacts.find("beta_vae.mnist").path, tmp_path / "mine")
    zoo.push(folder, "hf://owner/mine")
    paths = write_gallery(tmp_path / "site", ["beta_vae.mnist"], also=[folder, "hf://owner/mine"])
    pages = sorted(path.name for path in paths if path.parent.name == "models")
    assert pages == ["beta_vae.mnist.html", "mine-2.html", "mine.html"]
    text = (tmp_path / "site/models/mine-2.html").read_text()
    assert "zoo.load(&#34;hf://owner/mine&#34;)" in text and "<h1>mine-2</h1>" in text
    assert "credit them, link the licence" in text, "what the examples ask"
    index = (tmp_path / "site/index.html").read_text()
    assert all(f'href="models/{page}"' in index for page in pages)
