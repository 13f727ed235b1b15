"""The paper's recipe on any base that we train, with transformers and peft: what ours is measured against.

arXiv 2508.06435: QLoRA (nf4 on a CUDA GPU; LoRA where there is none), bf16, rank 64, alpha 32, dropout 0.1, learning
rate 2e-4 constant, batch 16 as they come, weight decay 0.001, gradients clipped at 0.3, ten epochs, the loss over the
whole text: prompt, tweet and answer. The answer is generated, three tokens greedily (their temperature of 0.01), and
found by their regular expression. Left out: the chat's header tokens, which are Llama's own; and the quantisation
after training, which cost them up to three points: this recipe is scored as trained.

Where it is not said, it is as PEFT and transformers have it: all seven linear layers, no grouping by length.

As a program (`python -m benchmarks.papers_recipe JOB.json`) it does one job and prints one JSON object: a process of
its own, so that its peak of memory is its own.
"""

import json
import random
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.classify import PAPER_PROMPT

RANK, ALPHA, DROPOUT = 64, 32, 0.1
RATE, DECAY, CLIP, BATCH, EPOCHS = 2e-4, 0.001, 0.3, 16, 10
CATEGORIES = ("pro", "anti", "neutral", "unrelated")
# The prompt goes as far as this; the three tokens that follow hold the number.
CUE = "Answer ="
ANSWER = re.compile(r"Answer =.*?(\d+)")
_SCORED_AT_ONCE = 8


@dataclass(frozen=True)
class Job:
    """What one measurement needs. `rows` and `test`: (text, label) pairs; `steps` 0: all ten epochs."""

    base: str
    rows: list[list[str]]
    test: list[list[str]]
    steps: int
    seed: int


def do(job: Job) -> dict[str, Any]:
    """Train and answer; return seconds a step, tokens a second, memory and the predicted labels ("" for none)."""
    import torch

    from training import machine
    from training.tokenizer import Tokenizer

    plan = machine.plan("auto", "auto")
    torch.manual_seed(job.seed)
    torch.set_num_threads(plan.threads)
    model = _model(job.base, plan)
    tokenizer = Tokenizer(Path(job.base))
    begin = [] if tokenizer.begin_of_sequence is None else [tokenizer.begin_of_sequence]
    prompts = {text: begin + tokenizer.tokenize(_prompt(text)) for text, _ in [*job.rows, *job.test]}
    examples = [
        prompts[text] + tokenizer.tokenize(f" [{CATEGORIES.index(label) + 1}]. ") for text, label in job.rows
    ]
    steps_an_epoch = -(-len(examples) // BATCH)
    steps = job.steps or EPOCHS * steps_an_epoch
    seconds, tokens = _train(model, examples, steps, job.seed, plan)
    answers = _answers(model, [prompts[text] for text, _ in job.test], tokenizer, plan)
    return {
        "steps": steps,
        "whole": steps >= EPOCHS * steps_an_epoch,
        "seconds_an_epoch": seconds / steps * steps_an_epoch,
        "tokens_per_second": tokens / seconds,
        "memory": torch.cuda.max_memory_allocated() if plan.device == "cuda" else machine.peak_memory(),
        "predicted": answers,
    }


def _prompt(text: str) -> str:
    return PAPER_PROMPT.format(tweet=text) + CUE


def _model(path: str, plan: Any) -> Any:
    """Return the base with its language head, from the very weights that ours trains on, and PEFT's adapter."""
    import torch
    import transformers
    from peft import LoraConfig, get_peft_model

    from training import bases
    from training.gguf_file import GGUFFile

    base = bases.Base.open(GGUFFile(Path(path)))
    dtype = torch.bfloat16 if plan.precision == "bf16" else torch.float32
    nf4 = plan.method == "qlora"
    body: Any = bases.build(base, linear_dtype=dtype, attention=plan.attention, device=plan.device, nf4=nf4)
    kinds = {"llama": transformers.LlamaForCausalLM, "gemma3": transformers.Gemma3ForCausalLM}
    with torch.device("meta"):
        model = kinds[base.architecture](body.config)
    model.model = body
    own = "output.weight" in base.file.tensors
    head = (
        torch.from_numpy(base.file.numbers("output.weight")).to(plan.device)
        if own
        else body.embed_tokens.weight
    )
    model.lm_head.weight = torch.nn.Parameter(head, requires_grad=False)
    model.is_loaded_in_4bit = nf4
    settings = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=DROPOUT,
        target_modules=sorted(name.split(".")[1] for name in bases.LINEARS.values()),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, settings)


def _train(model: Any, examples: list[list[int]], steps: int, seed: int, plan: Any) -> tuple[float, int]:
    import torch

    parameters = [p for p in model.parameters() if p.requires_grad]
    if plan.device == "cuda":
        from bitsandbytes.optim import PagedAdamW32bit

        optimizer: Any = PagedAdamW32bit(parameters, lr=RATE, weight_decay=DECAY)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY)
    model.train()
    chance = random.Random(seed)
    waiting: list[list[int]] = []
    seconds, tokens = 0.0, 0
    for step in range(steps):
        if len(waiting) < BATCH and (step == 0 or not waiting):
            waiting = chance.sample(examples, len(examples))
        batch, waiting = waiting[:BATCH], waiting[BATCH:]
        started = time.perf_counter()
        ids, mask = _padded(batch, plan.device)
        with _autocast(plan):
            loss = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        optimizer.zero_grad()
        loss = float(loss.detach())
        seconds += time.perf_counter() - started
        tokens += int(mask.sum())
        print(f"paper's recipe: step {step + 1} of {steps}, loss {loss:.3f}", file=sys.stderr, flush=True)
    return seconds, tokens


def _answers(model: Any, prompts: list[list[int]], tokenizer: Any, plan: Any) -> list[str]:
    import torch

    model.eval()
    found = []
    for start in range(0, len(prompts), _SCORED_AT_ONCE):
        part = prompts[start : start + _SCORED_AT_ONCE]
        ids, mask = _padded(part, plan.device, left=True)
        for _ in range(3):
            # Padded on the left, a sequence still begins at place 0.
            places = (mask.cumsum(1) - 1).clamp(min=0)
            with torch.no_grad(), _autocast(plan):
                logits = model(
                    input_ids=ids, attention_mask=mask, position_ids=places, logits_to_keep=1
                ).logits
            ids = torch.cat([ids, logits[:, -1].argmax(dim=1, keepdim=True)], dim=1)
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        for row in ids[:, -3:].tolist():
            match = ANSWER.search(CUE + "".join(tokenizer.text(token) for token in row))
            number = int(match.group(1)) if match else 0
            found.append(CATEGORIES[number - 1] if 1 <= number <= len(CATEGORIES) else "")
    return found


def _padded(rows: list[list[int]], device: str, left: bool = False) -> tuple[Any, Any]:
    import torch

    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        part = slice(longest - len(row), None) if left else slice(0, len(row))
        ids[i, part] = torch.tensor(row)
        mask[i, part] = 1
    return ids.to(device), mask.to(device)


def _autocast(plan: Any) -> Any:
    import torch

    return torch.autocast(plan.device, torch.bfloat16, enabled=plan.precision == "bf16")


if __name__ == "__main__":
    print(json.dumps(do(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))))
