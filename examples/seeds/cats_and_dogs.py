"""Two classes of pictures in files: a data set over a folder, transforms, five convolutions, Adam, a table of answers.

`--data DIR` takes a folder with `train/cat.*.jpg`, `train/dog.*.jpg` and `test/*.jpg`; without it small pictures are
drawn, cats warm and dogs cold. Needs Pillow. Runs with PyTorch too: change the imports.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from PIL import Image

import tensorrs as torch
import tensorrs.nn.functional as F
from tensorrs import nn, optim, transforms

CLASSES = ("cat", "dog")


class Pictures(torch.utils.data.Dataset):
    """The pictures of a folder; their names begin with their class. An item is (3 x h x w between 0 and 1, class)."""

    def __init__(self, folder: Path, steps: list) -> None:
        self.paths = sorted(path for path in folder.iterdir() if path.name[:3] in CLASSES)
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        path = self.paths[index]
        label = torch.tensor(CLASSES.index(path.name[:3]), dtype=torch.float32)
        return self.transform(Image.open(path)), label


class Net(nn.Module):
    """Five convolutions down to one pixel of 32 channels, two linear layers. x: (n, 3, 128, 128), y: (n, 2)."""

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


def draw(folder: Path, train: int, test: int) -> list[int]:
    """Pictures of many sizes, as files; the classes of those to be judged."""
    labels = []
    for part, count in (("train", train), ("test", test)):
        (folder / part).mkdir(parents=True)
        for i in range(count):
            label = i % 2
            picture = torch.rand(3, 40 + i % 7, 50 - i % 5) * 0.6
            picture[2 * label] += 0.4
            name = f"{CLASSES[label]}.{i}.jpg" if part == "train" else f"{i}.jpg"
            transforms.ToPILImage()(picture).save(folder / part / name)
            if part == "test":
                labels.append(label)
    return labels


def train(folder: Path, epochs: int, batch_size: int, device: torch.device) -> Net:
    steps = [transforms.Resize((128, 128)), transforms.ToTensor()]
    loader = torch.utils.data.DataLoader(Pictures(folder, steps), batch_size=batch_size, shuffle=True)
    net = Net().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=0.003)
    for epoch in range(epochs):
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs.to(device)), labels.to(device).long())
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}, loss {loss.item():.6f}")
    return net


def judge(net: Net, folder: Path, answers: Path, device: torch.device) -> list[int]:
    """The class of each picture, written as `name,class`."""
    steps = transforms.Compose([transforms.Resize((128, 128)), transforms.ToTensor()])
    found = []
    with open(answers, "w", newline="") as file, torch.no_grad():
        table = csv.writer(file)
        for path in sorted(folder.iterdir(), key=lambda path: int(path.stem)):
            image = steps(Image.open(path))
            out = net(image.reshape(-1, *image.shape).to(device)).cpu().detach().numpy()
            found.append(int(out[0, 0] < out[0, 1]))
            table.writerow([path.stem, found[-1]])
    return found


def main(count: int = 64, epochs: int = 8, batch_size: int = 16) -> float:
    """Draw, train, judge: the share of right answers."""
    torch.manual_seed(0)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory() as folder:
        labels = draw(Path(folder), count, count // 4)
        net = train(Path(folder) / "train", epochs, batch_size, device)
        found = judge(net, Path(folder) / "test", Path(folder) / "answers.csv", device)
    share = sum(a == b for a, b in zip(found, labels, strict=True)) / len(labels)
    print(f"right answers: {share:.3f}")
    return share


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with train/ and test/")
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    if arguments.data is None:
        main()
    else:
        where = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        judge(
            train(arguments.data / "train", arguments.epochs, 128, where),
            arguments.data / "test",
            Path("answers.csv"),
            where,
        )
