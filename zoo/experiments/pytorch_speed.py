"""PyTorch's turns in ``zoo benchmark train``: a script for the Python of an environment that has torch and pythae.

    python pytorch_speed.py '{"net": "dense", "batch_size": 128, "images": 60000, "threads": 2}'

Prints a line of JSON with the versions and the net's parameters, then answers each line ``pytorch STEPS`` or ``pythae
STEPS`` of its input with the seconds that so many steps took. ``pytorch`` is a plain loop, with batches taken from one
tensor; ``pythae`` is an epoch of its ``BaseTrainer`` on as many images, without what that does between epochs. Both
train by Adam, float32, on random images. It imports nothing of this package, which its environment need not have.
"""

import json
import logging
import os
import sys
import tempfile
import time

import torch
from torch import nn


def nets(name: str):
    """Encoder and decoder, as modules of pythae: its own of MNIST, or 784-512-16-512-784."""
    from pythae.models import AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_AE_MNIST

    config = AEConfig(input_dim=(1, 28, 28), latent_dim=16)
    if name == "conv":
        return config, Encoder_Conv_AE_MNIST(config), Decoder_Conv_AE_MNIST(config)

    class Encoder(BaseEncoder):
        def __init__(self):
            BaseEncoder.__init__(self)
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 16))

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self):
            BaseDecoder.__init__(self)
            self.layers = nn.Sequential(nn.Linear(16, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z).reshape(-1, 1, 28, 28))

    return config, Encoder(), Decoder()


class Plain:
    """A loop as PyTorch's tutorials have it."""

    def __init__(self, net: str, images: torch.Tensor, batch_size: int):
        _, self.encoder, self.decoder = nets(net)
        self.images, self.batch_size = images, batch_size
        self.weights = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(self.weights, 1e-3)

    def train(self, steps: int) -> None:
        order = torch.randperm(len(self.images))
        for step in range(steps):
            start = step * self.batch_size % (len(order) - self.batch_size + 1)
            x = self.images[order[start : start + self.batch_size]]
            self.optimizer.zero_grad()
            reconstruction = self.decoder(self.encoder(x).embedding).reconstruction
            loss = ((reconstruction - x) ** 2).flatten(1).sum(1).mean()
            loss.backward()
            self.optimizer.step()


class Pythae:
    """pythae's trainer."""

    def __init__(self, net: str, images: torch.Tensor, batch_size: int):
        from pythae.data.datasets import BaseDataset
        from pythae.models import AE
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        logging.disable(logging.INFO)
        config, encoder, decoder = nets(net)
        settings = BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch_size, optimizer_cls="Adam"
        )
        self.images, self.batch_size, self.epoch = images, batch_size, 0
        self.dataset = lambda number: BaseDataset(images[:number], torch.ones(number))
        self.trainer = BaseTrainer(AE(config, encoder, decoder), self.dataset(batch_size), training_config=settings)
        self.trainer.prepare_training()
        handler, config = self.trainer.callback_handler, self.trainer.model_config
        handler.on_train_begin(training_config=settings, model_config=config)
        self.loaders = {}

    def train(self, steps: int) -> None:
        trainer = self.trainer
        if steps not in self.loaders:
            self.loaders[steps] = trainer.get_train_dataloader(self.dataset(steps * self.batch_size))
        trainer.train_loader = self.loaders[steps]
        self.epoch += 1
        settings = trainer.training_config
        trainer.callback_handler.on_epoch_begin(
            training_config=settings, epoch=self.epoch, train_loader=trainer.train_loader, eval_loader=None
        )
        trainer.train_step(self.epoch)
        trainer.callback_handler.on_epoch_end(training_config=settings)


def main() -> None:
    import importlib.metadata

    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # pythae prints
    images = torch.rand(settings["images"], 1, 28, 28)
    arguments = settings["net"], images, settings["batch_size"]
    trainings = {"pytorch": Plain(*arguments), "pythae": Pythae(*arguments)}
    about = {
        "torch": torch.__version__,
        "pythae": importlib.metadata.version("pythae"),
        "parameters": sum(weights.numel() for weights in trainings["pytorch"].weights),
    }
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        started = time.perf_counter()
        trainings[name].train(int(steps))
        print(time.perf_counter() - started, file=answers, flush=True)


if __name__ == "__main__":
    main()
