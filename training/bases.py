"""A base model's GGUF file as a PyTorch model that can be trained.

The weights are dequantised straight from the file into the matching transformers model, name by name, so
that what is trained is what llama.cpp computes with. Only the body is built: the answer is read from a few
rows of the output matrix (`output_rows`), never from the whole vocabulary.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from training.errors import TrainingError
from training.gguf_file import GGUFFile

if TYPE_CHECKING:
    import numpy as np
    import torch

    Array = np.ndarray[Any, Any]

# GGUF's name of a layer's linear weight → the model's name. These seven are what the adapter changes.
LINEARS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_NORMS = {
    "llama": {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"},
    "gemma3": {
        "attn_norm": "input_layernorm",
        "attn_q_norm": "self_attn.q_norm",
        "attn_k_norm": "self_attn.k_norm",
        "post_attention_norm": "post_attention_layernorm",
        "ffn_norm": "pre_feedforward_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
}
ARCHITECTURES = tuple(_NORMS)
# Gemma 3's design, not in its GGUF keys: five sliding-window layers, then a full one, and their rope base.
_GEMMA_PATTERN = 6
_GEMMA_LOCAL_ROPE = 10_000.0


@dataclass(frozen=True)
class Base:
    """What is known of a base model from its file."""

    file: GGUFFile
    architecture: str
    layers: int
    heads: int
    kv_heads: int
    linears: dict[str, str] = field(repr=False)

    @classmethod
    def open(cls, file: GGUFFile) -> "Base":
        """Check that this is a base that can be trained; raise `TrainingError` where it is not."""
        architecture = file.value("general.architecture", "")
        if architecture not in ARCHITECTURES:
            raise TrainingError(
                f"The base model is of the kind “{architecture}”; StanceDesk trains "
                f"{' and '.join(ARCHITECTURES)} models. Choose another base."
            )
        layers = int(file.value(f"{architecture}.block_count", 0))
        heads = int(file.value(f"{architecture}.attention.head_count", 0))
        kv_heads = int(file.value(f"{architecture}.attention.head_count_kv", heads))
        linears = {
            f"blk.{layer}.{name}.weight": f"layers.{layer}.{module}"
            for layer in range(layers)
            for name, module in LINEARS.items()
        }
        missing = [name for name in [*linears, "token_embd.weight"] if name not in file.tensors]
        if missing or not linears:
            raise TrainingError(
                f"The base model {file.path.name} lacks {missing[0] if missing else 'its layers'}; it may be of "
                "a kind that cannot be trained here (a mixture of experts). Choose another base."
            )
        return cls(file, architecture, layers, heads, kv_heads, linears)

    @property
    def norms(self) -> dict[str, str]:
        """The file's names of the norms' weights and the model's names of those norms."""
        names = {"output_norm.weight": "norm"}
        for layer in range(self.layers):
            for name, module in _NORMS[self.architecture].items():
                names[f"blk.{layer}.{name}.weight"] = f"layers.{layer}.{module}"
        return names

    @property
    def norm_shift(self) -> float:
        """What the file's weight of a norm has above the model's: Gemma's multiply by 1 + weight, it holds the sum."""
        return 1.0 if self.architecture == "gemma3" else 0.0

    def weight(self, name: str) -> "Array":
        """Return a linear weight of the file in the model's order of rows, float32 (outputs, inputs)."""
        return self.to_model_rows(name, self.file.numbers(name))

    def to_model_rows(self, name: str, matrix: "Array") -> "Array":
        """Reorder a matrix's rows from GGUF's order to the model's (a difference in q and k of `llama`)."""
        heads = self._rotary_heads(name)
        if not heads:
            return matrix
        half = matrix.shape[0] // heads // 2
        return matrix.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(matrix.shape)

    def to_file_rows(self, name: str, matrix: "Array") -> "Array":
        """Reorder a matrix's rows from the model's order to GGUF's: the inverse of `to_model_rows`."""
        heads = self._rotary_heads(name)
        if not heads:
            return matrix
        half = matrix.shape[0] // heads // 2
        return matrix.reshape(heads, 2, half, -1).swapaxes(1, 2).reshape(matrix.shape)

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return self.file.tensors["token_embd.weight"].shape[0]

    def output_rows(self, tokens: list[int]) -> "Array":
        """Return the rows of the output matrix for some tokens, float32 (tokens, width)."""
        name = "output.weight" if "output.weight" in self.file.tensors else "token_embd.weight"
        return self.file.rows(name, tokens)

    @property
    def softcap(self) -> float:
        """The bound that the model puts on its logits, or 0 for none."""
        return float(self.file.value(f"{self.architecture}.final_logit_softcapping", 0.0))

    def _rotary_heads(self, name: str) -> int:
        if self.architecture != "llama":
            return 0
        return {"attn_q": self.heads, "attn_k": self.kv_heads}.get(name.split(".")[-2], 0)


