"""exp, log, tanh and sigmoid for compiled loops: polynomials that the compiler can do for several rows at once; a call
of the C library's, one by one, takes five times as long. exp and log are doubles, within two units in the last place.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import intrinsic

from streamseg.compiled import compiled


def _reinterpret(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


_as_float: Any = intrinsic(lambda _, bits: (types.float64(types.int64), _reinterpret))
"""The double that has these 64 bits."""
_as_int: Any = intrinsic(lambda _, number: (types.int64(types.float64), _reinterpret))
"""The 64 bits of a double."""


@compiled
def exp(x: float) -> float:
    """e to the x, -708 to 708; beyond, the value at the end. Rational form of the Cephes library (Moshier)."""
    x = min(max(x, -708.0), 708.0)
    n = np.floor(1.4426950408889634 * x + 0.5)
    # x = n log 2 + r, log 2 in two parts, so that no digit of r is lost.
    r = x - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    y = r * r
    p = r * ((1.26177193074810590878e-4 * y + 3.02994407707441961300e-2) * y + 9.99999999999999999910e-1)
    q = (3.00198505138664455042e-6 * y + 2.52448340349684104192e-3) * y + 2.27265548208155028766e-1
    power: float = _as_float((np.int64(n) + 1023) << 52)
    found: float = (1.0 + 2.0 * p / (q * y + 2.0 - p)) * power
    return found


@compiled
def log(x: float) -> float:
    """Natural logarithm of a normal number above 0. Polynomial of fdlibm (Sun Microsystems, 1993)."""
    bits = _as_int(x)
    power = (bits - 0x3FE6A09E667F3BCD) >> 52  # x = 2^power (1 + f), 1 + f from sqrt(1/2) to sqrt(2)
    f = _as_float(bits - (power << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = (1.818357216161805012e-01 + w * 1.479819860511658591e-01) * w + 2.857142874366239149e-01
    rest = even + z * (6.666666666666735130e-01 + w * odd)
    half = 0.5 * f * f
    low: float = half - (s * (half + rest) + power * 1.90821492927058770002e-10)
    found: float = power * 6.93147180369123816490e-01 - (low - f)
    return found


_HALF: Final = np.float32(0.5)
_LARGEST: Final = np.float32(7.90531110763549805)
"""Where tanh is 1 in float32."""
_P1, _P3, _P5, _P7, _P9, _P11, _P13 = (
    np.float32(value)
    for value in (
        4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
        -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
    )
)  # fmt: skip
_Q0, _Q2, _Q4, _Q6 = (
    np.float32(value)
    for value in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)
"""By power of x."""


@compiled
def tanh(x: np.float32) -> np.float32:
    """Of a float32, within 5e-7. Rational approximation of Eigen's vectorised tanh."""
    x = max(min(x, _LARGEST), -_LARGEST)
    y = x * x
    # Written out, and not looped over coefficients: only so it is done for many x at once.
    p = ((((((_P13 * y + _P11) * y + _P9) * y + _P7) * y + _P5) * y + _P3) * y + _P1) * x
    return p / (((_Q6 * y + _Q4) * y + _Q2) * y + _Q0)


@compiled
def sigmoid(x: np.float32) -> np.float32:
    """Of a float32, within 3e-7: (1 + tanh(x / 2)) / 2."""
    return _HALF + _HALF * tanh(_HALF * x)
