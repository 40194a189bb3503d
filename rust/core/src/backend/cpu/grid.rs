//! Values of images, or volumes, at given points: the taps of each point are found once, then all channels read them.
//!
//! Points lie in -1 to 1. Along each axis a point has one tap (nearest), two (linear) or four (cubic); what its edges do
//! is said by `Edge`. A `Table` lists the taps of a block of points that lie inside, with their weights; it does not
//! depend on the channel. Threads own blocks of points, and in the gradient of the images channels.

use crate::dtype::Real;
use crate::parallel::{Out, tasks};

/// How a value comes from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Linear,
    Nearest,
    Cubic,
}

/// What lies outside: zeros, the nearest border, or the mirrored image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Zeros,
    Border,
    Reflection,
}

/// `points` points in each of `n` images. An image has `dims` axes, 2 or 3, the last ones of `size`.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    pub n: usize,
    pub channels: usize,
    pub size: [usize; 3],
    pub dims: usize,
    pub points: usize,
    pub touch: Touch,
    pub edge: Edge,
    pub align: bool,
}

/// The taps of one point along one axis: where they are (below 0: outside), their weights, and the derivatives of these.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub count: usize,
    pub at: [isize; 4],
    pub weight: [f64; 4],
    pub slope: [f64; 4],
    /// How far the point is past the tap that the weights count from, and its derivative.
    pub past: f64,
    pub rate: f64,
}

const BLOCK: usize = 512;
/// The free number of cubic convolution (Keys, 1981).
const A: f64 = -0.75;

