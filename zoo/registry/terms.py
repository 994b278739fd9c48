"""What data sets ask of whoever passes on a model's folder: the short form of NOTICE, which has credits and texts."""

_SHARE_ALIKE = "credit them, link the licence, say what was changed, and pass on what is adapted under the same licence"
_CREDIT = "credit them, link the licence and say what was changed"
# ``examples_licence`` of a card → what it asks.
TERMS = {
    "CC BY-SA 3.0 (LeCun, Cortes, Burges)": f"MNIST, by Yann LeCun, Corinna Cortes, Christopher Burges: {_SHARE_ALIKE}",
    "CC BY-SA 4.0 (Jackson et al., Free Spoken Digit Dataset)": (
        f"Free Spoken Digit Dataset, by Zohar Jackson and others: {_SHARE_ALIKE}"
    ),
    "MIT (Zalando SE)": "Fashion-MNIST, © Zalando SE: keep its copyright notice and the MIT licence's text",
    "CC BY-SA 4.0, CC BY-SA 3.0, CC BY 2.0, CC0 1.0 and others, of each picture (NOTICE, credits.txt)": (
        f"photographs, by the authors in credits.txt, those in the folder of cid22: {_SHARE_ALIKE} (CC BY-SA 4.0)"
    ),
    "WordNet 3.0 license (Princeton University)": (
        "WordNet 3.0, © Princeton University: keep its copyright notice, licence and disclaimer, and do not advertise "
        "with the university's name"
    ),
    "CC BY 4.0 (Wolberg, Mangasarian, Street & Street, UCI)": (
        f"Breast Cancer Wisconsin, by William Wolberg, Olvi Mangasarian, Nick and W. Street: {_CREDIT}"
    ),
    "ODC-BY 1.0 (Moody & Mark 2001, MIT-BIH Arrhythmia Database, PhysioNet)": (
        "MIT-BIH Arrhythmia Database, by George Moody and Roger Mark: credit them and link the licence"
    ),
    "of the packages, permissive (BSD, MIT, Apache-2.0 and the like)": (
        "docstrings of NetworkX, scikit-image, statsmodels and xarray: keep their copyright notices and licences"
    ),
}


def asked(examples_licence: str | None) -> str | None:
    """What the examples in a model's folder ask for; None of a licence that no shipped model names."""
    known = isinstance(examples_licence, str) and examples_licence in TERMS
    return f"{TERMS[examples_licence]} (NOTICE)" if known else None
