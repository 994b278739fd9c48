"""The loss of a code that is a map: neighbours lie near, all others apart."""

from keras import ops

from zoo.backend import Tensor


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances ``(n, m)`` of the rows of ``a``, ``(n, d)``, from those of ``b``, ``(m, d)``."""
    squares = ops.sum(ops.square(a), axis=1)[:, None] + ops.sum(ops.square(b), axis=1)[None]
    return ops.maximum(squares - 2.0 * ops.matmul(a, ops.transpose(b)), 0.0)  # rounding may go below


def neighbour_cross_entropy(z: Tensor, neighbours: Tensor) -> Tensor:
    """Cross-entropy of finding an example's neighbour among all others of the batch by how near they lie.

    The nearness of two codes is ``q(a, b) = 1 / (1 + ‖a − b‖²)``, Student's kernel, as in t-SNE. The loss of a pair

        ``−½ log q(zᵢ, nᵢ) / (Σⱼ q(zᵢ, nⱼ) + Σⱼ≠ᵢ q(zᵢ, zⱼ))``  ``−½ log q(nᵢ, zᵢ) / (Σⱼ q(nᵢ, zⱼ) + Σⱼ≠ᵢ q(nᵢ, nⱼ))``

    pulls its two codes together, and pushes each from those of all other pairs.

    Args:
        z: codes ``(batch, d)``.
        neighbours: codes ``(batch, d)``, of a neighbour of each.

    Returns:
        ``(batch,)`` nats.

    References:
        Damrich, Böhm, Hamprecht & Kobak 2023, "From t-SNE to UMAP with Contrastive Learning", ICLR;
        Böhm, Berens & Kobak 2023, "Unsupervised Visualization of Image Datasets Using Contrastive Learning", ICLR.
    """
    attraction = ops.log1p(ops.sum(ops.square(z - neighbours), axis=1))
    across = 1.0 / (1.0 + squared_distances(z, neighbours))
    others = 1.0 - ops.eye(ops.shape(z)[0], dtype=z.dtype)
    to_z, to_neighbours = (
        ops.sum(others / (1.0 + squared_distances(codes, codes)), axis=1) for codes in (z, neighbours)
    )
    return attraction + 0.5 * (
        ops.log(ops.sum(across, axis=1) + to_z) + ops.log(ops.sum(across, axis=0) + to_neighbours)
    )
