"""Models of texts: their tokenizer, their layers, sentences to codes and back, and summaries."""

import importlib.metadata
import itertools
import json

import keras
import numpy as np
import pytest
import small
from checks import check_gradients, check_layer

import zoo
from zoo import data, evaluation, layers, packaging, plots, training
from zoo.cli import main
from zoo.codec.tokenizer import END, PAD, START, Tokenizer
from zoo.data import text
from zoo.data.sentences import likeness, most_alike, shortened
from zoo.models import Summarizer, TextAE
from zoo.models.autoencoders.summarizer import draw
from zoo.registry import CATALOG
from zoo.training.weights import rounded

VOCABULARY = small.VOCABULARY
SENTENCES = small.sentences(400)
PAIRS = [text.Pair(f"{a}. {b}.", " ".join(a.split()[:2]), "p") for a, b in itertools.pairwise(SENTENCES[:9])]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return small.tokenizer()


def compiled(name: str, learning_rate: float) -> keras.Model:
    model = small.SMALL[name]()
    model.build()
    model.compile(keras.optimizers.Adam(learning_rate))
    return model


@pytest.fixture
def sentences() -> TextAE:
    return compiled("text_ae", 3e-3)


@pytest.fixture
def summarizer() -> Summarizer:
    return compiled("summarizer", 1e-3)


def test_every_model_of_texts_is_checked_here():
    assert {name for name, spec in CATALOG.items() if spec.modality == "text"} == {"text_ae", "summarizer"}


@pytest.mark.parametrize(
    "written",
    ["the cat", " the  cat\n\tsees ", "", "no such Words, Ünïcode ✓ and 日本語", "12.5", "a\x00b\r\n"],
)
def test_pieces_give_every_text_back(tokenizer, written):
    assert tokenizer.decode(tokenizer.encode(written)) == written


def test_pieces_in_a_row_of_fixed_length(tokenizer):
    rows = tokenizer.padded(["the cat", "a " * 50, ""], 6)
    assert rows.dtype == np.int32 and rows.shape == (3, 6) and (rows[2] == [END, *[PAD] * 5]).all()
    assert END in rows[0] and rows[1, -1] == END and tokenizer.decode(rows[0]) == "the cat"
    assert tokenizer.decode(tokenizer.byte_pieces[list("é".encode())]) == "é"


def test_a_tokenizer_is_set_by_its_old_name_too(tokenizer):
    layer = layers.TextTokenizer(small.VOCABULARY)
    with pytest.warns(FutureWarning, match="TextTokenizer.take is now TextTokenizer.set_tokenizer"):
        layer.take(tokenizer)
    with pytest.warns(FutureWarning, match="TextTokenizer.pieces is now TextTokenizer.tokenizer"):
        assert layer.pieces is layer.tokenizer is tokenizer


def test_damaged_tokenizers_and_too_few_words_are_refused():
    with pytest.raises(ValueError, match="The tokenizer is damaged"):
        Tokenizer(b"no tokenizer")
    layer = layers.TextTokenizer(8192)
    with pytest.raises(ValueError, match="knows no tokens yet: call tokenizer.adapt"):
        layer.tokenizer  # noqa: B018
    with pytest.raises(ValueError, match="must have enough words for a vocabulary_size of 8192"):
        layer.adapt(SENTENCES)


def test_binding_sums_what_is_bound_and_reads_it_back():
    x = np.random.default_rng(0).standard_normal((2, 5, 4096)).astype(np.float32)
    check_layer(lambda: layers.PositionBinding(5, 16), x[..., :16])
    layer = layers.PositionBinding(5, 4096)
    bound = np.asarray(layer(x))
    keys = np.asarray(layer(np.ones((1, 4096), np.float32), reverse=True))[0]
    assert set(np.unique(keys)) == {-1, 1}
    np.testing.assert_allclose(bound, (x * keys).sum(axis=1), atol=1e-4)
    # What is read of a place is its vector, and noise of the others without bias: four times its power.
    noise = np.asarray(layer(bound, reverse=True)) - x
    assert abs(noise.mean()) < 0.02 and (noise**2).mean() == pytest.approx(4, rel=0.05)
    alone = layer(x, np.array([[1, 0, 0, 0, 0]] * 2))
    np.testing.assert_allclose(layer(alone, reverse=True)[:, 0], x[:, 0], atol=1e-5)


