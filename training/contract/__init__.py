"""What the program and a training run agree on: names, rows, events and the prompt. Standard library only."""
