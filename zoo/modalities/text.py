"""Texts: strings, or pairs of a document and its summary, to a model integers of its own tokenizer."""

from pathlib import Path

import numpy as np

from zoo.io.arrays import as_array
from zoo.modalities.base import Modality

SENTENCES, STEPS = 6, 7  # of a preview


class Text(Modality):
    """Texts, which a model's tokenizer makes int32 ``(n, length)`` of."""

    name, example = "text", "text"
    quantizes = False
    sample, folder, any_size = "notes.txt", "", "every byte is kept"
    shown = "Texts of the test split, drawn at random, and what the model makes of them"
    python_of_latents = ('(restored,) = model.reconstruct(["a small animal that lives in trees"])',)

    def load(self, source, shape, *, fit="crop", seed=0, failed=None):
        """Texts, not yet integers: ``prepared`` makes them that."""
        from zoo.data import DataSet, text
        from zoo.data.images import LICENCES

        splits = text.load_texts(source)
        known, nothing = source in LICENCES, np.empty((0, 0), np.int32)
        return DataSet(
            source if known else Path(source).stem,
            source if known else str(Path(source).resolve()),
            nothing,
            nothing,
            nothing,
            LICENCES.get(source, "the user's own"),
            texts=splits,
        )

    def prepared(self, model, data_set):
        return data_set.tokenized(model.tokens)

    def adapted(self, model, data_set):
        """The tokenizer learns the training split's words.

        Raises:
            ValueError: for sentences where a model takes pairs, and for pairs where it takes sentences.
        """
        of_pairs = model.of_pairs
        if isinstance(data_set.texts_of("train")[0], str) == of_pairs:
            expected = (
                "documents with their summaries: docstrings" if of_pairs else "a text file with a sentence a line"
            )
            raise ValueError(f"{model.name} cannot be trained on {data_set.name}: expected {expected}.")
        model.tokenizer.adapt(model.texts_of(data_set.texts_of("train")))
        return self.prepared(model, data_set)

    def input_range(self, model):
        return "tokens of texts, int32"

    def latent_shape(self, model):
        return [model.latent_dim]  # beside it a summariser's encoder gives what the decoder copies from

    def measure_reconstruction(self, model, data_set, split):
        from zoo.evaluation import measure_sentences

        return measure_sentences(model, data_set.texts_of(split))

    def missing(self, data_set, split):
        from zoo.evaluation.texts import SHORT

        return {"words_recovered": f"needs sentences of at most {SHORT} words: the split has none"}

    def measure_codec(self, codec, data_set, split):
        from zoo.evaluation import measure_prose

        return measure_prose(codec, data_set.texts_of(split))

    def golden(self, model, examples):
        written = np.array(model.write(examples))
        return {"images": examples, "code": as_array(model.encode(examples)), "written": written}

    def preview(self, model, data_set, card, path):
        """Of the card's examples, as they come."""
        from zoo import plots

        examples = card["examples"]
        first, last = examples[0]["sentence"], examples[1]["sentence"]
        plots.texts([*examples[:SENTENCES], {"between": "\n".join(model.interpolate(first, last, STEPS))}], path)

    def commands_of_latents(self, name):
        return [
            (f'zoo sentences "a small animal" "a large ship" --model {name}', "what comes back of them"),
            (f'zoo sentences "a ship" --nearest lines.txt --model {name}', "the nearest lines of a file"),
        ]

    def examples(self, model, data_set):
        from zoo.evaluation import examples_of

        return examples_of(model, data_set.texts_of("test"))
