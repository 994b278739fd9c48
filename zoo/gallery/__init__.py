"""A site of every shipped model: static pages, made from the cards, certificates, histories and pictures alone."""

from zoo.gallery.site import write_gallery

__all__ = ["write_gallery"]
