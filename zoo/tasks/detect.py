"""What does not fit: examples that are not like normal ones."""

from pathlib import Path

import numpy as np

from zoo.modalities.base import predicted
from zoo.tasks.base import Task


class Detect(Task):
    """Scores how unlike normal examples others are. ``zoo.evaluation.measure_detector`` has the figures."""

    name, title = "detect", "Detect"

    def preview(self, model, modality, data_set, card, path):
        """Normal examples of the test split and others, what the model makes of them, and what that misses."""
        from zoo import data

        clean = data.unit(data_set.test[chosen_examples(data_set, card["data"].get("normal"), modality.drawn)])
        restored = predicted(model, clean)
        modality.draw({"examples": clean, "restored": restored, "missed": np.abs(clean - restored)}, path)

    def shown(self, spec):
        return "Normal examples of the test split, then others; their reconstructions, and what these miss"

    def python(self, name, spec, modality):
        examples = "beats" if spec.modality == "heartbeat" else "images"
        return [f'scores = zoo.Detector("{name}").scores({examples})  # the higher, the less it fits']

    def commands(self, name, spec, modality, metrics):
        normal = "normal/" if modality.folder.endswith("/") else f"normal{Path(modality.sample).suffix}"
        return [
            (f"zoo detect {modality.sample} --model {name} -o scores.csv", "what does not fit"),
            (
                f"zoo detect {modality.sample} --fit {normal} --model {name} -o scores.csv",
                "by your own normal examples",
            ),
        ]


def chosen_examples(data_set, normal: str | None, number: int) -> np.ndarray:
    """Places of the first normal examples of the test split, and of as many others, of each class in turn."""
    names = data_set.names_of("test") if normal is not None else None
    if names is None:
        return np.arange(min(number, len(data_set.test)))
    names = np.array(names)
    others = [np.flatnonzero(names == name) for name in sorted({*names.tolist()} - {normal})]
    turns = [rows[turn] for turn in range(number) for rows in others if turn < len(rows)]
    return np.concatenate([np.flatnonzero(names == normal)[: number // 2], turns[: number - number // 2]]).astype(int)
