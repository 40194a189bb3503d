"""A program that uses a wide part of the package, for type checkers: `mypy --strict` and `pyright` must accept it.

`assert_type` holds what each call gives; the file also runs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import Tensor, nn, optim
from tensorrs.optim import lr_scheduler
from tensorrs.utils.data import DataLoader, Dataset, TensorDataset, random_split

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: Any, kind: Any) -> Any:
        return value


def tensors() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    y = torch.zeros((3, 4), dtype=torch.float64, device="cpu")
    z = torch.tensor([[1, 2], [3, 4]], dtype=torch.float32)
    assert_type(x, Tensor)
    assert_type(x + 1, Tensor)
    assert_type(2.0 * x - y / 3, Tensor)
    assert_type(-(x**2), Tensor)
    assert_type(x @ x.T, Tensor)
    assert_type(x == 0, Tensor)
    assert_type((x > 0) & ~(x < 1), Tensor)
    assert_type(x[0], Tensor)
    assert_type(x[..., None, 1:3], Tensor)
    assert_type(x[x > 0], Tensor)
    assert_type(x[torch.tensor([0, 1]), :], Tensor)
    z[0, 1] = 5
    z[z > 2] = torch.zeros(())
    z += 1
    assert_type(z.add_(1).mul_(2), Tensor)
    assert_type(x.shape, torch.Size)
    assert_type(x.shape[0], int)
    assert_type(x.size(), torch.Size)
    assert_type(x.size(0), int)
    assert_type(x.dtype, torch.dtype)
    assert_type(x.device, torch.device)
    assert_type(x.dim(), int)
    assert_type(x.numel(), int)
    assert_type(x.requires_grad, bool)
    assert_type(x.grad, Tensor | None)
    assert_type(x.sum(), Tensor)
    assert_type(x.sum(dim=(0, 1), keepdim=True), Tensor)
    assert_type(x.mean(0), Tensor)
    assert_type(x.max(), Tensor)
    values, indices = x.max(dim=1)
    assert_type(values + indices, Tensor)
    assert_type(x.max(1).indices, Tensor)
    assert_type(x.topk(2).values, Tensor)
    assert_type(torch.sort(x, dim=0, descending=True).indices, Tensor)
    assert_type(torch.equal(x, x), bool)
    assert_type(torch.allclose(x, x, atol=1e-5), bool)
    assert_type(x.view(-1, 2).reshape(4, 3).permute(1, 0), Tensor)
    assert_type(x.transpose(0, 1).contiguous(), Tensor)
    assert_type(x.to(torch.float64), Tensor)
    assert_type(x.to("cpu", dtype=torch.float32, non_blocking=True), Tensor)
    assert_type(x.float().double().long().bool(), Tensor)
    assert_type(x.unsqueeze(0).squeeze(0).flatten(), Tensor)
    assert_type(x.chunk(2, dim=0), tuple[Tensor, ...])
    assert_type(torch.split(x, 2), tuple[Tensor, ...])
    assert_type(torch.cat([x, x], dim=1), Tensor)
    assert_type(torch.stack((x, x)), Tensor)
    assert_type(torch.where(x > 0, x, torch.zeros_like(x)), Tensor)
    assert_type(torch.where(x > 0, x, 0.0), Tensor)
    assert_type(torch.einsum("ij,kj->ik", x, x), Tensor)
    assert_type(torch.exp(x), Tensor)
    assert_type(torch.matmul(x, x.t(), out=None), Tensor)
    assert_type(torch.clamp(x, min=0, max=1), Tensor)
    assert_type(x.clamp(0.0), Tensor)
    assert_type(torch.arange(0, 10, 2), Tensor)
    assert_type(torch.linspace(0, 1, steps=5), Tensor)
    assert_type(torch.eye(3), Tensor)
    assert_type(torch.full((2, 2), 1.5), Tensor)
    assert_type(torch.randint(0, 10, (3,)), Tensor)
    assert_type(torch.randperm(5), Tensor)
    assert_type(torch.rand_like(x), Tensor)
    assert_type(x.nonzero(), Tensor)
    assert_type(x.nonzero(as_tuple=True), tuple[Tensor, ...])
    assert_type(x.unique(), Tensor)
    assert_type(x.std(dim=0, unbiased=False), Tensor)
    assert_type(torch.var_mean(x, dim=0), tuple[Tensor, Tensor])
    assert_type(x.argmax(1), Tensor)
    assert_type(x.any(), Tensor)
    assert_type(x.norm(p=2, dim=1), Tensor)
    assert_type(x.gather(1, torch.zeros(3, 1, dtype=torch.long)), Tensor)
    assert_type(z.scatter_(0, torch.zeros(1, 2, dtype=torch.long), 1.0), Tensor)
    assert_type(z.masked_fill(z > 0, float("-inf")), Tensor)
    assert_type(z.expand(2, 2, 2).repeat(1, 2, 1), Tensor)
    assert_type(z.tril().triu(diagonal=-1), Tensor)
    assert_type(z.cumsum(dim=0), Tensor)
    assert_type(z.detach().clone().cpu(), Tensor)
    assert_type(z.requires_grad_(), Tensor)
    assert_type(len(z), int)
    number: float = z.sum().item()
    assert_type(float(z.sum()), float)
    assert_type(int(z.sum()), int)
    assert_type(bool(z.sum() > 0), bool)
    rows: list[Tensor] = [row for row in z]
    assert_type(iter(z), Iterator[Tensor])
    nested = z.tolist()
    array = z.detach().numpy()
    assert_type(torch.from_numpy(array), Tensor)
    assert_type(torch.finfo(torch.float32).eps, float)
    assert_type(torch.iinfo(torch.int32).max, int)
    assert number
    assert rows
    assert nested
    generator = torch.Generator().manual_seed(3)
    assert_type(torch.randn(2, generator=generator), Tensor)
    assert_type(torch.empty(3).uniform_(0, 1, generator=generator), Tensor)
    torch.manual_seed(0)


def gradients() -> None:
    x = torch.ones(3, requires_grad=True)
    loss = (x**2).sum()
    loss.backward(retain_graph=True)
    (g,) = torch.autograd.grad(loss, x, create_graph=True)
    assert_type(g, Tensor)
    handle = x.register_hook(lambda grad: grad * 2)
    handle.remove()
    with torch.no_grad():
        x.sub_(0.1 * g)
    x.grad = None

    @torch.no_grad()
    def without(t: Tensor) -> Tensor:
        return t * 2

    assert_type(without(x), Tensor)

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            y: Tensor = 2 * x * grad
            return y

    Square.apply(x).sum().backward()

    def square(t: Tensor) -> Tensor:
        return t**2

    torch.autograd.functional.jacobian(square, torch.ones(2))
    torch.autograd.gradcheck(square, torch.ones(2, dtype=torch.float64, requires_grad=True))


def linear_algebra() -> None:
    a = torch.randn(3, 3, dtype=torch.float64)
    b = a @ a.mT + torch.eye(3, dtype=torch.float64)
    assert_type(torch.linalg.inv(b), Tensor)
    assert_type(torch.linalg.det(b), Tensor)
    assert_type(torch.linalg.solve(b, a), Tensor)
    assert_type(torch.linalg.cholesky(b), Tensor)
    assert_type(torch.linalg.norm(a), Tensor)
    assert_type(torch.linalg.eigvalsh(b), Tensor)
    q, r = torch.linalg.qr(a)
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    assert torch.allclose(q @ r, u @ torch.diag(s) @ vh)
    try:
        torch.linalg.inv(torch.zeros(2, 2))
    except torch.linalg.LinAlgError as error:
        problem: RuntimeError = error
        assert str(problem)


class Block(nn.Module):
    """A convolution with its norm and activation."""

    scale: Tensor

    def __init__(self, inputs: int, outputs: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding="same")
        self.norm = nn.BatchNorm2d(outputs)
        self.drop = nn.Dropout(dropout)
        self.gain = nn.Parameter(torch.ones(outputs, 1, 1))
        self.register_buffer("scale", torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.drop(F.relu(self.norm(self.conv(x)), inplace=True))
        return y * self.gain * self.scale


class Net(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(1, 4), Block(4, 4)])
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 4, 32), nn.GELU(), nn.Linear(32, classes))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.head(self.pool(x))
        return y


class Digits(Dataset[tuple[Tensor, int]]):
    def __init__(self, count: int) -> None:
        self.images = torch.rand(count, 1, 8, 8)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], index % 10


def modules() -> None:
    net = Net()
    assert_type(net.head[0], nn.Module)
    for name, parameter in net.named_parameters():
        assert_type(name, str)
        assert_type(parameter, nn.Parameter)
    assert_type(next(net.parameters()), nn.Parameter)
    assert_type(net.train(), Net)
    assert_type(net.eval().to("cpu").float(), Net)
    assert_type(sum(p.numel() for p in net.parameters()), int)
    net.apply(lambda module: None)
    with torch.no_grad():
        nn.init.kaiming_normal_(net.blocks[0].get_parameter("conv.weight"))

    def watch(module: nn.Module, args: Any, output: Any) -> None:
        assert output.shape

    hook = net.register_forward_hook(watch)
    hook.remove()
    lstm = nn.LSTM(4, 8, num_layers=2, batch_first=True, bidirectional=True)
    output, (h, c) = lstm(torch.randn(2, 5, 4))
    assert_type(nn.MultiheadAttention(8, 2, batch_first=True).num_heads, int)
    nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)(torch.randn(2, 5, 8))
    nn.Embedding(10, 4, padding_idx=0)(torch.tensor([1, 2]))
    nn.LayerNorm((4,), eps=1e-6)(torch.randn(2, 4))
    nn.utils.clip_grad_norm_(net.parameters(), max_norm=1.0)
    assert_type(F.cross_entropy(torch.randn(2, 3), torch.tensor([0, 1]), label_smoothing=0.1), Tensor)
    assert_type(F.interpolate(torch.randn(1, 1, 4, 4), scale_factor=2, mode="bilinear"), Tensor)
    assert_type(F.conv2d(torch.randn(1, 1, 4, 4), torch.randn(2, 1, 3, 3), padding=1), Tensor)
    assert_type(F.max_pool2d(torch.randn(1, 1, 4, 4), 2), Tensor)
    assert_type(F.softmax(torch.randn(2, 3), dim=1), Tensor)
    assert_type(F.dropout(torch.randn(2, 3), p=0.5), Tensor)
    assert_type(F.pad(torch.randn(2, 3), (1, 1), value=0.0), Tensor)
    assert_type(F.one_hot(torch.tensor([1]), num_classes=3), Tensor)
    assert_type(F.linear(torch.randn(2, 3), torch.randn(4, 3), None), Tensor)
    assert output.shape[-1] == 16
    assert h.shape == c.shape


def train(epochs: int = 1) -> float:
    train_set, test_set = random_split(Digits(40), [30, 10])
    loader = DataLoader(train_set, batch_size=10, shuffle=True, drop_last=True)
    net = Net()
    optimizer: optim.Optimizer = optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01)
    groups = optim.SGD([{"params": net.head.parameters(), "lr": 0.1}, {"params": net.blocks.parameters()}], lr=0.01)
    groups.zero_grad(set_to_none=True)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    plateau = lr_scheduler.ReduceLROnPlateau(groups, patience=2)
    criterion = nn.CrossEntropyLoss(weight=torch.ones(10), reduction="mean")
    total = 0.0
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss: Tensor = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        schedule.step()
        plateau.step(total)
    rates: list[float] = schedule.get_last_lr()
    assert rates
    assert_type(len(test_set), int)
    for group in optimizer.param_groups:
        group["lr"] *= 0.5

    def closure() -> Tensor:
        optimizer.zero_grad()
        images, labels = next(iter(loader))
        again: Tensor = criterion(net(images), labels)
        again.backward()
        return again

    optimizer.step(closure)
    pair = TensorDataset(torch.rand(4, 2), torch.arange(4))
    assert_type(pair[0], tuple[Tensor, ...])
    return total


def saving() -> None:
    net = Net()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.pth"
        torch.save({"net": net.state_dict(), "epoch": 3}, path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        result = net.load_state_dict(found["net"], strict=True)
        assert_type(result.missing_keys, list[str])
        torch.safetensors.save_file(dict(net.state_dict()), str(Path(folder) / "net.safetensors"))


if __name__ == "__main__":
    tensors()
    gradients()
    linear_algebra()
    modules()
    train()
    saving()