def test_places_are_added_and_short_sequences_have_the_first():
    x = np.random.default_rng(0).random((2, 5, 8), dtype=np.float32)
    check_layer(lambda: layers.PositionEmbedding(5, 8, scale=3.0), x)
    layer = layers.PositionEmbedding(5, 8, scale=3.0)
    table = np.asarray(layer(x)) - 3 * x
    np.testing.assert_allclose(table[0], table[1], atol=1e-5)
    np.testing.assert_allclose(layer(x[:, :2]) - 3 * x[:, :2], table[:, :2], atol=1e-5)


def test_the_attention_block_is_that_of_the_papers():
    x = np.random.default_rng(0).standard_normal((2, 5, 8)).astype(np.float32)
    check_layer(lambda: layers.AttentionBlock(8, heads=2), x)
    layer, mask = layers.AttentionBlock(8, heads=2), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    found = np.asarray(layer(x, mask))
    weights = {w.path.split("/", 1)[-1]: np.asarray(w) for w in layer.weights}
    query, key, value, out = (
        next(w for path, w in weights.items() if path.endswith(f"{name}/kernel"))
        for name in ("query", "key", "value", "attention_output")
    )

    def normal(a):
        return (a - a.mean(-1, keepdims=True)) / np.sqrt(a.var(-1, keepdims=True) + 1e-5)

    q, k, v = (np.einsum("btd,dhe->bhte", normal(x), w) for w in (query, key, value))
    scores = np.where(mask[:, None, None], np.einsum("bhte,bhse->bhts", q, k) / 2, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    y = x + np.einsum("bhts,bhse,hed->btd", scores, v, out)
    hidden = np.maximum(normal(y) @ np.asarray(layer.hidden.kernel), 0)
    np.testing.assert_allclose(found, y + hidden @ np.asarray(layer.out.kernel), atol=1e-4)
    with pytest.raises(ValueError, match="heads must divide units, 8: received 3"):
        layers.AttentionBlock(8, heads=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sentences", "summarizer"])
def test_reload_in_a_fresh_process(name, request, tmp_path, run_python):
    model = request.getfixturevalue(name)
    assert type(model).from_config(model.get_config()).get_config() == model.get_config()
    rows = model.tokens(SENTENCES[:40] if name == "sentences" else PAIRS)
    model.fit(rows, epochs=2, validation_data=(rows[::-1].copy(),), verbose=0)
    path, codes = tmp_path / "model.keras", np.asarray(model.encode(SENTENCES[:3]))
    model.save(path)
    np.savez(tmp_path / "case.npz", rows=rows, codes=codes, written=np.array(model.write(SENTENCES[:3])))
    run_python(
        f"""
import keras, numpy as np, zoo.models
model = keras.models.load_model({str(path)!r})
case = np.load({str(tmp_path / "case.npz")!r})
np.testing.assert_allclose(model.encode({SENTENCES[:3]!r}), case["codes"], atol=1e-5)
assert model.write({SENTENCES[:3]!r}) == list(case["written"])
assert int(model.optimizer.iterations) > 1, "the optimizer's state was lost"
assert np.isfinite(model.fit(case["rows"], verbose=0).history["loss"]).all()
"""
    )


def cross_entropy(logits, targets):
    logits = logits - logits.max(axis=-1, keepdims=True)
    log_likelihood = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_likelihood, targets[..., None].astype(int), axis=-1)[..., 0]


def test_the_loss_of_sentences_is_the_cross_entropy_of_all_but_padding(sentences, eagerly):
    rows = sentences.tokens(SENTENCES[:7])
    logits = np.asarray(sentences(rows), np.float64)
    assert logits.shape == (7, 12, VOCABULARY)
    loss, accuracy = sentences.evaluate(rows, verbose=0)
    assert loss == pytest.approx(cross_entropy(logits, rows)[rows != PAD].mean(), rel=1e-4)
    assert accuracy == pytest.approx((logits.argmax(-1) == rows)[rows != PAD].mean(), abs=1e-5)


def test_pieces_are_hidden_in_training_only(tokenizer):
    model = TextAE(**{**small.TEXT_AE, "hidden_tokens": 0.9})
    model.build()
    rows = tokenizer.padded(SENTENCES[:4], 12)
    np.testing.assert_array_equal(model(rows), model(rows))
    first, second = (np.asarray(model.logits(model(rows, training=True))) for _ in range(2))
    assert (first != second).any() and np.abs(first - np.asarray(model(rows))).max() > 1e-3


@pytest.mark.slow
def test_sentences_that_are_learned_come_back(sentences):
    pieces = sentences.tokenizer.tokenizer
    few = [sentence for sentence in SENTENCES if len(pieces.encode(sentence)) < 12][:12]  # which fit
    sentences.optimizer.learning_rate = 1e-2
    sentences.fit(few, epochs=120, batch_size=12, verbose=0)
    restored = sentences.reconstruct(few)
    assert evaluation.recovered_words(few, restored) > 0.9
    assert sentences.decode(sentences.encode(few)) == restored
    between = sentences.interpolate(few[0], few[1], 5)
    assert between[0] == restored[0] and between[-1] == restored[1] and len(between) == 5
    (near,) = sentences.nearest([few[3]], few, 2)
    assert near[0][1] == few[3] and near[0][0] == pytest.approx(1, abs=1e-5) and near[1][0] < near[0][0]
    check_gradients(sentences.decoder, np.asarray(sentences.encode(few)))


def test_recovered_words_by_hand():
    assert evaluation.recovered_words(["a b c", "d"], ["a x c", "e"]) == 0.5
    assert evaluation.recovered_words(["a b"], ["b a b"]) == 0
    with pytest.raises(ValueError, match="restored must be as many as originals, 1: received 2"):
        evaluation.recovered_words(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="at least one word"):
        evaluation.recovered_words([""], ["a"])


def test_the_loss_of_the_summariser(summarizer, eagerly):
    """By NumPy, from what ``call`` gives: prose, summaries by writing or copying, and codes that find each other."""
    rows = summarizer.tokens(PAIRS)
    paired = rows[:, 20] != PAD
    assert 0 < paired.sum() < len(rows) and paired.sum() == len(PAIRS)
    language, found, attention, copying, z, own = (np.asarray(part, np.float64) for part in summarizer(rows))
    logits = [np.asarray(summarizer.logits(part.astype(np.float32)), np.float64) for part in (language, found)]
    prose, document, summary = rows[~paired][:, :20], rows[paired][:, :20], rows[paired][:, 20:]
    written = np.exp(-cross_entropy(logits[1], summary))
    copied = (attention * (document[:, None] == summary[..., None])).sum(axis=-1)
    likelihood = (1 - copying) * written + copying * copied
    np.testing.assert_allclose(attention.sum(axis=-1), 1, atol=1e-5)
    similar = 10 * z @ own.T / summarizer.latent_dim
    expected = {
        "language_loss": cross_entropy(logits[0], prose)[prose != PAD].mean(),
        "summary_loss": -np.log(likelihood[summary != PAD]).mean(),
        "code_accuracy": (np.diag(similar) >= similar.max(axis=1) - 1e-4).mean(),
    }
    figures = summarizer.evaluate(rows, batch_size=len(rows), return_dict=True, verbose=0)
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=1e-3), name
    code_loss = cross_entropy(similar, np.arange(len(similar))).mean()
    total = expected["language_loss"] + expected["summary_loss"] + summarizer.code_weight * code_loss
    assert figures["loss"] == pytest.approx(total, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("of_pairs", [True, False])
def test_batches_of_pairs_alone_and_of_prose_alone(summarizer, of_pairs):
    rows = summarizer.tokens(PAIRS)
    rows = rows[(rows[:, 20] != PAD) == of_pairs]
    history = summarizer.fit(rows, validation_data=(rows,), verbose=0).history
    assert np.isfinite([value for values in history.values() for value in values]).all()
    assert (history["language_loss"][0] == 0) == of_pairs and (history["summary_loss"][0] == 0) != of_pairs


def test_the_language_model_looks_back_only(summarizer):
    rows = summarizer.tokens(PAIRS)
    changed = rows.copy()
    changed[rows[:, 20] == PAD, 10:20] = 7
    before, after = (np.asarray(summarizer(x)[0]) for x in (rows, changed))
    np.testing.assert_allclose(before[:, :11], after[:, :11], atol=1e-6)
    assert np.abs(before[:, 11] - after[:, 11]).max() > 1e-4


@pytest.mark.slow
def test_a_summariser_learns_to_copy(summarizer):
    summarizer.optimizer.learning_rate = 1e-2
    rows = summarizer.tokens(PAIRS)
    summarizer.fit(rows[rows[:, 20] != PAD], epochs=120, verbose=0)
    assert evaluation.recovered_words([p.summary for p in PAIRS], summarizer.write([p.document for p in PAIRS])) > 0.9


def test_summaries_are_drawn_by_a_seed(summarizer):
    documents = [pair.document for pair in PAIRS[:3]]
    first = summarizer.summarize(documents, candidates=4, seed=1)
    assert first == summarizer.summarize(documents, candidates=4, seed=1) and len(first) == 3
    assert first != summarizer.summarize(documents, candidates=4, seed=2)
    assert summarizer.summarize(documents, candidates=1) == summarizer.write(documents)


def test_likeness_is_the_mean_rouge_l():
    drawn = ["Make a plot.", "sort the list", "draw a plot, now"]
    found = likeness(["make a plot", "x", ""], drawn)
    np.testing.assert_allclose(found, [(1 + 0 + 2 * 2 / 7) / 3, 0, 0])
    rouge = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    texts = SENTENCES[:6]
    expected = [np.mean([rouge.score(a, b)["rougeL"].fmeasure for a in SENTENCES[6:12]]) for b in texts]
    np.testing.assert_allclose(likeness(texts, SENTENCES[6:12]), expected)


def test_the_summary_most_like_the_others_is_taken():
    drawn = ["make a plot", "sort the list", "make a new plot", "draw a plot now"]
    # With the others, ROUGE-L is (6/7 + 4/7) / 4, 0, (6/7 + 4/8) / 4 and (4/7 + 4/8) / 4.
    assert most_alike(drawn, [], 0.1) == "make a plot"
    sentence = "This will make for you a plot."  # 6/10, 0, 6/11 and 4/11: 0.377 against 0.357
    assert most_alike(drawn, [sentence], 0.0) == sentence
    other = "Take the list."  # 0, 4/6, 0 and 0: 0.167
    assert most_alike(drawn, [other, sentence], 0.4) == sentence and most_alike(drawn, [other, sentence], 0.5) == other
    assert most_alike(drawn, ["Make a plot (of it), which takes a while."], 0.1) == "Make a plot (of it)."


def test_sentences_are_shortened_where_they_may_end():
    assert shortened("Make a new plot of it, which may take a while (or not).") == [
        "Make a new plot of it, which may take a while.",
        "Make a new plot of it.",
    ]
    assert shortened("Make a plot, and wait.") == []  # fewer than five words
    assert shortened("Draw the graph(s) of f(x, y).") == []  # code is no aside, and stays whole
    assert shortened("Return the sum of all values; of none it is zero.") == ["Return the sum of all values."]


def test_pieces_are_drawn_by_their_probabilities():
    likelihood = np.tile(np.array([0.1, 0.2, 0.0, 0.7], np.float32), (20_000, 1))
    for temperature, powers in ((1.0, 1), (0.5, 2)):
        found = np.bincount(draw(likelihood, temperature, np.random.default_rng(0)), minlength=4) / 20_000
        expected = likelihood[0] ** powers / (likelihood[0] ** powers).sum()
        np.testing.assert_allclose(found, expected, atol=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m, s: TextAE(hidden_tokens=1.0), "hidden_tokens must be from 0 to below 1"),
        (lambda m, s: TextAE(example_shape=(3, 3)), "example_shape must be one positive integers?"),
        (lambda m, s: m.encode("the cat"), "texts must be a list of strings: received one string"),
        (lambda m, s: m(np.zeros((2, 5), np.int32)), r"x must have the shape \(batch, 12\): received \(2, 5\)"),
        (lambda m, s: Summarizer(summary_length=191), "summary_length must be from 2 to below the length, 192"),
        (lambda m, s: s(np.zeros((2, 5), np.int32)), r"x must have the shape \(batch, 28\): received \(2, 5\)"),
        (lambda m, s: s.summarize("a text"), "documents must be a list of strings that are not empty"),
        (lambda m, s: s.summarize(["a", " "]), "documents must be a list of strings that are not empty"),
        (lambda m, s: s.summarize(["a"], candidates=0), "candidates must be an integer ≥ 1: received 0"),
        (lambda m, s: s.summarize(["a"], temperature=0), "temperature must be above 0: received 0"),
        (lambda m, s: s.summarize(["a"], earliness=-1), "earliness must be at least 0: received -1"),
    ],
)
def test_bad_arguments(make, message, sentences, summarizer):
    with pytest.raises(ValueError, match=message):
        make(sentences, summarizer)


