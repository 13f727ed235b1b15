"""A model's forward pass in PyTorch: its kernels multiply unfolded weights faster than llama.cpp's on most processors.

Only what an answer needs is computed. The tokens of all texts lie one after the other, so that nothing is multiplied
for padding; attention alone looks at them as a grid of texts. In the last layer only the last tokens go on, and of the
output matrix only the rows of the answers are multiplied.

Two architectures: `llama` (Touvron et al. 2023, arXiv 2302.13971) and `gemma3` (Gemma Team 2025, arXiv 2503.19786), as
llama.cpp computes them from the same file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.inference.model_weights import ModelWeights, UnreadableWeightsError
from app.inference.products import Product
from app.inference.token_grid import TokenGrid

if TYPE_CHECKING:
    import numpy as np
    import torch

    Tokens = np.ndarray[Any, np.dtype[np.int32]]
    Floats = np.ndarray[Any, np.dtype[np.float32]]

# GGUF's names of what a layer has, without "blk.<number>." and ".weight".
_LINEARS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_NORMS = {
    "llama": ("attn_norm", "ffn_norm"),
    "gemma3": (
        "attn_norm", "attn_q_norm", "attn_k_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm",
    ),
}  # fmt: skip
# Gemma 3's design, not in its file: five layers that see a window of the text, then one that sees all of it, and the
# base of the rotations in the former.
_GEMMA_PATTERN = 6
_GEMMA_WINDOW_ROPE = 10_000.0
# Keys that would change the computation in a way that is not written here.
_UNKNOWN_KEYS = ("rope.scaling.attn_factor", "attn_logit_softcapping", "expert_count", "attention.scale")


@dataclass
class _Layer:
    """A layer's weights. Those of a linear are (outputs, inputs), with the norm before it multiplied in."""

    queries: Product
    keys_values: Product
    output: Product
    gate: Product
    up: Product
    down: Product
    # Of Gemma: norms of queries and keys (heads, head) and after attention and feed-forward (width).
    query_norm: "torch.Tensor | None"
    key_norm: "torch.Tensor | None"
    after_attention: "torch.Tensor | None"
    after_feed_forward: "torch.Tensor | None"
    # Cosine and sine of each position's rotations, (positions, half a head).
    cosine: "torch.Tensor"
    sine: "torch.Tensor"
    # How many tokens back it sees; 0 for all.
    window: int


@dataclass
class Prefix:
    """What texts share: per layer its keys and values, each (1, key heads, tokens, head)."""

    tokens: int = 0
    layers: "list[tuple[torch.Tensor, torch.Tensor]]" = field(default_factory=list)


