"""tensorrs against PyTorch, row by row and in turns: `python benches/compare`, see `command.py`."""
