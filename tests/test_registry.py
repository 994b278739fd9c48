"""Names, loading, and what is said about bad ones."""

import numpy as np
import pytest

import zoo
from zoo import artifacts
from zoo.registry import CATALOG


def test_names_and_patterns():
    assert "denoising_ae.mnist" in zoo.list_models()
    assert zoo.list_models("conv_ae") == ["conv_ae.fashion_mnist", "conv_ae.mnist"]
    assert all(name.endswith(".mnist") for name in zoo.list_models("*.mnist"))
    assert set(zoo.list_models(pretrained=True)) <= set(zoo.list_models())


def test_a_model_without_weights_says_what_to_do(monkeypatch):
    monkeypatch.setattr(artifacts, "names", lambda: [])
    with pytest.raises(ValueError, match=r"dcgan.fashion_mnist comes without trained weights: train it .zoo train"):
        zoo.load("dcgan")
    assert zoo.load("dcgan.mnist", pretrained=False, filters=4, clip=0.1).clip == 0.1
    assert zoo.info("dcgan")["parameters"] is None


@pytest.mark.parametrize(
    ("name", "closest"),
    [("denoisng_ae", "denoising_ae"), ("conv_ae.fashion", "conv_ae.fashion_mnist"), ("densae", "dense_ae")],
)
@pytest.mark.parametrize("call", [zoo.load, zoo.info, zoo.Codec])
def test_an_unknown_name_offers_the_closest(call, name, closest):
    with pytest.raises(ValueError, match=f"did you mean .*{closest}"):
        call(name)


def test_overrides():
    assert zoo.load("dense_ae", pretrained=False, latent_dim=5).latent_dim == 5
    with pytest.raises(ValueError, match="has no argument lateral_dim: it takes image_shape"):
        zoo.load("dense_ae", pretrained=False, lateral_dim=5)
    with pytest.raises(ValueError, match="do not fit .*pretrained=False"):
        zoo.load("dense_ae", latent_dim=5)
    assert zoo.load("conv_ae", rate_weight=0.1).rate_weight == 0.1


def test_fresh_weights_are_not_the_trained_ones():
    fresh, trained = (zoo.load("dense_ae", pretrained=p).get_weights()[0] for p in (False, True))
    assert np.abs(fresh - trained).max() > 0.01


def test_every_row_says_what_a_user_asks():
    others = {"text_ae": "glosses", "summarizer": "docstrings"}
    others |= dict.fromkeys(["signal_ae", "denoising_signal_ae"], "spoken_digit")
    for name, spec in CATALOG.items():
        default = others.get(name, "fashion_mnist")
        assert spec.summary.endswith(".") and spec.paper and spec.data_of(spec.tags[0]) == default, name
