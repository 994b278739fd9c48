"""``zoo summarize``."""

import codecs
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

BLOCK = 1 << 16  # bytes that are read at once


Ratio = Annotated[
    float | None,
    typer.Option(help="Share of the text's different sentences instead, in (0, 1].", show_default=False),
]
Redundancy = Annotated[
    float | None,
    typer.Option(help="From 0 to 1: how much sentences like chosen ones are avoided.", show_default=False),
]
Abstractive = Annotated[
    bool,
    typer.Option(
        "--abstractive",
        help="Write one new sentence instead. The shipped model learned that from docstrings of Python packages: "
        "of other texts read it as a draft, which may lack a verb or say what the text does not.",
    ),
]


def summarize(
    inputs: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Texts in UTF-8; - is standard input.", show_default=False)
    ],
    sentences: Annotated[
        int | None, typer.Option("-n", "--sentences", help="How many; default: 1.", show_default=False)
    ] = None,
    ratio: Ratio = None,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Leave brackets and clauses of the chosen sentences out.")
    ] = False,
    abstractive: Abstractive = False,
    redundancy: Redundancy = None,
    model: Annotated[str, typer.Option(help="A summariser's name or folder.")] = "summarizer",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with sentences, indices and scores.")] = False,
) -> None:
    """Summarise English texts of any length, each by a few of its own sentences, or by a new one.

    No sentence is repeated; code, tables and headings marked by # are ignored. The summary of one text is printed
    alone, those of several below their names. Texts that cannot be summarised are listed at the end, and the exit
    status is then 1.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow
    from zoo.summarization import REDUNDANCY, check_arguments, extract, warning_of

    redundancy = REDUNDANCY if redundancy is None else redundancy
    check_arguments(sentences, ratio, shorten, abstractive, redundancy)
    failed: list[str] = []
    names = _readable(inputs, failed)
    rows, warnings = [], []
    if names:
        start_tensorflow(threads)
        import zoo

        loaded = zoo.load(model)
    options = {"sentences": sentences, "ratio": ratio, "shorten": shorten, "abstractive": abstractive}
    with progress() as bar:
        sizes = [_size(name) for name in names]
        task = bar.add_task("summarizing", total=None if None in sizes else sum(sizes), status="bytes")
        for name in names:
            blocks = _blocks(name, lambda size: bar.update(task, advance=size))
            try:
                found = extract(blocks, loaded, redundancy=redundancy, **options)
            except ValueError as error:
                failed.append(str(error))
                continue
            rows.append({"name": name, "summary": found.text, **(_details(found) if as_json else {})})
            if warning := warning_of(found.language):
                warnings.append(f"{name}: {warning}")
    if not rows:
        raise ValueError(failed[0] if len(inputs) == 1 else f"None of the texts can be summed up: {failed[0]}")
    for warning in warnings:
        print(warning, file=sys.stderr)
    if as_json:
        emit(rows, as_json)
    else:  # texts hold brackets and colons that Rich would take for its own
        print("\n\n".join(f"{row['name']}:\n{row['summary']}" if len(inputs) > 1 else row["summary"] for row in rows))
    report_failures(failed)


def _details(found) -> dict[str, Any]:
    """What JSON tells of a summary beside its text."""
    return {key: getattr(found, key) for key in ("sentences", "indices", "scores", "total", "language")}


def _readable(inputs: list[str], failed: list[str]) -> list[str]:
    """The inputs that can be opened, each once; ``failed`` gets a line for each of the others."""
    names = []
    for name in dict.fromkeys(inputs):
        try:
            if not Path(name).is_fifo():  # which can be opened once
                with _opened(name):
                    pass
            names.append(name)
        except ValueError as error:
            failed.append(str(error))
    return names


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    """A file, or standard input, which stays open.

    Raises:
        ValueError: if it cannot be read.
    """
    if name == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise ValueError("Standard input is closed: give a file, or send a text through a pipe.")
        return nullcontext(sys.stdin.buffer)
    try:
        return open(name, "rb")
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror}.") from None


def _blocks(name: str, advance: Callable[[int], None]) -> Iterator[str]:
    """The text of a file, or of standard input, a piece at a time.

    Raises:
        ValueError: if it cannot be read, is no text in UTF-8, or holds no words.
    """
    what = "Standard input" if name == "-" else name
    decoder, done, words = codecs.getincrementaldecoder("utf-8-sig")(), 0, False
    with _opened(name) as file:
        while True:
            try:
                content = file.read(BLOCK)
            except OSError as error:
                raise ValueError(f"{what} cannot be read: {error.strerror}.") from None
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(content, final=not content)
            except UnicodeDecodeError as error:
                place = done - pending + error.start
                raise ValueError(
                    f"{what} is no text in UTF-8: byte {place} cannot be read. Convert it first."
                ) from None
            if "\0" in text:
                raise ValueError(f"{what} is no text: it holds bytes that are 0. Give a plain text.")
            words = words or any(map(str.isalnum, text))
            done += len(content)
            advance(len(content))
            if text:
                yield text
            if not content:
                break
    if not words:
        raise ValueError(f"{what} holds no words: there is nothing to sum up.")


def _size(name: str) -> int | None:
    """Bytes of a regular file; None of what has no end that is known."""
    path = Path(name)
    return path.stat().st_size if name != "-" and path.is_file() else None
