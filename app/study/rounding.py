"""How figures are rounded and written, the same in the window, in files and in the paragraph for a paper."""

from decimal import ROUND_HALF_UP, Decimal

MINUS = "−"


def rounded(value: float, places: int, shift: int = 0) -> Decimal:
    """Return a number times 10^`shift`, rounded half up (away from zero) to so many decimals; never a negative zero.

    Rounded is the number as it is written, shortest, in decimals: 0.285 is 28.5 per cent, though no binary number
    is exactly that.
    """
    exact = Decimal(repr(float(value))).scaleb(shift)
    # Adding zero makes no "-0.000".
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) + 0


def per_cent(share: float, places: int = 1) -> str:
    """Return a share as ``81.3 %``, with so many decimals."""
    return f"{rounded(share, places, shift=2)} %".replace("-", MINUS)


def score(value: float) -> str:
    """Return a score with three decimals, ``0.812``."""
    return str(rounded(value, 3)).replace("-", MINUS)
