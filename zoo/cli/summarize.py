"""``zoo summarize``."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def summarize(
    inputs: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Texts in UTF-8; - is standard input.", show_default=False)
    ],
    sentences: Annotated[
        int | None, typer.Option("-n", "--sentences", help="How many; default: 1.", show_default=False)
    ] = None,
    ratio: Annotated[
        float | None, typer.Option(help="Share of the text's sentences instead, in (0, 1].", show_default=False)
    ] = None,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Leave brackets and clauses of the chosen sentences out.")
    ] = False,
    abstractive: Annotated[bool, typer.Option("--abstractive", help="Write one new sentence instead.")] = False,
    redundancy: Annotated[
        float | None,
        typer.Option(help="From 0 to 1: how much sentences like chosen ones are avoided.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="A summariser's name or folder.")] = "summarizer",
    threads: Annotated[int | None, typer.Option(help="Processor threads; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with sentences, indices and scores.")] = False,
) -> None:
    """Sum up English texts of any length, each in a few of its own sentences, or in a new one.

    Of one text the summary alone is printed, of several each below its name. Texts that cannot be summed up are listed
    at the end, and the exit status is then 1.
    """
    from zoo.cli.console import emit, progress, report_failures, start_tensorflow
    from zoo.summarization import REDUNDANCY, check_arguments, extract, warning_of

    redundancy = REDUNDANCY if redundancy is None else redundancy
    check_arguments(sentences, ratio, shorten, abstractive, redundancy)
    texts, failed = {}, []
    for name in dict.fromkeys(inputs):
        try:
            texts[name] = _read(name)
        except ValueError as error:
            if len(inputs) == 1:
                raise
            failed.append(str(error))
    if not texts:
        raise ValueError(f"None of the texts can be summed up: {failed[0]}")
    start_tensorflow(threads)
    import zoo

    loaded = zoo.load(model)
    rows, warnings = [], []
    with progress() as bar:
        task = bar.add_task("summarizing", total=sum(map(len, texts.values())), status="characters")
        for name, text in texts.items():
            found = extract(
                text,
                loaded,
                sentences=sentences,
                ratio=ratio,
                shorten=shorten,
                abstractive=abstractive,
                redundancy=redundancy,
                advance=lambda done: bar.update(task, advance=done),
            )
            row = {"name": name, "summary": found.text}
            if as_json:
                kept = ("sentences", "indices", "scores", "total", "language")
                row |= {key: getattr(found, key) for key in kept}
            rows.append(row)
            if warning := warning_of(found.language):
                warnings.append(f"{name}: {warning}")
    for warning in warnings:
        print(warning, file=sys.stderr)
    if as_json:
        emit(rows, as_json)
    else:  # texts hold brackets and colons that Rich would take for its own
        print("\n\n".join(f"{row['name']}:\n{row['summary']}" if len(inputs) > 1 else row["summary"] for row in rows))
    report_failures(failed)


def _read(name: str) -> str:
    """The text of a file, or of standard input.

    Raises:
        ValueError: if it cannot be read, is no text in UTF-8, or holds no words.
    """
    what = "Standard input" if name == "-" else name
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"{what} cannot be read: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{what} is no text in UTF-8: byte {error.start} cannot be read. Convert it first.") from None
    if "\0" in text:
        raise ValueError(f"{what} is no text: it holds bytes that are 0. Give a plain text.")
    if not any(map(str.isalnum, text)):
        raise ValueError(f"{what} holds no words: there is nothing to sum up.")
    return text
