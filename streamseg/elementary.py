"""exp and log for compiled loops: polynomials within two units in the last place, which the compiler can do for several
rows at once; a call of the C library's, one by one, takes five times as long.
"""

from __future__ import annotations

from typing import Any

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
