"""Kernel density of points on a raster in metres, and its contours.

The density at a place is the sum over the points of K(d), d being the distance in metres:

    quartic (biweight), radius R:            K(d) = 3 / (pi R^2) * (1 - (d / R)^2)^2, 0 from R on
    gaussian, R being the standard deviation:  K(d) = 1 / (2 pi R^2) * exp(-d^2 / (2 R^2))

(Silverman 1986, Density Estimation, section 4.2). Each integrates to 1, so the density is reports
per unit of area and its integral is the number of points; it is given per hectare.

How it is computed. Each point is spread over the nearest nodes of a lattice with B-spline weights
(degree 1 is linear binning); the lattice is convolved with a kernel by FFT. That kernel is not K
itself but its least-squares projection on the spline space, which takes back what the spreading
blurs: a correction of every order, where the usual one shrinks only the variance. The lattice is as
fine as the bound on the error asks for, and is padded by the kernel's reach, never reflected. All
that depends on the points only is kept, so a new selection costs one sparse product and one FFT.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self, TypeAlias, get_args

import contourpy
import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.sparse
import shapely
from scipy.interpolate import BSpline
from scipy.ndimage import convolve1d, spline_filter

Kernel: TypeAlias = Literal["quartic", "gaussian"]
Bounds: TypeAlias = tuple[float, float, float, float]
Transform: TypeAlias = tuple[float, float, float, float, float, float]
Floats: TypeAlias = npt.NDArray[np.float64]
Raster: TypeAlias = npt.NDArray[np.float32]
Selection: TypeAlias = npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]]

_M2_PER_HA = 10_000.0
# Lattice steps per bandwidth that keep the error of a single point's surface, anywhere, below 0.1 %
# of its peak, by degree of the spline; found by trial, checked in the tests.
_STEPS_PER_BANDWIDTH = {"quartic": {1: 27.5, 2: 15.0}, "gaussian": {1: 13.0, 2: 3.0}}
# Beyond this distance, in bandwidths, the kernel is nothing (gaussian: 4e-6 of the points).
_REACH = {"quartic": 1.0, "gaussian": 5.0}
# Nodes by which the projected kernel is wider than the kernel.
_TAIL = 8
_MAX_NODES = 16_000_000
_CHUNK = 1_000_000


class _Layout(NamedTuple):
    """A lattice over a raster: degree of the splines, nodes per pixel, pixels of padding."""

    degree: int
    refinement: int
    pad: int


class HeatGrid:
    """A raster of square pixels over an extent, and the points whose density it shows.

    Attributes: rows, columns; pixel_m, the side of a pixel; bounds (west, south, east, north).
    """

    def __init__(self, x: Floats, y: Floats, bounds: Bounds, width: int) -> None:
        west, south, east, north = bounds
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"x and y must be of one length, not {x.shape} and {y.shape}")
        if not (np.isfinite(bounds).all() and west < east and south < north and width > 0):
            raise ValueError(f"no extent: {bounds}, {width} pixels wide")
        self.columns = width
        self.pixel_m = (east - west) / width
        self.rows = max(1, int(np.ceil((north - south) / self.pixel_m - 1e-9)))
        self.bounds: Bounds = (west, north - self.rows * self.pixel_m, east, north)
        # In pixels, with whole numbers at the centres of the pixels.
        self._column = (x - west) / self.pixel_m - 0.5
        self._row = (north - y) / self.pixel_m - 0.5
        # On the instance, so that they go when the grid goes.
        self._lattice = lru_cache(maxsize=4)(self._build_lattice)
        self._transfer = lru_cache(maxsize=8)(self._build_transfer)

    @classmethod
    def build(cls, x: npt.ArrayLike, y: npt.ArrayLike, bounds: Bounds, *, width: int = 512) -> Self:
        """A raster of `width` columns over bounds (west, south, east, north), for points (n,).

        Metres in one projected system. The pixels are square, so the raster may reach a little
        further south. Points may lie outside: they count as far as their kernel reaches in; points
        with NaN count nowhere. ValueError: empty extent, or unequal lengths.
        """
        return cls(np.asarray(x, np.float64), np.asarray(y, np.float64), bounds, width)

    @property
    def transform(self) -> Transform:
        """Pixel corners, (a, b, c, d, e, f): x = a column + b row + c, y = d column + e row + f."""
        west, _, _, north = self.bounds
        return (self.pixel_m, 0.0, west, 0.0, -self.pixel_m, north)

    def density(
        self, select: Selection | None, bandwidth_m: float, kernel: Kernel = "quartic"
    ) -> Raster:
        """Reports per hectare at the pixel centres, (rows, columns), row 0 in the north.

        select: which of the points count: a mask (n,), indices (a repeated one counts again) or
        None for all. The error is below 0.1 % of the maximum. ValueError: unknown kernel, bandwidth
        not positive, or a selection from other points.
        """
        if kernel not in get_args(Kernel):
            raise ValueError(f"unknown kernel: {kernel!r}")
        if not (np.isfinite(bandwidth_m) and bandwidth_m > 0):
            raise ValueError(f"bandwidth must be positive, not {bandwidth_m}")
        counts = self._counts(select)
        # Linear spreading is the cheaper one a point, but asks for more nodes.
        layout = self._layout(1, bandwidth_m, kernel)
        if layout.refinement > 3:
            layout = self._layout(2, bandwidth_m, kernel)
        if layout.refinement > 1 and np.prod(self._nodes(layout)) > _MAX_NODES:
            density = self._exact(counts, bandwidth_m, kernel)
        else:
            density = self._convolved(counts, bandwidth_m, kernel, layout)
        # What rounding leaves far from every point.
        density[density < 1e-5 * density.max()] = 0.0
        return density

    def _counts(self, select: Selection | None) -> Raster | None:
        """How often each point counts, (n,), or None where each counts once."""
        if select is None:
            return None
        if select.dtype != np.bool_:
            counts = np.bincount(select, minlength=len(self._column))
            if len(counts) > len(self._column):
                raise ValueError(f"index {select.max()} for {len(self._column)} points")
            return counts.astype(np.float32)
        if select.shape != self._column.shape:
            raise ValueError(f"mask of {select.shape} for {len(self._column)} points")
        return None if select.all() else select.astype(np.float32)

    def _layout(self, degree: int, bandwidth_m: float, kernel: Kernel) -> _Layout:
        steps = _STEPS_PER_BANDWIDTH[kernel][degree]
        refinement = max(1, int(np.ceil(steps * self.pixel_m / bandwidth_m)))
        pad = _REACH[kernel] * bandwidth_m / self.pixel_m + _TAIL / refinement + 1
        # In few sizes, so that bandwidths share lattices.
        return _Layout(degree, refinement, 1 << int(np.ceil(np.log2(pad))))

    def _nodes(self, layout: _Layout) -> tuple[int, int]:
        """Rows and columns of a lattice, such that its FFT is fast and divides into pixels."""
        rows, columns = (
            scipy.fft.next_fast_len(side + 2 * layout.pad, real=True) * layout.refinement
            for side in (self.rows, self.columns)
        )
        return rows, columns

    def _build_lattice(
        self, layout: _Layout
    ) -> tuple[npt.NDArray[np.intp], scipy.sparse.csc_array, Raster]:
        """The points near enough to matter, (k,), their weights, (nodes, k), and their sum."""
        rows, columns = self._nodes(layout)
        first_row, row_weights = _spread(self._row, layout)
        first_column, column_weights = _spread(self._column, layout)
        side = layout.degree + 1
        # NaN compares false. The rows and columns past the padding are the FFT's, not ours.
        held = (first_row >= 0) & (
            first_row + side <= (self.rows + 2 * layout.pad) * layout.refinement
        )
        held &= first_column >= 0
        held &= first_column + side <= (self.columns + 2 * layout.pad) * layout.refinement
        points = np.flatnonzero(held)
        first = (first_row[points] * columns + first_column[points]).astype(np.int32)
        # Neighbours in the lattice are neighbours in memory: half the time of any other order.
        order = np.argsort(first, kind="stable")
        points, first = points[order], first[order]
        offsets = (np.arange(side)[:, None] * columns + np.arange(side)).ravel().astype(np.int32)
        weights = row_weights[points][:, :, None] * column_weights[points][:, None, :]
        spread = scipy.sparse.csc_array(
            (
                weights.ravel(),
                (first[:, None] + offsets).ravel(),
                np.arange(len(points) + 1, dtype=np.int32) * side**2,
            ),
            shape=(rows * columns, len(points)),
        )
        return points, spread, spread @ np.ones(len(points), np.float32)

    def _build_transfer(
        self, bandwidth_m: float, kernel: Kernel, layout: _Layout
    ) -> npt.NDArray[np.complex64]:
        """The Fourier transform of the projected kernel, per hectare, on a lattice."""
        step_m = self.pixel_m / layout.refinement
        projected = _projection(bandwidth_m / step_m, kernel, layout.degree) / step_m**2
        half = len(projected) // 2
        wrapped = np.zeros(self._nodes(layout), np.float32)
        around = np.arange(-half, half + 1)
        wrapped[np.ix_(around, around)] = projected * _M2_PER_HA
        return np.asarray(scipy.fft.rfft2(wrapped))

    def _convolved(
        self, counts: Raster | None, bandwidth_m: float, kernel: Kernel, layout: _Layout
    ) -> Raster:
        points, spread, everything = self._lattice(layout)
        nodes = everything if counts is None else spread @ counts[points]
        rows, columns = self._nodes(layout)
        waves = scipy.fft.rfft2(nodes.reshape(rows, columns))
        waves *= self._transfer(bandwidth_m, kernel, layout)
        # Only every refinement-th row is wanted: in the frequencies, the mean over the aliases.
        folded = waves.reshape(layout.refinement, rows // layout.refinement, -1).mean(axis=0)
        every_row = scipy.fft.irfft2(folded, s=(len(folded), columns), overwrite_x=True)
        pixels = every_row[:, :: layout.refinement][layout.pad :, layout.pad :]
        return np.asarray(np.maximum(pixels[: self.rows, : self.columns], 0), np.float32)

    def _exact(self, counts: Raster | None, bandwidth_m: float, kernel: Kernel) -> Raster:
        """The sum itself: for bandwidths so small that few pixels lie within reach of a point."""
        bandwidth = bandwidth_m / self.pixel_m
        reach = _REACH[kernel] * bandwidth
        window = np.arange(int(2 * reach) + 1)
        density = np.zeros((self.rows + 1) * (self.columns + 1))
        near = (self._row > -reach - 1) & (self._row < self.rows + reach)
        near &= (self._column > -reach - 1) & (self._column < self.columns + reach)
        if counts is not None:
            near &= counts > 0
        points = np.flatnonzero(near)
        for chunk in np.array_split(points, 1 + len(points) * len(window) ** 2 // _CHUNK):
            rows = np.ceil(self._row[chunk] - reach).astype(np.intp)[:, None] + window
            columns = np.ceil(self._column[chunk] - reach).astype(np.intp)[:, None] + window
            distance2 = ((rows - self._row[chunk, None]) ** 2)[:, :, None]
            distance2 = distance2 + ((columns - self._column[chunk, None]) ** 2)[:, None, :]
            height = _kernel(distance2 / bandwidth**2, kernel)
            if counts is not None:
                height *= counts[chunk, None, None]
            # One row and one column more, for what falls outside.
            rows = np.where((rows >= 0) & (rows < self.rows), rows, self.rows)
            columns = np.where((columns >= 0) & (columns < self.columns), columns, self.columns)
            pixel = rows[:, :, None] * (self.columns + 1) + columns[:, None, :]
            density += np.bincount(pixel.ravel(), height.ravel(), minlength=len(density))
        inside = density.reshape(self.rows + 1, self.columns + 1)[: self.rows, : self.columns]
        return np.asarray(inside * (_M2_PER_HA / bandwidth_m**2), np.float32)


def contours(
    density: npt.NDArray[np.floating[Any]], transform: Transform, levels: Sequence[float]
) -> list[tuple[float, float, shapely.MultiPolygon]]:
    """Bands between successive levels: (level_min, level_max, area), empty ones left out.

    density: (rows, columns) at pixel centres; transform: as HeatGrid.transform, without rotation.
    Linear between the centres and level from the outer centres to the raster's edge. The bands do
    not overlap, and share their edges. ValueError: levels do not rise.
    """
    if len(levels) < 2 or not (np.diff(levels) > 0).all():
        raise ValueError(f"levels must rise, and be two or more: {list(levels)}")
    a, _, c, _, e, f = transform
    rows, columns = density.shape
    x = a * np.concatenate([[0], np.arange(columns) + 0.5, [columns]]) + c
    y = e * np.concatenate([[0], np.arange(rows) + 0.5, [rows]]) + f
    generator = contourpy.contour_generator(
        x, y, np.pad(density, 1, mode="edge"), fill_type=contourpy.FillType.OuterOffset
    )
    bands = []
    for low, high in pairwise(levels):
        polygons = []
        for points, offsets in zip(*generator.filled(low, high), strict=True):
            rings = np.split(points, offsets[1:-1])
            polygons.append(shapely.Polygon(rings[0], rings[1:]))
        area = shapely.make_valid(shapely.MultiPolygon(polygons), method="structure")
        if area.area > 0:
            parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
            bands.append((float(low), float(high), shapely.MultiPolygon(parts)))
    return bands


def nice_levels(maximum: float, steps: int = 5) -> list[float]:
    """The `steps` + 1 bounds of classes up to `maximum`, from the series 1, 2, 5, 10, 20 ...

    The last one is the first of the series that is not below the maximum. Densities are skewed, so
    the classes widen; being taken from one series, bounds stay where they are while values change.
    Empty where the maximum is 0: there is nothing to show. ValueError: negative or not finite.
    """
    if not (np.isfinite(maximum) and maximum >= 0 and steps >= 1):
        raise ValueError(f"no levels for a maximum of {maximum} in {steps} steps")
    if maximum == 0:
        return []
    power = int(np.floor(np.log10(maximum)))
    decades = range(power - steps // 3 - 2, power + 2)
    series = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
    last = next(i for i, level in enumerate(series) if level >= maximum)
    return series[last - steps : last + 1]


def _kernel(distance2: Floats, kernel: Kernel) -> Floats:
    """K at squared distances, both in bandwidths."""
    if kernel == "quartic":
        return 3 / np.pi * np.maximum(1 - distance2, 0) ** 2
    return 1 / (2 * np.pi) * np.exp(-distance2 / 2)


def _spread(position: Floats, layout: _Layout) -> tuple[Floats, Raster]:
    """First node, (n,), and B-spline weights, (n, degree + 1), of positions along one axis."""
    node = (position + layout.pad) * layout.refinement
    if layout.degree == 1:
        first = np.floor(node)
        s = node - first
        weights = np.stack([1 - s, s], axis=1)
    else:
        nearest = np.floor(node + 0.5)
        s = node - nearest
        first = nearest - 1
        weights = np.stack([(0.5 - s) ** 2 / 2, 0.75 - s**2, (0.5 + s) ** 2 / 2], axis=1)
    return first, weights.astype(np.float32)


def _projection(bandwidth: float, kernel: Kernel, degree: int) -> Floats:
    """The least-squares spline coefficients of a kernel, (2 h + 1, 2 h + 1); lengths in nodes.

    Coefficients = inverse of the splines' Gram matrix times the kernel's products with the splines;
    the Gram matrix of degree d is the sampled spline of degree 2 d + 1 (Unser 1999, Splines: a
    perfect fit for signal and image processing), whose inverse is SciPy's spline filter.
    """
    half = int(np.ceil(_REACH[kernel] * bandwidth)) + _TAIL
    parts = 4 if bandwidth < 30 else 2  # of a node's distance, for the integrals
    margin = degree + 1
    fine = np.arange(-(half + margin) * parts, (half + margin) * parts + 1) / (parts * bandwidth)
    heights = _kernel(fine[:, None] ** 2 + fine**2, kernel) / bandwidth**2
    spline = BSpline.basis_element(np.arange(degree + 2) - (degree + 1) / 2)
    support = (degree + 1) * parts // 2
    weights = spline(np.arange(-support, support + 1) / parts) / parts
    within = slice(margin * parts, -margin * parts, parts)
    products = convolve1d(heights, weights, axis=0, mode="constant")[within]
    products = convolve1d(products, weights, axis=1, mode="constant")[:, within]
    return np.asarray(spline_filter(products, order=2 * degree + 1, mode="mirror"))
