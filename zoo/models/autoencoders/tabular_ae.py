"""Denoising autoencoder of the rows of a table: numbers and categories, with missing cells, which it fills in.

Gondara & Wang 2018, "MIDA: Multiple Imputation using Denoising Autoencoders", for an autoencoder that learns from rows
with cells left out to fill such gaps. Differs from the paper in a code shorter than the row, in categories with a
cross-entropy of their own, in known cells, which it is told, and in one imputation, not several.
"""

import keras
import numpy as np
from keras import layers, ops

from zoo import backend
from zoo.data import columns as tables
from zoo.models.base import Autoencoder, in_batches
from zoo.models.inputs import at_hand, mean, refuse


@keras.saving.register_keras_serializable("zoo")
class TabularAE(Autoencoder):
    """A row's cells as numbers to a short code and back to all cells, the missing ones too.

        x (b, 31), NaN where missing → features (b, 62): standardised numbers, which are known, categories one-hot
        → 128 → 64 → z (b, 8) → 64 → 128 → (b, 32): standardised numbers, a logit for each category → (b, 31)

    Examples are tables: a DataFrame, columns by their names or a structured array (``zoo.data.columns.as_table``); or
    an array ``(n, columns)`` of numbers in the columns' own units, of categories the index, NaN where a cell is
    missing. The loss of a row is half the squared error of its standardised numbers plus the cross-entropy of its
    categories, over the cells that are known. In training some of these are hidden from the encoder, and restored all
    the same.

    ``encoder`` takes the features. Of a standardised number v that is sign(v) · ln(1 + |v|), so that int8 holds the
    usual and the extreme.

    Args:
        columns: of each its ``name`` and its ``mean`` and ``scale``, or its ``categories``; or how many columns of
            numbers there are. ``zoo.data.columns.described`` finds them in a table.
        hidden_units: widths of the encoder's hidden layers; the decoder mirrors them.
        latent_dim: length of the code.
        hidden_cells: largest share of a row's cells that are hidden in training; a row's own share is drawn below it.
        seed: of what is hidden.

    Raises:
        ValueError: for columns that are none, sizes below 1, or ``hidden_cells`` outside [0, 1).
    """

    axes = 1
    value_range = None
    default_metrics = ()

    def __init__(self, *, columns=30, hidden_units=(128, 64), latent_dim=8, hidden_cells=0.5, seed=None, **kwargs):
        columns = _checked_columns(columns)
        super().__init__(example_shape=(len(columns),), **kwargs)
        if latent_dim < 1 or any(units < 1 for units in hidden_units):
            raise ValueError(
                f"latent_dim and hidden_units must be positive: received {latent_dim!r} and {hidden_units!r}."
            )
        if not 0 <= hidden_cells < 1:
            raise ValueError(f"hidden_cells must be from 0 to below 1: received {hidden_cells!r}.")
        self.autocast = False  # numbers of all sizes, which 16 bits do not hold
        self.columns, self.hidden_units, self.latent_dim = columns, tuple(hidden_units), latent_dim
        self.hidden_cells, self.seed = hidden_cells, seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Places of the columns of numbers and of categories, and how many categories each of these has.
        of_categories = np.array(["categories" in column for column in columns])
        self.numeric, self.categorical = np.flatnonzero(~of_categories), np.flatnonzero(of_categories)
        self.sizes = [len(columns[at]["categories"]) for at in self.categorical]
        self.means = np.array([columns[at]["mean"] for at in self.numeric], np.float32)
        self.scales = np.array([columns[at]["scale"] for at in self.numeric], np.float32)

        def hidden(widths):
            return [layers.Dense(units, "silu", kernel_initializer="he_uniform") for units in widths]

        numbers, choices = len(self.numeric), sum(self.sizes)
        self.encoder = keras.Sequential(
            [
                keras.Input((2 * numbers + choices,), name="x"),
                *hidden(self.hidden_units),
                layers.Dense(latent_dim, dtype="float32", name="z"),
            ],
            name="encoder",
        )
        self.decoder = keras.Sequential(
            [
                keras.Input((latent_dim,), name="z"),
                *hidden(reversed(self.hidden_units)),
                layers.Dense(numbers + choices, dtype="float32", name="cells"),
            ],
            name="decoder",
        )

    def build(self, input_shape=None):
        """Nothing: both halves know their inputs, of which the encoder's are features."""

    def rows(self, table) -> np.ndarray:
        """A table as numbers, float32 ``(n, columns)``: see the class.

        Raises:
            ValueError: if a column is missing, or a cell holds an unknown category, text that is no number, or
                infinity.
        """
        if isinstance(table, np.ndarray) and not table.dtype.names and table.dtype.kind in "biuf":
            return tables.checked_numbers(table, self.columns)
        if (values := at_hand(table)) is not None and not isinstance(table, np.ndarray):
            return tables.checked_numbers(values, self.columns)
        return tables.to_numbers(tables.as_table(table), self.columns)

    def features(self, x):
        """What ``encoder`` takes of rows ``(b, columns)``."""
        values = [ops.take(x, places, axis=1) for places in (self.numeric, self.categorical)]
        known = ops.logical_not(ops.isnan(values[0]))
        numbers = ops.where(known, self._standardised(values[0]), 0.0)
        numbers = ops.log(1 + ops.relu(numbers)) - ops.log(1 + ops.relu(-numbers))
        chosen = [ops.equal(values[1][:, at, None], np.arange(n)) for at, n in enumerate(self.sizes)]
        return ops.concatenate([numbers, *(ops.cast(part, "float32") for part in (known, *chosen))], axis=1)

    def encode(self, x):
        """The codes ``(n, latent_dim)`` of a table."""
        return in_batches(lambda part: self.encoder(self.features(part), training=False), self._checked(self.rows(x)))

    def decode(self, z):
        """The rows that codes stand for, ``(n, columns)``, without gaps."""
        return self.cells(super().decode(z))

    def reconstruct(self, table):
        """A table through the code and back, as it came: every cell of the model's columns, the missing ones too."""
        return self._like(table, ops.convert_to_numpy(self.decode(self.encode(table))))

    def impute(self, table):
        """A table as it came, its missing cells filled in; what is known stays as it is."""
        rows = self.rows(table)
        return self._like(
            table, np.where(np.isnan(rows), ops.convert_to_numpy(self.decode(self.encode(rows))), rows), rows
        )

    def _like(self, table, found, known=None):
        """Rows as the table that they were made of; cells that are known are the table's own."""
        if isinstance(table, np.ndarray) and not table.dtype.names:
            return found if table.dtype.kind in "biuf" else tables.from_numbers(found, self.columns)
        named, given = tables.from_numbers(found, self.columns), tables.as_table(table)
        if known is not None:  # float32 would round them
            for at, name in enumerate(named.dtype.names):
                if given[name].dtype.kind == named[name].dtype.kind:
                    named[name] = np.where(np.isnan(known[:, at]), named[name], given[name])
        if isinstance(table, np.ndarray):
            return named
        keys = table if isinstance(table, dict) else table.columns
        columns = {key: named[str(key)] if str(key) in named.dtype.names else table[key] for key in keys}
        if isinstance(table, dict):
            return columns
        return type(table)(columns, **({"index": table.index} if hasattr(table, "index") else {}))

    def call(self, x, training=False):
        x = self._checked(x)
        target = self._target(x)
        seen = self._with_gaps(x) if training and self.hidden_cells else x
        outputs = self.decoder(self.encoder(self.features(seen), training=training), training=training)
        self.add_loss(mean(self._surprise(target, outputs), self._sample_weight()))
        return self.cells(outputs)

    def _standardised(self, values):
        return ops.divide(ops.subtract(values, self.means), self.scales)

    def _with_gaps(self, x):
        """Rows with a share of their cells hidden, another share each."""

        def uniform(shape):
            return keras.random.uniform(shape, seed=self.seed_generator)

        share = self.hidden_cells * backend.per_example(uniform, (ops.shape(x)[0], 1))
        return ops.where(backend.per_example(uniform, ops.shape(x)) < share, np.nan, x)

    def errors(self, x, z):
        """What codes ``z`` miss of rows ``x`` without gaps, float32 ``(b, columns)``.

        Of numbers the error in standard deviations; of a category the root of twice its cross-entropy, so that half the
        sum of squares is the loss.
        """
        numbers, logits = self._parts(self.decoder(z, training=False))
        x = ops.convert_to_tensor(x, "float32")
        parts = [(ops.take(x, self.numeric, axis=1) - self.means) / self.scales - numbers]
        for at, part in zip(self.categorical, logits, strict=True):
            chosen = ops.cast(x[:, at], "int32")
            surprise = keras.losses.sparse_categorical_crossentropy(chosen, part, from_logits=True)
            parts.append(ops.sqrt(2 * surprise)[:, None])
        return ops.concatenate(parts, axis=1)

    def _surprise(self, x, outputs):
        """The loss of each row, ``(b,)``: see the class."""
        numbers, logits = self._parts(outputs)
        values = ops.take(x, self.numeric, axis=1)
        known = ops.logical_not(ops.isnan(values))
        error = ops.where(known, self._standardised(values) - numbers, 0.0)
        loss = 0.5 * ops.sum(ops.square(error), axis=1)
        for at, part in zip(self.categorical, logits, strict=True):
            known = ops.logical_not(ops.isnan(x[:, at]))
            chosen = ops.cast(ops.where(known, x[:, at], 0.0), "int32")
            surprise = keras.losses.sparse_categorical_crossentropy(chosen, part, from_logits=True)
            loss += ops.where(known, surprise, 0.0)
        return loss

    def _parts(self, outputs):
        """Standardised numbers, and a list of the logits of each column of categories."""
        ends = np.cumsum([len(self.numeric), *self.sizes]).tolist()
        numbers, *logits = (outputs[:, start:end] for start, end in zip([0, *ends], ends, strict=False))
        return numbers, logits

    def cells(self, outputs):
        """The decoder's outputs as rows ``(b, columns)``: of categories the index of the likeliest one."""
        numbers, logits = self._parts(ops.convert_to_tensor(outputs))
        values = [ops.add(ops.multiply(numbers, self.scales), self.means)]
        for part in logits:  # argmax needs an operator that LiteRT lacks
            likeliest = ops.equal(part, ops.max(part, axis=1, keepdims=True))
            indices = np.arange(part.shape[1], dtype=np.float32)
            values.append(ops.min(ops.where(likeliest, indices, np.float32(part.shape[1])), axis=1, keepdims=True))
        order = np.argsort([*self.numeric, *self.categorical])
        return ops.take(ops.concatenate(values, axis=1), order, axis=1)

    def input_signature(self):
        return [keras.InputSpec(dtype="float32", shape=(None, *self.example_shape), name="x")]

    def default_loss(self):
        return None

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Of Keras' own metrics; a missing cell counts as if it were right."""
        y = x if y is None else y
        return super().compute_metrics(x, ops.where(ops.isnan(y), y_pred, y), y_pred, sample_weight)

    def _looked_through(self, x, y=None, sample_weight=None, **options):
        """Tables as rows; batches of others as they are drawn, as NaN is what is missing."""
        refuse(self.refused, y=y, sample_weight=sample_weight)
        x, y = self._given(x), self._given(y)
        return x, x if y is None and sample_weight is not None else y, sample_weight  # see Guarded

    def _given(self, x):
        return self.rows(x) if isinstance(x, (np.ndarray, dict)) or hasattr(x, "columns") else x

    def _checked(self, x, name="x"):
        if tuple(x.shape[1:]) != self.example_shape:
            raise ValueError(f"{name} must have the shape (batch, {len(self.columns)}): received {tuple(x.shape)}.")
        return ops.cast(x, "float32")

    def _own(self, x, y):
        return x if y is None else self._checked(y, "y")

    def get_config(self):
        names = ("columns", "hidden_units", "latent_dim", "hidden_cells", "seed")
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        del config["example_shape"]  # the columns have it
        return config


def _checked_columns(columns):
    """Columns as a list of mappings that JSON can hold."""
    if isinstance(columns, int):
        columns = [{"name": str(at), "mean": 0.0, "scale": 1.0} for at in range(columns)]
    columns = [dict(column) for column in columns]
    for column in columns:
        of_numbers, of_categories = {"name", "mean", "scale"} == {*column}, {"name", "categories"} == {*column}
        if not (of_numbers and column["scale"] > 0) and not (of_categories and len(column["categories"]) > 1):
            raise ValueError(
                "columns must each have a name with a mean and a scale above 0, or with two categories or more: "
                f"received {column!r}."
            )
    if not columns:
        raise ValueError("columns must be one or more: received none.")
    return columns
