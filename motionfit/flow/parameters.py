"""What all implementations of TV-L1 share: parameters, constants and the sizes of the pyramid."""

from typing import NamedTuple


class TVL1(NamedTuple):
    """The parameters of TV-L1, with OpenCV's default values.

    As in OpenCV, a median filter of 5x5 pixels is applied to the flow before the inner iterations,
    and levels of the pyramid whose shorter side is below SMALLEST pixels are left out.
    """

    tau: float = 0.25
    """Time step of the dual variables."""
    lambda_: float = 0.15
    """Weight of the data term. Smaller values give smoother flow."""
    theta: float = 0.3
    """Tightness of the link between the data term and the smoothness term."""
    scales: int = 5
    """Largest number of pyramid levels."""
    warps: int = 5
    """Number of warps of the second frame per scale."""
    epsilon: float = 0.01
    """Root mean squared change of the flow, in pixels, at which the iterations stop."""
    inner_iterations: int = 30
    """Largest number of iterations between two median filters."""
    outer_iterations: int = 10
    """Largest number of median filters per warp."""
    scale_step: float = 0.8
    """Ratio of the size of a level to the size of the next finer level."""


SMALLEST = 16
"""Shortest side of a pyramid level in pixels."""
FLAT = 1.1920929e-07
"""Squared gradient below which a pixel has no information about motion: the float32 epsilon."""
CUBIC = -0.75
"""Coefficient of the bicubic interpolation."""


def tvl1_parameters(given: dict[str, float]) -> TVL1:
    """The parameters with defaults for those that are not given. Raises ValueError for an unknown
    name or an invalid value."""
    if unknown := set(given) - set(TVL1._fields):
        raise ValueError(
            f"TV-L1 has no parameter {', '.join(sorted(unknown))} (it has: "
            f"{', '.join(TVL1._fields)})"
        )
    # The values get the types of the defaults, so that a compiled method is compiled only once.
    parameters = TVL1(
        **{
            name: type(default)(given.get(name, default))
            for name, default in TVL1._field_defaults.items()
        }
    )
    if not (min(parameters) > 0 and parameters.scale_step < 1):
        raise ValueError("TV-L1's parameters must be above 0, and scale_step below 1")
    return parameters


def level_sizes(height: int, width: int, parameters: TVL1) -> list[tuple[int, int]]:
    """Heights and widths of the pyramid levels, from fine to coarse."""
    sizes = [(height, width)]
    while len(sizes) < parameters.scales:
        # Python rounds halves to even, as OpenCV does.
        height = round(height * parameters.scale_step)
        width = round(width * parameters.scale_step)
        if min(height, width) < SMALLEST:
            break
        sizes.append((height, width))
    return sizes
