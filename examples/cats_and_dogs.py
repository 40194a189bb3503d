"""The usual two-class image net, on made-up images: data set, loader, five convolutions, Adam, predictions.

Images of class 1 are brighter in the middle. Runs with PyTorch too: change the import.
"""

from __future__ import annotations

import tensorrs as torch
import tensorrs.nn as nn
import tensorrs.nn.functional as F
import tensorrs.optim as optim


class Images(torch.utils.data.Dataset):
    """`count` noisy 3 x 128 x 128 images of two classes."""

    def __init__(self, count: int) -> None:
        generator = torch.Generator().manual_seed(1)
        self.labels = torch.randint(0, 2, (count,), generator=generator)
        self.images = torch.rand(count, 3, 128, 128, generator=generator)
        self.images[:, :, 32:96, 32:96] += self.labels.view(-1, 1, 1, 1)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images[index], torch.tensor(self.labels[index].item(), dtype=torch.float32)


class Net(nn.Module):
    """Five convolutions down to one pixel of 32 channels, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.conv3 = nn.Conv2d(16, 32, 4)
        self.conv4 = nn.Conv2d(32, 32, 4)
        self.conv5 = nn.Conv2d(32, 32, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(32, 16)
        self.fc2 = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = self.pool(F.relu(self.conv3(x)))
        x = self.pool(F.relu(self.conv4(x)))
        x = F.relu(self.conv5(x))
        x = x.view(-1, 32)
        x = F.relu(self.fc1(x))
        return F.softmax(self.fc2(x), dim=1)


def main(count: int = 96, epochs: int = 10) -> float:
    torch.manual_seed(0)
    loader = torch.utils.data.DataLoader(Images(count), batch_size=32, shuffle=True)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    net = Net().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for epoch in range(epochs):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs.to(device)), labels.to(device).long())
            loss.backward()
            optimizer.step()
        print(f"Epoch: {epoch + 1} loss: {loss.item():.6f}")

    hits = 0
    with torch.no_grad():
        for inputs, labels in loader:
            hits += (net(inputs).argmax(1) == labels).sum().item()
    print(f"accuracy {hits / count:.3f}")
    return hits / count


if __name__ == "__main__":
    main()
