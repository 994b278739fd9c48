"""``zoo sentences``."""

from pathlib import Path
from typing import Annotated

import typer


def sentences(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="SENTENCE",
            help="Sentences in quotes, text files with a sentence a line, or - for standard input.",
            show_default=False,
        ),
    ],
    between: Annotated[
        int | None,
        typer.Option(metavar="N", help="N sentences on the way from the first to the second.", show_default=False),
    ] = None,
    nearest: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The nearest lines of a text file to each sentence.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option("-k", "--count", min=1, metavar="N", help="Lines that --nearest lists.")] = 5,
    codes: Annotated[
        Path | None,
        typer.Option(
            metavar="CODES.npy", help="Also write the latent codes: a row a line, empty ones too.", show_default=False
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="An autoencoder of sentences, its name or folder.")] = "text_ae",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Encode sentences as latent codes of 256 numbers and decode them, find nearest neighbours, or interpolate.

    The shipped model was trained on English definitions of up to 23 tokens; longer sentences are cut, with a warning.
    """
    from zoo.cli.console import emit, error_console, start_tensorflow

    given = [sentence for item in inputs for sentence in _read(item, empty=codes is not None)]
    others = _read(nearest) if nearest is not None and between is None else []
    _check(given, between, nearest, others)
    start_tensorflow(threads)
    import numpy as np

    import zoo
    from zoo import registry
    from zoo.io import writing

    loaded = zoo.load(model)
    if not registry.does(loaded, "reconstruct", "text"):
        raise ValueError(f"model must be an autoencoder of sentences, such as text_ae: received {model}.")
    if cut := sum(len(tokens) >= loaded.length for tokens in loaded.tokenizer.tokenizer.encode(given)):
        error_console.print(f"{cut} of {len(given)} sentences are longer than {loaded.length - 1} tokens, and cut.")
    rows = _rows(loaded, given, between, others, count)
    if codes is not None:
        with writing.atomic_write(codes) as file:
            np.save(file, np.asarray(loaded.encode(given)))
    emit(rows, as_json)


def _check(given: list[str], between: int | None, nearest: Path | None, others: list[str]) -> None:
    if between is not None and nearest is not None:
        raise ValueError("between and nearest were both given: choose one.")
    if not any(given):
        raise ValueError("SENTENCE must hold at least one word: received none.")
    if between is not None and (len(given) != 2 or between < 2):
        raise ValueError(
            f"between must be at least 2, with two sentences: received {between} and {len(given)} sentence(s)."
        )
    if nearest is not None and not others:
        raise ValueError(f"{nearest} must hold at least one line of text: received none.")


def _rows(model, given: list[str], between: int | None, others: list[str], count: int) -> list[dict]:
    """What is printed: sentences between two, the nearest of others, or the sentences restored."""
    if between is not None:
        return [{"sentence": sentence} for sentence in model.interpolate(*given, between)]
    if others:
        found = zip(given, model.nearest(given, others, count), strict=True)
        return [{"sentence": a, "similarity": s, "nearest": b} for a, near in found for s, b in near]
    return [{"sentence": a, "restored": b} for a, b in zip(given, model.reconstruct(given), strict=True)]


def _read(item: str | Path, empty: bool = False) -> list[str]:
    """The sentences of a file or of standard input, a line each; a string that is neither is one itself.

    Args:
        item: file, ``-``, or string.
        empty: whether empty lines are sentences too.
    """
    import sys

    try:
        if item == "-" and (sys.stdin is None or sys.stdin.closed):
            raise ValueError("Standard input is closed: give a file, or send sentences through a pipe.")
        if item == "-":
            text = sys.stdin.buffer.read().decode()
        elif isinstance(item, Path) or (len(item) < 256 and Path(item).is_file()):
            text = Path(item).read_text(encoding="utf-8")
        else:
            text = item
    except UnicodeDecodeError:
        raise ValueError(f"{item} is no text in UTF-8: give a text file with a sentence a line.") from None
    except OSError as error:
        raise ValueError(f"{item} cannot be read: {error.strerror}.") from None
    return [" ".join(line.split()) for line in text.splitlines() if empty or line.strip()]
