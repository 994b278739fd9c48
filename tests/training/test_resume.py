"""A training that is cut off goes on as if it had not been, of every model."""

import pytest
import small

GROUPS = 3
# In a process of its own, as determinism cannot be switched off again.
SCRIPT = """
import shutil, sys
sys.path.insert(0, "tests")
import keras, numpy as np, tensorflow as tf
tf.config.experimental.enable_op_determinism()
import small
from zoo import data, modalities, registry, training

def examples_of(name):
    x, y = small.examples(name, 24), small.targets(name, 24)
    labels = None if name == "map_ae" or y is None else {"train": y, "validation": y[:8]}
    return data.DataSet("made", "made", x, x[:8], x[:8], "MIT", labels=labels)

def made(*args, **kwargs):
    keras.utils.clear_session()  # the same names in every run
    model = small.SMALL[made.name]()
    model.build()
    return model

class Copied(training.Checkpoint):
    "Keeps what is on the disk after the first epoch: what a power cut would leave."
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch == 0:
            (self.path.parent.parent / "cut").mkdir()
            shutil.copy(self.path, self.path.parent.parent / "cut")

training.run.Checkpoint = Copied
training.run.needs.check = lambda *arguments: None  # the data is made up
training.run._for_shipping = lambda model: model  # what ships has no optimizers any more

def run(name, folder, **options):
    # Steps as they stand in Python, see `eagerly` of conftest.py; of the summarizer, see test_callbacks.py.
    tf.config.run_functions_eagerly(name != "summarizer")
    modality = modalities.get(registry.spec_of(name).modality)
    type(modality).load = lambda *args, **kwargs: examples_of(name)
    type(modality).adapted = lambda self, model, data_set: data_set
    made.name, training.run.registry.create = name, made
    changes = {"epochs": 3, "batch_size": 8, "dtype_policy": "float32", "jit_compile": False}
    changes |= {"neighbours": 3} if name == "map_ae" else {"layer_epochs": 1} if name == "stacked_ae" else {}
    result = training.train(name, output=folder, **changes, **options)
    # Weights, seed generators, and both players' optimizers.
    return [np.asarray(v) for v in training.Checkpoint._variables(result.model)], result.history
"""


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_model_resumes_as_if_never_stopped(group, tmp_path, run_python):
    names = list(small.SMALL)[group::GROUPS]
    printed = run_python(
        SCRIPT
        + f"""
for name in {names!r}:
    room = {str(tmp_path)!r} + "/" + name
    whole, history = run(name, room + "/whole")
    resumed, resumed_history = run(name, room + "/cut", resume=True)
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6, err_msg=name)
    assert len(history) == len(resumed_history) and all(len(values) == 3 for values in resumed_history.values())
    for key in history:
        np.testing.assert_allclose(history[key], resumed_history[key], rtol=1e-5, atol=1e-6, err_msg=name + key)
    print(name)
"""
    )
    assert printed.split() == names