class TorchNetwork:
    """A model that answers with the logits of a few tokens, in float32. It knows `longest` positions.

    Raises `UnreadableWeightsError` where the model is of another kind. Not for several threads at once.
    """

    def __init__(
        self,
        weights: ModelWeights,
        longest: int,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        import numpy as np
        import torch

        check_architecture(weights)
        self._weights = weights
        architecture = self._architecture = weights.head.value("general.architecture")
        self._width = int(self._key("embedding_length"))
        self._heads = int(self._key("attention.head_count"))
        self._key_heads = int(self._key("attention.head_count_kv") or self._heads)
        self._head = int(
            self._key("attention.key_length")
            or self._key("rope.dimension_count")
            or self._width // self._heads
        )
        self._epsilon = float(self._key("attention.layer_norm_rms_epsilon"))
        self._softcap = float(self._key("final_logit_softcapping") or 0.0)
        self._vocabulary = weights.tensors["token_embd.weight"].shape[1]
        self._is_gemma = architecture == "gemma3"
        self._norm = torch.from_numpy(weights.vector("output_norm.weight"))
        # Rows are read when their token first comes up: most of a large vocabulary never does.
        self._rows = np.empty((self._vocabulary, self._width), dtype=np.float32)
        self._is_read = np.zeros(self._vocabulary, dtype=np.bool_)
        rotations = self._rotations(longest)
        self._layers = []
        for number in range(_layers(weights)):
            check()
            self._layers.append(self._layer(number, rotations))

    def prefix(self, tokens: Sequence[int]) -> Prefix:
        """Return what the texts after these tokens need to know of them."""
        import numpy as np
        import torch

        found = Prefix(len(tokens))
        if not tokens:
            return found
        with torch.inference_mode():
            grid = TokenGrid([len(tokens)], 0)
            hidden = self._embedded(np.asarray(tokens, dtype=np.int32))
            for layer in self._layers:
                hidden = self._through(layer, hidden, grid, None, found.layers)
        return found

    def logits(self, texts: "Sequence[Tokens]", columns: Sequence[int], prefix: Prefix) -> "Floats":
        """Return the logits of the tokens `columns` after each text, float32 (texts, columns)."""
        import numpy as np
        import torch

        with torch.inference_mode():
            grid = TokenGrid([len(text) for text in texts], prefix.tokens)
            hidden = self._embedded(np.concatenate(texts))
            for number, layer in enumerate(self._layers):
                before = prefix.layers[number] if prefix.tokens else None
                if number == len(self._layers) - 1:
                    grid.only_last = True
                hidden = self._through(layer, hidden, grid, before)
            logits = (self._normed(hidden) * self._norm) @ self._answers(columns).T
            if self._softcap:
                logits = self._softcap * torch.tanh(logits / self._softcap)
            found: Floats = logits.numpy()
        return found

    def _through(
        self,
        layer: _Layer,
        hidden: "torch.Tensor",
        grid: TokenGrid,
        before: "tuple[torch.Tensor, torch.Tensor] | None",
        kept: "list[tuple[torch.Tensor, torch.Tensor]] | None" = None,
    ) -> "torch.Tensor":
        """Return the hidden states after a layer: (tokens, width), or (texts, width) where only the last go on."""
        from torch.nn import functional

        normed = self._normed(hidden)
        asking = grid.last_of(normed)
        queries = layer.queries(asking)
        keys, values = layer.keys_values(normed).chunk(2, dim=1)
        attended = self._attention(layer, queries, keys, values, grid, before, kept)
        change = layer.output(attended)
        hidden = grid.last_of(hidden) + self._after(change, layer.after_attention)
        normed = self._normed(hidden)
        gate = layer.gate(normed)
        active = functional.gelu(gate, approximate="tanh") if self._is_gemma else functional.silu(gate)
        change = layer.down(active.mul_(layer.up(normed)))
        return hidden.add_(self._after(change, layer.after_feed_forward))

    def _attention(
        self,
        layer: _Layer,
        queries: "torch.Tensor",
        keys: "torch.Tensor",
        values: "torch.Tensor",
        grid: TokenGrid,
        before: "tuple[torch.Tensor, torch.Tensor] | None",
        kept: "list[tuple[torch.Tensor, torch.Tensor]] | None",
    ) -> "torch.Tensor":
        """Return what each query finds, (queries, heads · head)."""
        import torch

        queries = self._turned(queries, self._heads, layer, layer.query_norm, grid.query_positions)
        keys = self._turned(keys, self._key_heads, layer, layer.key_norm, grid.positions)
        values = values.view(-1, self._key_heads, self._head)
        # (texts, key heads, tokens, head)
        keys, values = (part[grid.cells].movedim(2, 1) for part in (keys, values))
        if kept is not None:
            kept.append((keys, values))
        if before is not None:
            texts = len(grid.lengths)
            keys = torch.cat([before[0].expand(texts, -1, -1, -1), keys], dim=2)
            values = torch.cat([before[1].expand(texts, -1, -1, -1), values], dim=2)
        asked = queries[grid.query_cells]
        texts, rows = asked.shape[:2]
        # The heads that share a key head lie under one another: (texts, key heads, group · rows, head).
        asked = asked.view(texts, rows, self._key_heads, -1, self._head).permute(0, 2, 3, 1, 4)
        scores = asked.reshape(texts, self._key_heads, -1, self._head) @ keys.transpose(2, 3)
        scores = scores.view(texts, self._key_heads, -1, rows, keys.shape[2])
        shares = scores.masked_fill_(grid.hidden_from(layer.window), float("-inf")).softmax(dim=-1)
        found = shares.view(texts, self._key_heads, -1, keys.shape[2]) @ values
        found = found.view(texts, self._key_heads, -1, rows, self._head).permute(0, 3, 1, 2, 4)
        return found.reshape(texts * rows, self._heads * self._head)[grid.filled]

    def _turned(
        self,
        states: "torch.Tensor",
        heads: int,
        layer: _Layer,
        norm: "torch.Tensor | None",
        positions: "torch.Tensor",
    ) -> "torch.Tensor":
        """Return queries or keys by head, (tokens, heads, head), each turned by its position (Su et al. 2021)."""
        import torch

        states = states.view(-1, heads, self._head)
        if norm is not None:
            states = self._normed(states).mul_(norm)
        cosine, sine = layer.cosine[positions], layer.sine[positions]
        first, second = states.chunk(2, dim=2)
        turned = torch.empty_like(states)
        one, other = turned.chunk(2, dim=2)
        torch.mul(first, cosine, out=one).addcmul_(second, sine, value=-1)
        torch.mul(second, cosine, out=other).addcmul_(first, sine)
        return turned

    def _normed(self, states: "torch.Tensor") -> "torch.Tensor":
        """Return states of root mean square 1 in the last dimension (Zhang and Sennrich 2019, arXiv 1910.07467)."""
        import torch

        squares = torch.linalg.vector_norm(states, dim=-1, keepdim=True).square_().div_(states.shape[-1])
        return states * squares.add_(self._epsilon).rsqrt_()

    def _after(self, change: "torch.Tensor", norm: "torch.Tensor | None") -> "torch.Tensor":
        return change if norm is None else self._normed(change).mul_(norm)

    def _embedded(self, tokens: "Tokens") -> "torch.Tensor":
        import torch

        self._read(tokens)
        hidden = torch.from_numpy(self._rows[tokens])
        return hidden.mul_(self._width**0.5) if self._is_gemma else hidden

    def _read(self, tokens: "Tokens") -> None:
        """Read the rows of tokens that come up for the first time."""
        import numpy as np

        new = np.unique(tokens[~self._is_read[tokens]])
        if len(new):
            self._rows[new] = self._weights.rows("token_embd.weight", new)
            self._is_read[new] = True

    def _answers(self, columns: Sequence[int]) -> "torch.Tensor":
        """Return the output matrix's rows of some tokens."""
        import torch

        name = "output.weight" if "output.weight" in self._weights.tensors else "token_embd.weight"
        return torch.from_numpy(self._weights.rows(name, list(columns)))

    def _layer(self, number: int, rotations: "tuple[_Rotations, _Rotations]") -> _Layer:
        import numpy as np
        import torch

        def linear(name: str, norm: str = "") -> "Floats":
            numbers = self._weights.numbers(self._weights.tensors[f"blk.{number}.{name}.weight"])
            return numbers * self._weights.vector(f"blk.{number}.{norm}.weight") if norm else numbers

        def vector(name: str) -> "torch.Tensor | None":
            whole = f"blk.{number}.{name}.weight"
            return torch.from_numpy(self._weights.vector(whole)) if whole in self._weights.tensors else None

        queries, keys = linear("attn_q", "attn_norm"), linear("attn_k", "attn_norm")
        query_norm = vector("attn_q_norm")
        # Attention's scale, here once instead of in each score.
        scale = self._head**-0.5
        if query_norm is None:
            queries = self._halves(queries, self._heads) * np.float32(scale)
            keys = self._halves(keys, self._key_heads)
        else:
            query_norm.mul_(scale)
        is_whole = not self._is_gemma or (number + 1) % _GEMMA_PATTERN == 0
        cosine, sine = rotations[0 if is_whole else 1]
        return _Layer(
            queries=Product(queries),
            keys_values=Product(np.concatenate([keys, linear("attn_v", "attn_norm")])),
            output=Product(linear("attn_output")),
            gate=Product(linear("ffn_gate", "ffn_norm")),
            up=Product(linear("ffn_up", "ffn_norm")),
            down=Product(linear("ffn_down")),
            query_norm=query_norm,
            key_norm=vector("attn_k_norm"),
            after_attention=vector("post_attention_norm"),
            after_feed_forward=vector("post_ffw_norm"),
            cosine=cosine,
            sine=sine,
            window=0 if is_whole else int(self._key("attention.sliding_window") or 0),
        )

    def _halves(self, matrix: "Floats", heads: int) -> "Floats":
        """Reorder rows of `llama`: in its file two numbers that turn together stand side by side, here they do not."""
        half = self._head // 2
        return matrix.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(matrix.shape)

    def _rotations(self, longest: int) -> "tuple[_Rotations, _Rotations]":
        """Return cosine and sine of layers that see all, and of those that see a window."""
        import torch

        def of(base: float, factor: float, stretched: "torch.Tensor | None" = None) -> "_Rotations":
            steps = base ** -(torch.arange(0, self._head, 2).double() / self._head) / factor
            angles = torch.outer(
                torch.arange(longest).double(), steps if stretched is None else steps / stretched
            )
            return angles.cos().float()[:, None], angles.sin().float()[:, None]

        factor = 1.0
        if self._key("rope.scaling.type") == "linear":
            factor = float(self._key("rope.scaling.factor") or 1.0)
        stretched = None
        if "rope_freqs.weight" in self._weights.tensors:
            stretched = torch.from_numpy(self._weights.vector("rope_freqs.weight")).double()
        window_base = float(self._key("rope.freq_base_swa") or _GEMMA_WINDOW_ROPE)
        return of(float(self._key("rope.freq_base") or 10_000.0), factor, stretched), of(window_base, 1.0)

    def _key(self, name: str) -> Any:
        return self._weights.head.value(f"{self._architecture}.{name}")


_Rotations = tuple["torch.Tensor", "torch.Tensor"]


def check_architecture(weights: ModelWeights) -> None:
    """Raise `UnreadableWeightsError` where this is no model that is computed here, to the last tensor."""
    architecture = weights.head.value("general.architecture")
    if architecture not in _NORMS:
        raise UnreadableWeightsError(f"its architecture is {architecture}")
    if unknown := [key for key in _UNKNOWN_KEYS if weights.head.value(f"{architecture}.{key}")]:
        raise UnreadableWeightsError(f"it has {unknown[0]}")
    scaling = weights.head.value(f"{architecture}.rope.scaling.type")
    if scaling not in (None, "none", "linear"):
        raise UnreadableWeightsError(f"its positions are stretched by {scaling}")
    wanted = {"token_embd.weight", "output_norm.weight"} | {
        f"blk.{number}.{name}.weight"
        for number in range(_layers(weights))
        for name in (*_LINEARS, *_NORMS[architecture])
    }
    if wanted ^ (weights.tensors.keys() - {"output.weight", "rope_freqs.weight"}):
        raise UnreadableWeightsError("it has other tensors than its architecture")


def _layers(weights: ModelWeights) -> int:
    return int(weights.head.value(f"{weights.head.value('general.architecture')}.block_count") or 0)
