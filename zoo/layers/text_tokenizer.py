"""A tokenizer that a model carries with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from zoo import deprecations
from zoo.codec.tokenizer import Tokenizer, train_tokenizer

ASSET = "tokenizer.model"


@keras.saving.register_keras_serializable("zoo")
class TextTokenizer(keras.layers.Layer):
    """Texts to integers and back, ``(n,)`` strings to int32 ``(n, length)``; its tokens are saved with the model.

    ``adapt`` learns the tokens, as that of ``keras.layers.TextVectorization`` learns its words.

    Args:
        vocabulary_size: number of tokens.
    """

    def __init__(self, vocabulary_size: int = 8192, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self._tokenizer: Tokenizer | None = None
        self.built = True

    def adapt(self, texts: Iterable[str]) -> None:
        """Learns the tokens of texts.

        Raises:
            ValueError: if they are too few for ``vocabulary_size`` tokens.
        """
        try:
            self._tokenizer = Tokenizer(train_tokenizer(texts, self.vocabulary_size))
        except RuntimeError as error:  # of SentencePiece
            raise ValueError(
                f"The texts must have enough words for a vocabulary_size of {self.vocabulary_size}: {error}"
            ) from None

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer itself.

        Raises:
            ValueError: before ``adapt``.
        """
        if self._tokenizer is None:
            raise ValueError("The tokenizer knows no tokens yet: call tokenizer.adapt(texts), or load a trained model.")
        return self._tokenizer

    def set_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Uses a tokenizer that is trained already."""
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        """``pieces``, the old name of ``tokenizer``; no property, as Keras looks at all of those to save a layer."""
        if name != "pieces":
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        deprecations.warn("TextTokenizer.pieces", "TextTokenizer.tokenizer")
        return self.tokenizer

    def take(self, tokenizer: Tokenizer) -> None:
        """The old name of ``set_tokenizer``."""
        deprecations.warn("TextTokenizer.take", "TextTokenizer.set_tokenizer")
        self.set_tokenizer(tokenizer)

    def save_assets(self, dir_path: str) -> None:
        if self._tokenizer is not None:
            Path(dir_path, ASSET).write_bytes(self._tokenizer.model)

    def load_assets(self, dir_path: str) -> None:
        path = Path(dir_path, ASSET)
        if path.exists():
            self._tokenizer = Tokenizer(path.read_bytes())

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size}