/// Weights of the four neighbours at a distance `t` past the second of them.
fn cubic(t: f64) -> [f64; 4] {
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

fn cubic_slope(t: f64) -> [f64; 4] {
    let near = |x: f64| (3.0 * (A + 2.0) * x - 2.0 * (A + 3.0)) * x;
    let far = |x: f64| (3.0 * A * x - 10.0 * A) * x + 8.0 * A;
    [far(t + 1.0), near(t), -near(1.0 - t), -far(2.0 - t)]
}

/// Thrown back and forth between two walls, given as twice their places; and the sign of the last direction.
fn reflect(x: f64, twice_low: f64, twice_high: f64) -> (f64, f64) {
    if twice_low == twice_high {
        return (0.0, 0.0);
    }
    let (low, span) = (twice_low / 2.0, (twice_high - twice_low) / 2.0);
    let (far, sign) = ((x - low).abs(), if x < low { -1.0 } else { 1.0 });
    let rest = far % span;
    if (far / span).floor() % 2.0 == 0.0 { (rest + low, sign) } else { (span - rest + low, -sign) }
}

impl Grid {
    pub fn plane(&self) -> usize {
        self.size.iter().product()
    }

    /// A place brought inside, and how it moves with the place.
    fn confine(&self, x: f64, size: usize) -> (f64, f64) {
        let last = size as f64 - 1.0;
        let (x, rate) = match self.edge {
            Edge::Zeros => return (x, 1.0),
            Edge::Border => (x, 1.0),
            Edge::Reflection if self.align => reflect(x, 0.0, 2.0 * last),
            Edge::Reflection => reflect(x, -1.0, 2.0 * last + 1.0),
        };
        if x > 0.0 && x < last { (x, rate) } else { (x.max(0.0).min(last), 0.0) }
    }

    /// The taps of a point along an axis of `size` numbers.
    pub fn axis(&self, point: f64, size: usize) -> Axis {
        let n = size as f64;
        let (x, unit) = if self.align {
            ((point + 1.0) / 2.0 * (n - 1.0), (n - 1.0) / 2.0)
        } else {
            (((point + 1.0) * n - 1.0) / 2.0, n / 2.0)
        };
        let (x, rate) = if self.touch == Touch::Cubic { (x, 1.0) } else { self.confine(x, size) };
        let rate = rate * unit;
        // Far outside, and where a point is no number, there is nothing: the casts below stay small.
        let inside = |i: f64| if i >= 0.0 && i < n { i as isize } else { -1 };
        let base = x.floor();
        let past = x - base;
        let mut axis = Axis { count: 1, at: [-1; 4], weight: [0.0; 4], slope: [0.0; 4], past, rate };
        match self.touch {
            Touch::Nearest => {
                axis.at[0] = inside(x.round_ties_even());
                axis.weight[0] = 1.0;
            }
            Touch::Linear => {
                axis.count = 2;
                (axis.at[0], axis.at[1]) = (inside(base), inside(base + 1.0));
                (axis.weight[0], axis.weight[1]) = (1.0 - past, past);
                (axis.slope[0], axis.slope[1]) = (-rate, rate);
            }
            Touch::Cubic => {
                axis.count = 4;
                for k in 0..4 {
                    axis.at[k] = inside(self.confine(base + k as f64 - 1.0, size).0);
                }
                axis.weight = cubic(past);
                axis.slope = cubic_slope(past).map(|s| s * rate);
            }
        }
        axis
    }

    /// The axes of a point, outermost first; a missing one has a single tap. Coordinates come innermost first.
    pub fn axes<T: Real>(&self, point: &[T]) -> [Axis; 3] {
        let one = Axis { count: 1, at: [0; 4], weight: [1.0; 4], slope: [0.0; 4], past: 0.0, rate: 0.0 };
        std::array::from_fn(|a| match point.get(2 - a) {
            Some(c) => self.axis(c.to_f64(), self.size[a]),
            None => one,
        })
    }

    fn blocks(&self) -> usize {
        self.points.div_ceil(BLOCK)
    }

    /// Run `f(image, first point, points)` for all blocks of points.
    fn each_block(&self, f: impl Fn(usize, usize, usize) + Sync) {
        tasks(self.n * self.blocks(), |i| {
            let (n, first) = (i / self.blocks(), i % self.blocks() * BLOCK);
            f(n, first, BLOCK.min(self.points - first));
        });
    }
}

/// The taps of some points that lie inside.
struct Table<T> {
    cuts: Vec<usize>,
    at: Vec<usize>,
    weight: Vec<T>,
    /// Derivatives of the weights by each coordinate, innermost axis first.
    slope: Vec<[T; 3]>,
}

impl<T: Real> Table<T> {
    /// For values (`slopes` and `values` say what the table is for) a point of a plane that is no number makes one.
    fn of(d: &Grid, points: &[T], slopes: bool, values: bool) -> Table<T> {
        let mut table = Table { cuts: vec![0], at: vec![], weight: vec![], slope: vec![] };
        for point in points.chunks_exact(d.dims) {
            let [z, y, x] = d.axes(point);
            for i in (0..z.count).filter(|&i| z.at[i] >= 0) {
                for j in (0..y.count).filter(|&j| y.at[j] >= 0) {
                    for k in (0..x.count).filter(|&k| x.at[k] >= 0) {
                        let at = (z.at[i] as usize * d.size[1] + y.at[j] as usize) * d.size[2];
                        table.at.push(at + x.at[k] as usize);
                        let (u, v, w) = (z.weight[i], y.weight[j], x.weight[k]);
                        table.weight.push(T::of(u * v * w));
                        if slopes {
                            let slope = [u * v * x.slope[k], u * y.slope[j] * w, z.slope[i] * v * w];
                            table.slope.push(slope.map(T::of));
                        }
                    }
                }
            }
            let linear_or_cubic = d.touch != Touch::Nearest && d.edge == Edge::Zeros && d.dims == 2;
            if values && linear_or_cubic && d.plane() > 0 && (x.past.is_nan() || y.past.is_nan()) {
                table.at.push(0);
                table.weight.push(T::of(f64::NAN));
            }
            table.cuts.push(table.at.len());
        }
        table
    }
}

/// `y[n, c, p] = sum over the taps of p of weight * x[n, c, tap]`
pub fn forward<T: Real>(d: Grid, x: &[T], grid: &[T], y: &mut [T]) {
    let (plane, y) = (d.plane(), Out::new(y));
    d.each_block(|n, first, len| {
        let table = Table::of(&d, &grid[(n * d.points + first) * d.dims..][..len * d.dims], false, true);
        for c in n * d.channels..(n + 1) * d.channels {
            let (x, start) = (&x[c * plane..][..plane], c * d.points + first);
            // SAFETY: blocks of points are disjoint, and so are channels.
            let y = unsafe { y.range(start..start + len) };
            for (y, cut) in y.iter_mut().zip(table.cuts.windows(2)) {
                let cut = cut[0]..cut[1];
                // Not `sum`, which starts from -0: outside the image is 0.
                let taps = table.weight[cut.clone()].iter().zip(&table.at[cut]);
                *y = taps.fold(T::ZERO, |sum, (&w, &at)| sum + w * x[at]);
            }
        }
    });
}

/// The gradients of images and points. `dx` is zero before.
pub fn backward<T: Real>(
    d: Grid,
    x: &[T],
    grid: &[T],
    dy: &[T],
    dx: Option<&mut [T]>,
    dgrid: Option<&mut [T]>,
) {
    let plane = d.plane();
    let row = d.points * d.dims;
    if let Some(dx) = dx {
        for n in 0..d.n {
            let table = Table::of(&d, &grid[n * row..][..row], false, false);
            let dx = Out::new(&mut dx[n * d.channels * plane..][..d.channels * plane]);
            tasks(d.channels, |c| {
                // SAFETY: channels are disjoint.
                let dx = unsafe { dx.range(c * plane..(c + 1) * plane) };
                let dy = &dy[(n * d.channels + c) * d.points..][..d.points];
                for (&g, cut) in dy.iter().zip(table.cuts.windows(2)) {
                    for i in cut[0]..cut[1] {
                        dx[table.at[i]] += g * table.weight[i];
                    }
                }
            });
        }
    }
    if let Some(dgrid) = dgrid {
        let dgrid = Out::new(dgrid);
        d.each_block(|n, first, len| {
            let start = (n * d.points + first) * d.dims;
            let table = Table::of(&d, &grid[start..][..len * d.dims], true, false);
            // SAFETY: blocks of points are disjoint.
            let dgrid = unsafe { dgrid.range(start..start + len * d.dims) };
            dgrid.fill(T::ZERO);
            for c in n * d.channels..(n + 1) * d.channels {
                let x = &x[c * plane..][..plane];
                let dy = &dy[c * d.points + first..][..len];
                for ((out, cut), &g) in dgrid.chunks_exact_mut(d.dims).zip(table.cuts.windows(2)).zip(dy) {
                    for i in cut[0]..cut[1] {
                        let value = g * x[table.at[i]];
                        out.iter_mut().zip(table.slope[i]).for_each(|(out, slope)| *out += value * slope);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cubic_weights_sum_to_one_and_their_slopes_are_the_differences() {
        for t in [0.0, 0.3, 0.9] {
            assert!((cubic(t).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let (a, b) = (cubic(t - 1e-6), cubic(t + 1e-6));
            for (k, slope) in cubic_slope(t).into_iter().enumerate() {
                assert!(((b[k] - a[k]) / 2e-6 - slope).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_mirror_throws_back() {
        for (x, there, sign) in [(1.5, 1.5, 1.0), (-1.0, 1.0, -1.0), (4.0, 2.0, -1.0), (7.0, 1.0, 1.0)] {
            assert_eq!(reflect(x, 0.0, 6.0), (there, sign), "{x}");
        }
    }

    #[test]
    fn points_at_the_centres_are_the_image_itself() {
        let centres = [-2.0 / 3.0, 0.0, 2.0 / 3.0];
        let grid: Vec<f64> = (0..9).flat_map(|i| [centres[i % 3], centres[i / 3]]).collect();
        let x: Vec<f64> = (0..18).map(f64::from).collect();
        for touch in [Touch::Linear, Touch::Nearest, Touch::Cubic] {
            for edge in [Edge::Zeros, Edge::Border, Edge::Reflection] {
                let d = Grid {
                    n: 1,
                    channels: 2,
                    size: [1, 3, 3],
                    dims: 2,
                    points: 9,
                    touch,
                    edge,
                    align: false,
                };
                let mut y = vec![0.0; 18];
                forward(d, &x, &grid, &mut y);
                assert!(y.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9), "{touch:?} {edge:?} {y:?}");
            }
        }
    }
}
