"""BFGS as in SciPy, which Amp uses, with a cheaper update of the inverse Hessian.

SciPy multiplies full matrices twice per update, 4 n^3 operations for n weights: a second per step
for the 2,108 weights of hidden layers (50, 25, 10, 10), more than Amp's loss takes. Here the same
rank-two update is written out, which takes of the order of n^2 operations. Line search and
stopping rules are SciPy's, except for its limit of 200 n steps, so the steps are the same up to
rounding (tested). On Amp's loss it is rounding that ends SciPy's BFGS; this one ends at a different
point, so it is only used where SciPy's is too slow.
"""

import numpy as np
from scipy.optimize import OptimizeResult
from scipy.optimize._optimize import _line_search_wolfe12, _LineSearchError

GTOL = 1e-15  # largest component of the gradient at which Amp lets BFGS end


def bfgs(fun, x0, jac=True, args=(), method=None, options=None) -> OptimizeResult:
    """Minimise a function like ``scipy.optimize.minimize(fun, x0, jac=True, method="BFGS")``.

    Args:
        fun: (x, *args) -> (value, gradient).
        x0: (n,), the starting point.
        jac: always True in Amp; ignored.
        args: passed on to ``fun``.
        method, options: as Amp passes them to SciPy; only ``options["gtol"]`` is used.

    Returns:
        ``x``, ``fun``, ``nit``, ``success`` and ``status``: 0 for a gradient below gtol, 2 if the
        line search fails or the value is not finite.
    """
    gtol = (options or {}).get("gtol", GTOL)
    last: dict = {}

    def both(x):
        if not np.array_equal(last.get("x"), x):
            value, gradient = fun(np.copy(x), *args)
            last.update(x=np.copy(x), value=float(value), gradient=np.array(gradient, float))
        return last

    def value(x):
        return both(x)["value"]

    def gradient(x):
        return both(x)["gradient"]

    x = np.asarray(x0, float).copy()
    f, g = value(x), gradient(x)
    f_before = f + np.linalg.norm(g) / 2
    inverse, iterations, status = np.eye(len(x)), 0, 0
    while np.abs(g).max() > gtol:
        direction = -inverse @ g
        try:
            step, _, _, f, f_before, g_new = _line_search_wolfe12(
                value, gradient, x, direction, g, f, f_before, amin=1e-100, amax=1e100
            )
        except _LineSearchError:
            status = 2
            break
        s = step * direction
        x = x + s
        g_new = gradient(x) if g_new is None else g_new
        y, g = g_new - g, g_new
        iterations += 1
        if np.abs(g).max() <= gtol:
            break
        if not np.isfinite(f):
            status = 2
            break
        curvature = y @ s
        rho = 1000.0 if curvature == 0.0 else 1.0 / curvature
        hy = inverse @ y
        inverse += np.outer(rho * (1.0 + rho * (y @ hy)) * s, s)
        inverse -= np.outer(rho * s, hy) + np.outer(rho * hy, s)
    return OptimizeResult(x=x, fun=f, nit=iterations, status=status, success=status == 0)
