"""The smallest training loop: y = 2 x from three points. Runs with PyTorch too: change the import."""

from __future__ import annotations

import warnings

import tensorrs as torch

x_data = torch.Tensor([[1.0], [2.0], [3.0]])
y_data = torch.Tensor([[2.0], [4.0], [6.0]])


class LinearModel(torch.nn.Module):
    """One weight, one bias."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


def main() -> None:
    torch.manual_seed(0)
    model = LinearModel()
    with warnings.catch_warnings():
        # The argument is deprecated, and half the tutorials of the world use it.
        warnings.simplefilter("ignore", UserWarning)
        criterion = torch.nn.MSELoss(size_average=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    for epoch in range(1000):
        loss = criterion(model(x_data), y_data)
        if epoch % 100 == 0:
            print(epoch, loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    print("w=", model.linear.weight.item())
    print("b=", model.linear.bias.item())
    print("y_pred=", model(torch.Tensor([[4.0]])).data)


if __name__ == "__main__":
    main()
