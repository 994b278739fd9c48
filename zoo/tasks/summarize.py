"""Texts in a few sentences."""

from zoo.tasks.base import Task

DOCUMENTS = 3  # of a preview


class Summarize(Task):
    """Writes a summary of a document."""

    name, title = "summarize", "Summarize"

    def measure(self, model, modality, data_set, split, **options):
        from zoo.evaluation import measure_summarizer

        return measure_summarizer(model, data_set.texts_of(split))

    def missing(self, model, modality, data_set, split):
        from zoo import extras

        return {"rouge_l": extras.needs("rouge_score")}

    def golden(self, model, modality, examples):
        return modality.golden(model, examples)

    def preview(self, model, modality, data_set, card, path):
        from zoo import plots

        plots.texts(card["examples"][:DOCUMENTS], path)

    def python(self, name, spec, modality):
        return ['(summary,) = model.summarize(["Returns the sorted copy of a list. The list stays as it is."])']

    def commands(self, name, spec, modality, metrics):
        return [
            (f"zoo summarize report.txt --sentences 3 --model {name}", "the sentences that say most of it"),
            (f"zoo summarize report.txt --abstractive --model {name}", "a new sentence"),
        ]