def build(
    base: Base,
    *,
    linear_dtype: "torch.dtype",
    attention: str,
    device: str = "cpu",
    nf4: bool = False,
    check: Callable[[], None] = lambda: None,
) -> "torch.nn.Module":
    """Return the model's body with the file's weights, frozen; all but the linears in float32.

    The linears are in `linear_dtype`; with `nf4` they are held in four bits (bitsandbytes, double
    quantisation) and computed in `linear_dtype`. `check` is called between layers and may raise.
    """
    import torch

    config, kind = _configuration(base)
    config._attn_implementation = attention
    with torch.device("meta"):
        model = kind(config)
    for name, module in base.linears.items():
        check()
        linear = model.get_submodule(module)
        weight = torch.from_numpy(base.weight(name)).to(linear_dtype)
        if linear.weight.shape != weight.shape:
            raise TrainingError(
                f"The base model {base.file.path.name} is of an unknown shape. Choose another base."
            )
        if nf4:
            parent, _, last = module.rpartition(".")
            setattr(model.get_submodule(parent), last, _in_four_bits(weight, device))
        else:
            linear.weight = torch.nn.Parameter(weight.to(device), requires_grad=False)
    state = {
        f"{module}.weight": torch.from_numpy(base.file.numbers(name) - base.norm_shift)
        for name, module in base.norms.items()
    }
    state["embed_tokens.weight"] = torch.from_numpy(base.file.numbers("token_embd.weight"))
    model.load_state_dict(state, strict=False, assign=True)
    _restore_buffers(model, config, base)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.to(device)


def _in_four_bits(weight: "torch.Tensor", device: str) -> "torch.nn.Module":
    from bitsandbytes.nn import Linear4bit, Params4bit

    outputs, inputs = weight.shape
    linear = Linear4bit(
        inputs, outputs, bias=False, compute_dtype=weight.dtype, quant_type="nf4", device="meta"
    )
    linear.weight = Params4bit(weight, requires_grad=False, quant_type="nf4")
    # When it scores on a CPU it would pack its weights into a layout that gradients do not pass, for good:
    # epochs after the first evaluation would learn wrongly (bitsandbytes 0.50, nn/modules.py).
    linear.support_avx512bf16_for_cpu = False
    # Moving it is what quantises it.
    quantised: torch.nn.Module = linear.to(device)
    return quantised


def _configuration(base: Base) -> tuple[Any, Any]:
    import transformers

    def key(name: str, default: Any = None) -> Any:
        return base.file.value(f"{base.architecture}.{name}", default)

    width = key("embedding_length")
    head = key("attention.key_length", key("rope.dimension_count", width // base.heads))
    rope = {"rope_type": "default", "rope_theta": key("rope.freq_base", 10_000.0)}
    if key("rope.scaling.type", "none") == "linear":
        rope = rope | {"rope_type": "linear", "factor": key("rope.scaling.factor")}
    shared = {
        "vocab_size": base.vocabulary,
        "hidden_size": width,
        "intermediate_size": key("feed_forward_length"),
        "num_hidden_layers": base.layers,
        "num_attention_heads": base.heads,
        "num_key_value_heads": base.kv_heads,
        "head_dim": head,
        "rms_norm_eps": key("attention.layer_norm_rms_epsilon"),
        "max_position_embeddings": key("context_length"),
        "use_cache": False,
        "pad_token_id": None,
    }
    if base.architecture == "llama":
        return transformers.LlamaConfig(**shared, rope_parameters=rope), transformers.LlamaModel
    layer_types = [
        "full_attention" if (layer + 1) % _GEMMA_PATTERN == 0 else "sliding_attention"
        for layer in range(base.layers)
    ]
    local = {"rope_type": "default", "rope_theta": key("rope.freq_base_swa", _GEMMA_LOCAL_ROPE)}
    config = transformers.Gemma3TextConfig(
        **shared,
        query_pre_attn_scalar=head,
        sliding_window=key("attention.sliding_window"),
        layer_types=layer_types,
        rope_parameters={"full_attention": rope, "sliding_attention": local},
    )
    return config, transformers.Gemma3TextModel


def _restore_buffers(model: Any, config: Any, base: Base) -> None:
    """Compute anew what is not in the file, as it was built on the meta device."""
    import torch

    model.rotary_emb = type(model.rotary_emb)(config)
    if "rope_freqs.weight" in base.file.tensors:
        # Llama 3 stretches its slow frequencies; transformers does not read the factors from a GGUF.
        model.rotary_emb.inv_freq /= torch.from_numpy(base.file.numbers("rope_freqs.weight"))
    if base.architecture == "gemma3":
        model.embed_tokens.embed_scale = torch.tensor(config.hidden_size**0.5)
    left = [name for name, t in [*model.named_parameters(), *model.named_buffers()] if t.is_meta]
    if left:
        raise RuntimeError(f"not loaded: {left}")
