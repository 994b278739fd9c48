"""Generative adversarial networks, one a file."""

from zoo.models.gans.aae import AAE
from zoo.models.gans.cgan import CGAN
from zoo.models.gans.dcgan import DCGAN
from zoo.models.gans.gan import GAN
from zoo.models.gans.lsgan import LSGAN
from zoo.models.gans.sngan import SNGAN
from zoo.models.gans.vae_gan import VAEGAN
from zoo.models.gans.wgan import WGAN
from zoo.models.gans.wgan_gp import WGANGP

__all__ = ["AAE", "CGAN", "DCGAN", "GAN", "LSGAN", "SNGAN", "VAEGAN", "WGAN", "WGANGP"]
