"""What a million tweets take in time, energy and money on this machine, beside the price of an API.

Electricity alone is counted on this side, and list prices a token on the other: neither the machine, nor the work of
labelling and training, nor discounts. Every figure that is not measured is one that the user can set.
"""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from app.errors import UserError
from app.study.rounding import rounded

MILLION = 1_000_000
_SECONDS_AN_HOUR = 3600
_SLOWEST, _FASTEST = 1e-6, 1e9
# Amounts below it are none.
_NOTHING = 1e-9

# GPT-4o, which the work that this program comes from (arXiv 2508.06435) compares with. The same figures stand on
# https://vercel.com/ai-gateway/models/gpt-4o.
API_NAME = "GPT-4o"
API_SOURCE = "https://openrouter.ai/openai/gpt-4o-2024-11-20"
API_LOOKED_UP = "29 November 2026"
API_CURRENCY = "$"
LEFT_OUT = "Not counted: the machine, labelling and training; loading the model; discounts of the API."


def _number(default: float, words: str, least: float, most: float, decimals: int) -> Any:
    limits = {"words": words, "least": least, "most": most, "decimals": decimals}
    return field(default=default, metadata=limits)


@dataclass(frozen=True)
class Assumptions:
    """What the costs rest on; each field says in its metadata what it is (`words`) and its limits.

    Raises `UserError` for a value that is not a number or lies outside of its limits. The defaults of the machine are
    assumptions, no measurements; those of the tokens are the paper's instruction (88 tokens by SmolLM2's vocabulary),
    a tweet (57 in the mean of the paper's English ones) and at most three tokens of an answer.
    """

    watts: float = _number(65.0, "watts that the machine draws at work", 0.1, 100_000, 1)
    price_per_kwh: float = _number(0.3, "price of a kilowatt-hour", 0, 1_000_000, 4)
    api_input: float = _number(2.5, "price of a million tokens sent to the API", 0, 1_000_000, 4)
    api_output: float = _number(10.0, "price of a million tokens that the API answers", 0, 1_000_000, 4)
    tokens_in: float = _number(150.0, "tokens sent for a tweet, with the prompt", 1, 1_000_000, 1)
    tokens_out: float = _number(3.0, "tokens answered for a tweet", 0, 1_000_000, 1)
    currency: str = field(default=API_CURRENCY, metadata={"words": "sign of the currency of all prices"})

    def __post_init__(self) -> None:
        for one in number_fields():
            limits, value = one.metadata, getattr(self, one.name)
            if not limits["least"] <= value <= limits["most"]:
                raise UserError(
                    f"“{limits['words'][0].upper()}{limits['words'][1:]}” cannot be {value:g}.",
                    f"Give a number between {limits['least']:g} and {limits['most']:,}.",
                )
        sign = self.currency
        if (
            not 1 <= len(sign) <= 5
            or not sign.isprintable()
            or any(one.isdigit() or one == " " for one in sign)
        ):
            raise UserError(
                f"“{sign}” is no sign of a currency.", "Write one to five letters or signs, such as $ or EUR."
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Assumptions":
        """Return what is known and possible of these values, and the defaults of all others."""
        found: dict[str, Any] = {}
        for one in fields(cls):
            value = values.get(one.name)
            wanted = isinstance(value, str) if one.name == "currency" else type(value) in (int, float)
            if wanted:
                single: dict[str, Any] = {one.name: value}
                with contextlib.suppress(UserError):
                    cls(**single)
                    found |= single
        return cls(**found)

    def changed(self) -> dict[str, Any]:
        """Return the values that differ from the defaults."""
        default = asdict(Assumptions())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    @property
    def has_default_api(self) -> bool:
        """Whether the price of the API is the one that was looked up for this program."""
        default = Assumptions()
        return (self.api_input, self.api_output) == (default.api_input, default.api_output)

    @property
    def api_cost(self) -> float:
        """What the API charges for a million tweets: its prices are for a million tokens."""
        return self.tokens_in * self.api_input + self.tokens_out * self.api_output


def number_fields() -> list[Any]:
    """Return the fields of `Assumptions` that are numbers, in the order in which they are asked for."""
    return [one for one in fields(Assumptions) if "least" in one.metadata]


@dataclass(frozen=True)
class MillionTweets:
    """What a million tweets take. `ratio`: None where either of the two costs nothing."""

    tweets_per_second: float
    entered: Assumptions
    hours: float
    kwh: float
    cost: float
    api_cost: float

    @property
    def ratio(self) -> float | None:
        """How many times as much as the electricity the API costs."""
        return self.api_cost / self.cost if min(self.cost, self.api_cost) > _NOTHING else None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, with where the API's price is from."""
        return asdict(self) | {"ratio": self.ratio, "api_price": price_source(self.entered)}

    def summary(self) -> str:
        """Return it in a sentence."""
        money = self.entered.currency
        return (
            f"A million tweets take this machine {time_told(self.hours)}, {energy_told(self.kwh)} and "
            f"{amount(self.cost, money)} of electricity; the API would charge {amount(self.api_cost, money)}."
            f"{_comparison(self.ratio)}"
        )

    def methods_text(self) -> str:
        """Return a paragraph for a methods section."""
        e = self.entered
        return (
            f"Classification ran at {self.tweets_per_second:.3g} tweets a second, which is {time_told(self.hours)} for "
            f"a million tweets. At {e.watts:g} W and {amount(e.price_per_kwh, e.currency)} a kWh that is "
            f"{energy_told(self.kwh)} or {amount(self.cost, e.currency)} of electricity; the machine itself, labelling "
            f"and training are not counted. An API at {amount(e.api_input, e.currency)} per million tokens sent and "
            f"{amount(e.api_output, e.currency)} per million tokens answered would charge "
            f"{amount(self.api_cost, e.currency)} for a million tweets of {e.tokens_in:g} tokens sent (with the "
            f"prompt) and {e.tokens_out:g} answered, without discounts.{_comparison(self.ratio)} {price_source(e)}"
        )


def cost_of_a_million(tweets_per_second: float, entered: Assumptions) -> MillionTweets:
    """Return what a million tweets take at a speed; raise `UserError` for a speed that cannot be."""
    if not _SLOWEST <= tweets_per_second <= _FASTEST:
        raise UserError(
            f"{tweets_per_second:g} tweets a second is no speed.",
            "Classify some tweets first, or give a number above 0.",
        )
    hours = MILLION / tweets_per_second / _SECONDS_AN_HOUR
    kwh = entered.watts * hours / 1000
    cost = kwh * entered.price_per_kwh
    return MillionTweets(tweets_per_second, entered, hours, kwh, cost, entered.api_cost)


def assumed(entered: Assumptions) -> str:
    """Return what the figures rest on and what they leave out."""
    return (
        f"Assumed, not measured: {entered.watts:g} watts, {amount(entered.price_per_kwh, entered.currency)} a "
        f"kilowatt-hour, {entered.tokens_in:g} tokens sent and {entered.tokens_out:g} answered for a tweet. {LEFT_OUT}"
    )


def price_source(entered: Assumptions) -> str:
    """Return where the API's price is from, dated."""
    if not entered.has_default_api:
        return "The price of the API was entered by the user."
    default = Assumptions()
    return (
        f"The price of the API is that of {API_NAME} in US dollars, {default.api_input:.2f} per million tokens sent "
        f"and {default.api_output:.2f} answered, looked up on {API_LOOKED_UP} ({API_SOURCE}); prices change, "
        "please check."
    )


def time_told(hours: float) -> str:
    """Return a time in one unit: seconds, minutes, hours, or days."""
    if hours * 60 < 1:
        return f"{rounded(hours * _SECONDS_AN_HOUR, 1)} seconds"
    if hours < 1:
        return f"{rounded(hours * 60, 1)} minutes"
    return f"{rounded(hours, 1)} hours" if hours < 72 else f"{rounded(hours / 24, 1):,} days"


def energy_told(kwh: float) -> str:
    """Return an amount of energy in kWh, three figures where it is small."""
    return f"{_figures(kwh)} kWh"


def amount(money: float, currency: str) -> str:
    """Return an amount with its currency's sign before it; small ones to two figures, none is ``$0``."""
    space = " " if currency[-1].isalpha() else ""
    return f"{currency}{space}{_figures(money)}"


def _figures(value: float) -> str:
    """Return a number as a bill has it: whole from 1,000 on, else two decimals, and two figures below 0.1."""
    if value >= 1000:
        return f"{rounded(value, 0):,}"
    if value >= 0.1:
        return str(rounded(value, 2))
    return f"{rounded(value, 1 - math.floor(math.log10(value))):f}" if value > _NOTHING else "0"


def _comparison(ratio: float | None) -> str:
    """Return the comparison as a sentence of its own, with a space before it; "" where there is none to make."""
    if ratio is None:
        return ""
    if 0.95 <= ratio < 1.05:
        return " Both cost about the same."
    if ratio > 1:
        return f" The API costs {_round_figure(ratio)} times as much as the electricity."
    return f" The electricity costs {_round_figure(1 / ratio)} times as much as the API."


def _round_figure(value: float) -> str:
    """Return a number with two figures, so that no more is told than is known."""
    if value < 10:
        return str(rounded(value, 1))
    digits = math.floor(math.log10(value)) - 1
    return f"{rounded(value / 10**digits, 0) * 10**digits:,}"
