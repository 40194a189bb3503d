"""A convolutional net with an L1 loss: forward, backward, one step. Runs with PyTorch too: change the import."""

from __future__ import annotations

import tensorrs as torch
import tensorrs.nn as nn
import tensorrs.nn.functional as F
import tensorrs.optim as optim


class Net(nn.Module):
    """1 x 32 x 32 images to 2 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(16 * 28 * 28, 512)
        self.fc2 = nn.Linear(512, 64)
        self.fc3 = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = x.view(-1, 16 * 28 * 28)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def main() -> None:
    torch.manual_seed(0)
    net = Net()
    input_data = torch.randn(1, 1, 32, 32)
    target = torch.randn(2).view(1, -1)
    criterion = nn.L1Loss()

    loss = criterion(net(input_data), target)
    net.zero_grad()
    loss.backward()
    optim.SGD(net.parameters(), lr=0.01).step()
    print(loss.item(), "->", criterion(net(input_data), target).item())


if __name__ == "__main__":
    main()
