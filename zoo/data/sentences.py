"""Sentences: how alike they are, shorter forms of them, and which of many to choose."""

import re

import numpy as np

FRONT = 4096  # candidates among which sentences are chosen before all others are compared again
SHORTEST = 5  # words of a sentence that is cut off
_ASIDE = re.compile(r"\s+\([^()]*\)")
# Where a sentence may end early and still be one.
_CUT = re.compile(r"[,;:]| (?:which|such as|if|when|where|that|so|by|for example|e\.g\.|i\.e\.|and|using|with)(?= )")


def likeness(texts: list[str], drawn: list[str]) -> np.ndarray:
    """Mean ROUGE-L (F1) of each text with those that were drawn, ``(len(texts),)``, with no regard to case or signs.

    A text's expected ROUGE-L, if what the decoder draws is what a summary may be: whoever chooses the highest minimises
    the Bayes risk.

    References:
        Kumar & Byrne 2004, "Minimum Bayes-Risk Decoding for Statistical Machine Translation".
    """
    others = [_words(text) for text in drawn]
    return np.array([np.mean([_rouge_l(words, other) for other in others]) for words in map(_words, texts)])


def shortened(sentence: str) -> list[str]:
    """Shorter forms of a sentence: without what is in brackets, and cut off before a clause, of five words at least.

    References:
        Knight & Marcu 2002, "Summarization beyond sentence extraction", for summaries by leaving out.
    """
    plain = _ASIDE.sub("", sentence)
    forms = [plain]
    for form in (sentence, plain):
        heads = (form[: cut.start()].rstrip(" .,;:") for cut in _CUT.finditer(form))
        forms += [f"{head}." for head in heads if len(head.split()) >= SHORTEST and head.count("(") == head.count(")")]
    return [form for form in dict.fromkeys(forms) if form != sentence]


def most_alike(drawn: list[str], sentences: list[str], earliness: float) -> str:
    """Of texts that were drawn, and of a document's sentences, whole and shortened, the one most like all drawn.

    Args:
        drawn: summaries.
        sentences: of the document, in their order.
        earliness: what the first one's likeness has added to it, the second one's half of that, the third one's a
            third: they say nothing that the document does not, and the first ones mostly what it is about.
    """
    own = [(form, position) for position, text in enumerate(sentences, start=1) for form in (text, *shortened(text))]
    texts = [form for form, _ in own]
    of_own = likeness(texts, drawn) + earliness / np.array([position for _, position in own]) if own else []
    of_drawn = likeness(drawn, drawn) - 1 / len(drawn)  # but for itself
    return [*texts, *drawn][int(np.argmax([*of_own, *of_drawn]))]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _rouge_l(a: list[str], b: list[str]) -> float:
    return 2 * _longest_common(a, b) / max(1, len(a) + len(b))


def _longest_common(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for position, other in enumerate(b, start=1):
            above = row[position]
            row[position] = diagonal + 1 if word == other else max(above, row[position - 1])
            diagonal = above
    return row[-1]


def mmr(relevance: np.ndarray, codes: np.ndarray, count: int, redundancy: float) -> tuple[np.ndarray, np.ndarray]:
    """Maximal marginal relevance: one after the other, what is relevant and unlike what is chosen already.

    A score falls with each choice, if it changes. So it is enough to look at the candidates in front, until the best of
    them is no better than the best of the others was before.

    Args:
        relevance: ``(n,)``.
        codes: ``(n, numbers)`` of unit length.
        count: how many to choose, n at most.
        redundancy: weight of the largest similarity to a chosen one.

    Returns:
        Indices ``(count,)`` in the order of choice, of equals the first one, and the scores that they were chosen by.
    """
    likest = np.full(len(codes), -1.0, np.float32)  # similarity to the chosen ones, which none can be below
    left = np.ones(len(codes), bool)
    indices, scores = [], []
    while len(indices) < count:
        score = np.where(left, relevance - redundancy * likest, -np.inf)
        front, limit = np.arange(len(codes)), -np.inf
        if len(codes) > FRONT:
            order = np.argpartition(-score, FRONT)
            front, limit = np.sort(order[:FRONT]), score[order[FRONT]]
        candidates, begun = codes[front], len(indices)
        while len(indices) < count:
            score = np.where(left[front], relevance[front] - redundancy * likest[front], -np.inf)
            best = int(score.argmax())
            if score[best] < limit:
                break
            left[front[best]] = False
            # Nothing is redundant beside nothing.
            scores.append(score[best] if indices else relevance[front[best]])
            indices.append(front[best])
            likest[front] = np.maximum(likest[front], candidates @ candidates[best])
        if len(indices) < count:
            for new in np.array_split(np.array(indices[begun:]), -(-(len(indices) - begun) // 64)):
                likest = np.maximum(likest, (codes @ codes[new].T).max(axis=1))
    return np.array(indices), np.array(scores)
