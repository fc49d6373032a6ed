"""What the implementations of TV-L1 share: parameters, constants, the pyramid's sizes."""

from typing import NamedTuple


class TVL1(NamedTuple):
    """OpenCV's parameters and default values.

    Besides them, u is filtered by the median of 5x5 pixels before the inner iterations, and levels
    of the pyramid whose shorter side is below SMALLEST pixels are left out, as in OpenCV.
    """

    tau: float = 0.25
    """Time step of the dual variables."""
    lambda_: float = 0.15
    """Weight of the data term: the smaller, the smoother the flow."""
    theta: float = 0.3
    """Tightness of the link between the data term and the smoothness term."""
    scales: int = 5
    """Levels of the pyramid."""
    warps: int = 5
    """Warpings of the second frame a scale."""
    epsilon: float = 0.01
    """Root of the mean squared change of the flow, in pixels, at which iterations stop."""
    inner_iterations: int = 30
    """Most iterations between two median filterings."""
    outer_iterations: int = 10
    """Most median filterings a warping."""
    scale_step: float = 0.8
    """Size of a level over that of the level below it."""


SMALLEST = 16
FLAT = 1.1920929e-07
"""Squared gradient below which a pixel says nothing about motion: the float32 epsilon."""
CUBIC = -0.75
"""Coefficient of bicubic interpolation."""


def tvl1_parameters(given: dict[str, float]) -> TVL1:
    """Raises ValueError for a name that TV-L1 does not have or a value it can't work with."""
    if unknown := set(given) - set(TVL1._fields):
        raise ValueError(
            f"TV-L1 has no parameter {', '.join(sorted(unknown))} (it has: "
            f"{', '.join(TVL1._fields)})"
        )
    # The types of the defaults, so that a compiled method is compiled once.
    parameters = TVL1(
        **{
            name: type(default)(given.get(name, default))
            for name, default in TVL1._field_defaults.items()
        }
    )
    if not (min(parameters) > 0 and parameters.scale_step < 1):
        raise ValueError("TV-L1's parameters are above 0, and scale_step is below 1")
    return parameters


def level_sizes(height: int, width: int, parameters: TVL1) -> list[tuple[int, int]]:
    """Heights and widths of the pyramid's levels, the finest first."""
    sizes = [(height, width)]
    while len(sizes) < parameters.scales:
        # Python rounds halves to even, as OpenCV does.
        height = round(height * parameters.scale_step)
        width = round(width * parameters.scale_step)
        if min(height, width) < SMALLEST:
            break
        sizes.append((height, width))
    return sizes
