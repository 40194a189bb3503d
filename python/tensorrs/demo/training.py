"""The training loop: epochs over a loader, loss and accuracy, a checkpoint after each."""

from __future__ import annotations

import os
import time
from typing import Any

import tensorrs
from tensorrs import nn
from tensorrs.utils.data import DataLoader, TensorDataset

from .progress import progress

_TEST_BATCH = 1000


class Trainer:
    """Trains a model and keeps the history: a dict of numbers for each epoch."""

    def __init__(
        self, model: Any, optimizer: Any, schedule: Any, device: str, checkpoint: str, settings: dict[str, Any]
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.device = device
        self.checkpoint = checkpoint
        self.settings = settings
        self.loss = nn.CrossEntropyLoss()
        self.history: list[dict[str, float]] = []
        self.images_seen = 0
        self.seconds = 0.0

    def fit(self, train: TensorDataset, test: TensorDataset, epochs: int, batch_size: int) -> None:
        """Train, test and save, `epochs` times. An interrupt saves what there is before it goes on its way."""
        loader: DataLoader[Any] = DataLoader(train, batch_size=batch_size, shuffle=True)
        try:
            for epoch in range(1, epochs + 1):
                row = self.train_epoch(loader, f"epoch {epoch}/{epochs}")
                self.schedule.step()
                row["test_loss"], row["test_accuracy"] = self.test(test)
                self.history.append(row)
                self.save()
                print(
                    f"epoch {epoch:2d}/{epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}  "
                    f"test loss {row['test_loss']:.4f}  test accuracy {row['test_accuracy']:.4f}",
                    flush=True,
                )
        except KeyboardInterrupt:
            self.save()
            raise

    def train_epoch(self, loader: DataLoader[Any], label: str) -> dict[str, float]:
        """One pass over the training images; the mean loss and accuracy on the way."""
        self.model.train()
        loss_sum, correct, seen = 0.0, 0, 0
        start = time.perf_counter()
        for images, targets in progress(loader, len(loader), label):
            images, targets = images.to(self.device), targets.to(self.device)
            self.optimizer.zero_grad()
            scores = self.model(images)
            loss = self.loss(scores, targets)
            loss.backward()
            self.optimizer.step()
            loss_sum += loss.item() * len(targets)
            correct += int((scores.argmax(1) == targets).sum())
            seen += len(targets)
        self.seconds += time.perf_counter() - start
        self.images_seen += seen
        return {"loss": loss_sum / seen, "accuracy": correct / seen}

    def test(self, data: TensorDataset) -> tuple[float, float]:
        """Mean loss and accuracy on the test images."""
        self.model.eval()
        loss_sum, correct = 0.0, 0
        with tensorrs.no_grad():
            for images, targets in DataLoader(data, batch_size=_TEST_BATCH):
                images, targets = images.to(self.device), targets.to(self.device)
                scores = self.model(images)
                loss_sum += self.loss(scores, targets).item() * len(targets)
                correct += int((scores.argmax(1) == targets).sum())
        return loss_sum / len(data), correct / len(data)

    def predict(self, images: Any) -> list[int]:
        """The class of each image."""
        self.model.eval()
        with tensorrs.no_grad():
            classes: list[int] = self.model(images.to(self.device)).argmax(1).tolist()
        return classes

    def save(self) -> None:
        """Write the checkpoint: model, optimiser, history and the settings they came from."""
        os.makedirs(os.path.dirname(self.checkpoint), exist_ok=True)
        tensorrs.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "settings": self.settings,
            },
            self.checkpoint,
        )

    @property
    def throughput(self) -> float:
        """Training images per second, testing left out."""
        return self.images_seen / self.seconds if self.seconds else 0.0
