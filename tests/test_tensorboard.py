"""What TensorBoard would read: the events of every kind, by tensorboardX's own reader of records."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

import tensorrs as torch
from tensorrs import nn

pytest.importorskip("tensorboardX")


def events(folder: Path) -> list[Any]:
    """Records of length, checksum, data, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.rglob("events.out.tfevents*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            found.append(Event.FromString(data[at + 12 : at + 12 + size]))
            at += size + 16
    return found


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x) + 1)


def test_every_kind(tmp_path: Path) -> None:
    from tensorrs.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        assert writer.log_dir == str(tmp_path)
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(0.5 * step), step)
        writer.add_scalars("both", {"a": torch.tensor(1.0), "b": 2.0}, 0)
        writer.add_image("image", torch.rand(3, 8, 8), 0)
        writer.add_images("images", torch.rand(4, 1, 8, 8), 0)
        writer.add_histogram("weights", torch.randn(100), 0)
        writer.add_text("notes", "hello", 0)
        writer.add_hparams({"lr": 0.1, "name": "sgd"}, {"accuracy": torch.tensor(0.9)}, run_name="first")
        writer.add_scalar("precise", torch.tensor(0.25, dtype=torch.float64), 0, None, True, double_precision=True)
        writer.add_pr_curve("curve", torch.tensor([0, 1, 1]), torch.tensor([0.2, 0.7, 0.4]), 0, num_thresholds=5)
        assert writer.get_logdir() == writer.log_dir
        writer.add_graph(Net(), torch.ones(2, 3))
    seen = events(tmp_path)
    values = [(v.tag, e.step, v) for e in seen for v in e.summary.value]
    assert [(step, v.simple_value) for tag, step, v in values if tag == "loss"] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    tags = {tag for tag, _, _ in values}
    assert {"image", "images", "weights", "notes/text_summary", "accuracy", "precise", "curve"} <= tags
    assert (tmp_path / "first").is_dir()
    (image,) = [v.image for tag, _, v in values if tag == "image"]
    assert (image.height, image.width, image.encoded_image_string[:4]) == (8, 8, b"\x89PNG")
    (weights,) = [v.histo for tag, _, v in values if tag == "weights"]
    assert weights.num == 100
    assert any(e.graph_def for e in seen)


def test_the_graph_has_modules_ops_and_parameters() -> None:
    from tensorrs.utils.tensorboard import _graph

    nodes = {node.name: node for node in _graph(Net(), torch.ones(2, 3)).node}
    assert nodes["Net/head/Addmm"].op == "Addmm"
    assert "Net/head/weight" not in nodes["Net/body/0/Addmm"].input
    assert {"Net/body/0/bias", "input/0"} <= set(nodes["Net/body/0/Addmm"].input)
    assert list(nodes["Net/body/1/Relu"].input) == ["Net/body/0/Addmm"]
    assert list(nodes["Net/Add"].input) == ["Net/body/1/Relu"]
    assert list(nodes["output/0"].input) == ["Net/head/Addmm"]
    assert nodes["Net/head/bias"].op == "Parameter"
    assert [d.size for d in nodes["Net/head/bias"].attr["_output_shapes"].list.shape[0].dim] == [2]
    assert all(name in nodes for node in nodes.values() for name in node.input)
