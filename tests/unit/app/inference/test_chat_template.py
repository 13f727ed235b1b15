"""The turns of chat models: real templates, hostile ones, and none."""

from pathlib import Path

import pytest

from app.inference.chat_template import _turns, chat_turns
from app.inference.model_file import ModelFileError

SYSTEM = "You code tweets."
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
USER = [{"role": "user", "content": "the-text-of-the-user"}]


def test_a_real_template_gives_its_turns(smollm: Path) -> None:
    turns = chat_turns(smollm, SYSTEM)
    assert turns is not None
    assert turns.has_system
    assert turns.opening == f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
    assert turns.closing == "<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_template_there_are_no_turns(tiny_llama: Path) -> None:
    assert chat_turns(tiny_llama, SYSTEM) is None


def test_a_template_that_refuses_the_system_role_is_asked_without() -> None:
    assert _turns(GEMMA, [{"role": "system", "content": SYSTEM}, *USER], "<bos>", "<eos>") is None
    assert _turns(GEMMA, USER, "<bos>", "<eos>") == (
        "<bos><start_of_turn>user\n",
        "<end_of_turn>\n<start_of_turn>model\n",
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}",
        "{{ messages.append(messages[0]) }}{{ messages[0].content }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}{{ messages[0].content }}",
        "{% for %}",
        "{{ 1 / 0 }}",
        "nothing of the user",
        "{{ messages[0].content }} twice {{ messages[0].content }}",
    ],
)
def test_what_a_hostile_or_broken_template_tries_comes_to_nothing(template: str) -> None:
    assert _turns(template, USER, "", "") is None


def test_a_template_that_writes_the_date_writes_the_same_one_every_day() -> None:
    template = "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}"
    assert _turns(template, USER, "", "") == ("26 Jul 2024 ", "")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model at all, only words")
    with pytest.raises(ModelFileError):
        chat_turns(broken, SYSTEM)
