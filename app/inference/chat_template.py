"""The turns of a chat model, as the template in its own file writes them.

The template is a program that came with the file (`tokenizer.chat_template`, Jinja). It runs in the formatter of
llama-cpp-python, which renders in Jinja's `ImmutableSandboxedEnvironment`: no attribute of Python's insides can
be reached and nothing be changed by it. It never sees the codebook or a tweet. It is given a word in their place, and
what it wrote before and after that word is what is kept; so the turns are the same for every tweet and can be
shared, and a template's own text is the only one in which special tokens are parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.inference.model_file import ModelFileError
from training.contract.gguf_head import GGUFError, GGUFHead, read_head

_TEMPLATE = "tokenizer.chat_template"
_PLACE = "the-text-of-the-user"
# Some templates write today's date. The prompt of a model must be the same tomorrow.
_DAY = datetime(2024, 7, 26)


@dataclass(frozen=True)
class ChatTurns:
    """What stands before and after the user's text; `has_system` tells whether the system's sentence is in it."""

    opening: str
    closing: str
    has_system: bool


def chat_turns(gguf: Path, system: str) -> ChatTurns | None:
    """Return the turns of a model with a sentence for its system role; None where it has no usable template.

    A template that refuses the system role, or leaves its sentence out, is asked without one. Raises
    `ModelFileError` where the file cannot be read.
    """
    try:
        head = read_head(gguf)
        template = head.value(_TEMPLATE)
    except (GGUFError, OSError) as error:
        raise ModelFileError(f"{gguf.name} cannot be read: {error}.") from error
    if not isinstance(template, str) or not template.strip():
        return None
    user = {"role": "user", "content": _PLACE}
    begin, end = _token(head, "bos"), _token(head, "eos")
    with_system = _turns(template, [{"role": "system", "content": system}, user], begin, end)
    if with_system is not None and system in with_system[0]:
        return ChatTurns(*with_system, has_system=True)
    alone = _turns(template, [user], begin, end)
    return None if alone is None else ChatTurns(*alone, has_system=False)


def _turns(template: str, messages: Sequence[dict[str, str]], begin: str, end: str) -> tuple[str, str] | None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from llama_cpp import llama_chat_format

    try:
        formatter = llama_chat_format.Jinja2ChatFormatter(template, eos_token=end, bos_token=begin)
        # A later version of the library might render in something else: then it is not run.
        if not isinstance(formatter._environment.environment, ImmutableSandboxedEnvironment):
            return None
        formatter.strftime_now = _DAY.strftime
        text = formatter(messages=list(messages), enable_thinking=False).prompt
    except Exception:
        # A program of somebody else may fail in any way; without it the model is asked in plain text.
        return None
    opening, found, closing = text.partition(_PLACE)
    return (opening, closing) if found and _PLACE not in closing else None


def _token(head: GGUFHead, which: str) -> str:
    number = head.value(f"tokenizer.ggml.{which}_token_id")
    tokens = head.value("tokenizer.ggml.tokens") if isinstance(number, int) else None
    return str(tokens[number]) if tokens and 0 <= number < len(tokens) else ""
