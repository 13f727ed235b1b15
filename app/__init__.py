"""StanceDesk: label tweets, agree, fine-tune a small language model, classify millions of tweets."""

__version__ = "0.1.0"
