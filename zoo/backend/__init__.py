"""The one place below training that knows TensorFlow: what ``keras.ops`` lacks, or does not convert to LiteRT."""

from zoo.backend.tensorflow import depth_to_space, start, with_gradient_at_replicas_mean

__all__ = ["depth_to_space", "start", "with_gradient_at_replicas_mean"]