def test_texts_of_a_file_are_split_by_their_digests(tmp_path):
    path = tmp_path / "s.txt"
    path.write_text("\n".join(SENTENCES) + "\n\n" + SENTENCES[0] + "\n")
    splits = text.load_texts(str(path))
    assert sorted(s for split in splits.values() for s in split) == sorted(set(SENTENCES))
    path.write_text("\n".join(SENTENCES[:200]))
    assert set(text.load_texts(str(path))["test"]) <= set(splits["test"])
    path.write_text("one\ntwo\n")
    with pytest.raises(ValueError, match="holds 2 sentences: too few for three splits"):
        text.load_texts(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        text.load_texts(str(path))
    with pytest.raises(ValueError, match="Unknown data 'nothing': expected a text file"):
        text.load_texts("nothing")


def test_docstrings_are_split_by_package(monkeypatch):
    found = [text.Pair("d", "s", source) for source in ("networkx", "numpy", "dask", "scipy")]
    asked = []
    monkeypatch.setattr(text, "load_docstrings", lambda packages: asked.extend(packages) or found)
    splits = text.load_texts("docstrings")
    assert {split: [pair.source for pair in pairs] for split, pairs in splits.items()} == {
        "test": ["networkx"], "validation": ["dask"], "train": ["numpy", "scipy"],
    }  # fmt: skip
    assert asked[:4] == list(text.PACKAGES["test"])  # what is like another split's is dropped from the training split
    every = [name for names in text.PACKAGES.values() for name in names]
    assert len(every) == len(set(every))


def test_weights_in_whole_steps():
    draw = np.random.default_rng(0)
    matrix, vector = (draw.normal(0, 0.3, shape).astype(np.float32) for shape in ((200, 50), (50,)))
    found, small = rounded([matrix, vector], 8)
    step = np.diff(np.unique(found)).min()
    assert 8 <= 2**0.5 * matrix.std() / step and np.log2(step) == np.rint(np.log2(step))
    np.testing.assert_array_equal(found % step, 0)
    assert np.abs(found - matrix).max() <= step / 2
    np.testing.assert_allclose(small, vector, rtol=2**-8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that the training of a small model of a file of sentences wrote."""
    room = tmp_path_factory.mktemp("texts")
    (room / "s.txt").write_text("\n".join(SENTENCES))
    result = training.train(
        "text_ae", data_source=str(room / "s.txt"), output=room / "model", epochs=1, overrides=small.TEXT_AE
    )
    packaging.write_artifact(result, room / "model")
    return room / "model"


@pytest.mark.slow
def test_a_trained_model_is_loaded_measured_and_exported(trained, tmp_path, eagerly):
    from ai_edge_litert.interpreter import Interpreter

    card, model = zoo.info(trained), zoo.load(trained)
    changed = zoo.load(trained, hidden_tokens=0.5)
    assert changed.hidden_tokens == 0.5 and changed.reconstruct(SENTENCES[:3]) == model.reconstruct(SENTENCES[:3])
    found = zoo.evaluate(trained, str(trained.parent / "s.txt"))
    assert card["metrics"] == pytest.approx(found) and len(card["examples"]) == 20
    assert card["data"]["train"] > 300 and set(card["examples"][0]) == {"sentence", "restored"}
    with np.load(trained / "golden.npz") as golden:
        np.testing.assert_allclose(model.encode(golden["images"]), golden["code"], atol=1e-5)
        assert model.write(golden["images"]) == list(golden["written"])
    rows = model.tokens(SENTENCES[:1])
    for part, inputs in (("encoder", rows), ("decoder", np.asarray(model.encode(rows)))):
        path = zoo.export(trained, tmp_path / f"{part}.tflite", part=part)
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], inputs)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(found, getattr(model, part)(inputs), atol=1e-3)
    with pytest.raises(ValueError, match="must be dynamic or float16, as it takes integers: received int8"):
        zoo.export(trained, tmp_path / "e.tflite", quantization="int8")
    assert (trained / "preview.png").stat().st_size > 1000


@pytest.mark.slow
def test_training_goes_on_where_it_was_killed(trained, tmp_path):
    options = {"data_source": str(trained.parent / "s.txt"), "overrides": small.TEXT_AE}
    whole = training.train("text_ae", output=tmp_path / "whole", epochs=2, **options).model.get_weights()

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.training.run.StopAtNonFinite", Stop)
        with pytest.raises(KeyboardInterrupt):
            training.train("text_ae", output=tmp_path / "part", epochs=2, **options)
    rest = training.train("text_ae", output=tmp_path / "part", epochs=2, resume=True, **options).model.get_weights()
    for a, b in zip(whole, rest, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.slow
def test_a_summariser_is_trained_on_documents_and_then_on_summaries(tmp_path, monkeypatch):
    pairs = [text.Pair(f"{a}. {b}. {c}.", a, "numpy") for a, b, c in zip(*3 * [iter(SENTENCES[:180])], strict=True)]
    held_out = [text.Pair(pair.document, pair.summary, source) for source in ("dask", "networkx") for pair in pairs[:9]]
    monkeypatch.setattr(text, "load_docstrings", lambda packages: [*held_out, *pairs])
    monkeypatch.setattr(text, "licence_of", lambda name: f"BSD of {name}")
    monkeypatch.setattr("zoo.registry.needs._installed", lambda name: True)  # of the packages, which are made up here
    result = training.train(
        "summarizer", output=tmp_path / "m", epochs=1, gap_epochs=2, batch_size=16, overrides=small.SUMMARIZER
    )
    pretrained = result.history["summary_loss"][0]
    fresh = training.train(
        "summarizer", output=tmp_path / "n", epochs=1, gap_epochs=0, batch_size=16, overrides=small.SUMMARIZER
    )
    assert pretrained < fresh.history["summary_loss"][0]  # what it learned of documents helps
    card = packaging.write_artifact(result, tmp_path / "m")
    assert card["data"]["train"] == 60 and card["data"]["test"] == 9 and "zoo" not in card["training"]["command"]
    assert card["metrics"]["summary_perplexity"] > 1 and 0 <= card["metrics"]["rouge_l"] <= 1
    assert set(card["examples"][0]) == {"document", "summary", "written", "source"}
    version = importlib.metadata.version("numpy")
    assert card["data"]["packages"]["numpy"] == {"pairs": 60, "licence": "BSD of numpy", "version": version}
    assert set(card["data"]["packages"]) == {"dask", "networkx", "numpy"}
    codec = zoo.Codec(tmp_path / "m")
    assert codec.decompress(codec.compress("the cat sees a dog")) == b"the cat sees a dog"


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["zoo", "sentences", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code or 0


@pytest.mark.slow
def test_sentences_from_the_command_line(trained, tmp_path, monkeypatch, capsys):
    (tmp_path / "lines.txt").write_text("the cat\n\na  dog\n")
    model = zoo.load(trained)
    assert run(monkeypatch, tmp_path / "lines.txt", "the old tree", "--model", trained, "--json",
               "--codes", tmp_path / "c.npy") == 0  # fmt: skip
    rows = json.loads(capsys.readouterr().out)["rows"]
    texts = ["the cat", "", "a dog", "the old tree"]
    assert [row["sentence"] for row in rows] == texts
    assert [row["restored"] for row in rows] == model.reconstruct(texts)
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), model.encode(texts), atol=1e-5)
    assert run(monkeypatch, "the cat", "--nearest", tmp_path / "lines.txt", "--model", trained, "--json", "-k", 1) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["nearest"] == "the cat"
    assert run(monkeypatch, "the cat", "a dog", "--between", 3, "--model", trained, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    assert run(monkeypatch, "the " * 40, "--model", trained) == 0
    assert "1 of 1 sentences are longer than 11 tokens, and cut" in capsys.readouterr().err


def test_codes_have_a_row_for_every_line(tmp_path, monkeypatch, capsys, eagerly):
    model = small.SMALL["text_ae"]()
    monkeypatch.setattr(zoo, "load", lambda name: model, raising=False)
    (tmp_path / "lines.txt").write_text("the cat\n\na  dog\n   \nthe tree\n")
    assert run(monkeypatch, tmp_path / "lines.txt", "--json", "--codes", tmp_path / "c.npy") == 0
    texts = ["the cat", "", "a dog", "", "the tree"]
    assert [row["sentence"] for row in json.loads(capsys.readouterr().out)["rows"]] == texts
    np.testing.assert_allclose(np.load(tmp_path / "c.npy"), model.encode(texts), atol=1e-5)
    assert run(monkeypatch, tmp_path / "lines.txt", "--json") == 0
    assert [row["sentence"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["the cat", "a dog", "the tree"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["  "], "SENTENCE must hold at least one word"),
        (["a", "--between", "3"], "between must be at least 2, with two sentences: received 3 and 1"),
        (["a", "b", "--between", "1"], "between must be at least 2"),
        (["a", "--between", "3", "--nearest", "x.txt"], "between and nearest were both given"),
        (["a", "--nearest", "missing.txt"], "missing.txt cannot be read: No such file"),
        (["a", "--model", "dense_ae"], "model must be an autoencoder of sentences, such as text_ae: received dense_ae"),
        (["bytes.txt"], "bytes.txt is no text in UTF-8"),
    ],
)
def test_bad_sentences_are_one_line_and_exit_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_texts_are_drawn(tmp_path):
    figure = plots.texts([{"sentence": "a $cat$ \x00", "restored": "a dog " * 40}, {"x": "1\n2"}], tmp_path / "t.png")
    assert (tmp_path / "t.png").stat().st_size > 1000 and len(figure.texts) > 8
    with pytest.raises(ValueError, match="blocks must hold at least one text"):
        plots.texts([])


def test_batches_of_pieces_stay_integers():
    batches, _ = data.training_batches(np.arange(24, dtype=np.int32).reshape(6, 4), 3, epochs=1)
    (first, *_) = batches
    assert first.dtype == "int32" and START == 2
