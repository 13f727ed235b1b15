"""Fine-tuning: a run folder in, a 4-bit GGUF out. Runs in a process of its own."""
