//! The weights of a resize along one axis, by mode.
//!
//! Places are computed as PyTorch computes them: with `single`, every step is rounded to float32, because the cut
//! between two neighbours is where it is by those roundings. A product or quotient of float32 rounded from float64 is
//! the float32 one.

use super::Mode;
use crate::backend::nn::Taps;

/// One axis: sizes, how corners lie, and the factor the caller named.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub n_in: usize,
    pub n_out: usize,
    pub align: bool,
    pub factor: Option<f64>,
    pub single: bool,
}

impl Axis {
    fn round(self, x: f64) -> f64 {
        if self.single { f64::from(x as f32) } else { x }
    }

    /// Inputs per output.
    fn scale(self) -> f64 {
        let (n_in, n_out) = (self.n_in as f64, self.n_out as f64);
        match self.factor {
            _ if self.align && self.n_out > 1 => self.round((n_in - 1.0) / (n_out - 1.0)),
            _ if self.align => 0.0,
            Some(factor) if factor > 0.0 => self.round(1.0 / factor),
            _ => self.round(n_in / n_out),
        }
    }

    /// Where the middle of output `o` lies among the inputs.
    fn place(self, scale: f64, o: usize) -> f64 {
        if self.align {
            self.round(scale * o as f64)
        } else {
            self.round(self.round(scale * (o as f64 + 0.5)) - 0.5)
        }
    }

    pub fn taps(self, mode: Mode) -> Taps {
        let scale = self.scale();
        let last = self.n_in - 1;
        let outputs = 0..self.n_out;
        match mode {
            Mode::Nearest => {
                let pick = |o: usize| (self.round(scale * o as f64).floor() as usize).min(last);
                Taps::new(self.n_in, outputs.map(|o| (pick(o), vec![1.0])))
            }
            Mode::NearestExact => {
                let pick = |o: usize| {
                    let place = self.place(scale, o).max(0.0);
                    (self.round(place + 0.5).floor() as usize).min(last)
                };
                Taps::new(self.n_in, outputs.map(|o| (pick(o), vec![1.0])))
            }
            _ if mode.smooths() => {
                let half = mode.reach() / 2.0 * scale.max(1.0);
                Taps::new(self.n_in, outputs.map(|o| self.filtered(mode, scale, half, o)))
            }
            Mode::Linear if self.n_in == self.n_out => Taps::new(self.n_in, outputs.map(|o| (o, vec![1.0]))),
            Mode::Linear => {
                let pair = |o: usize| {
                    let place = self.place(scale, o).max(0.0);
                    let first = (place.floor() as usize).min(last);
                    let past = self.round(place - first as f64).clamp(0.0, 1.0);
                    if first == last {
                        (first, vec![1.0])
                    } else {
                        (first, vec![self.round(1.0 - past), past])
                    }
                };
                Taps::new(self.n_in, outputs.map(pair))
            }
            _ => {
                let four = |o: usize| {
                    let place = self.place(scale, o);
                    let base = place.floor().min(last as f64);
                    let past = self.round(place - base).clamp(0.0, 1.0);
                    self.clamped(base as isize - 1, cubic(past, -0.75))
                };
                Taps::new(self.n_in, outputs.map(four))
            }
        }
    }

    /// Four neighbours from `first` on; those outside stand on the border.
    fn clamped(self, first: isize, weights: [f64; 4]) -> (usize, Vec<f64>) {
        let at = |k: usize| (first + k as isize).clamp(0, self.n_in as isize - 1) as usize;
        let mut window = vec![0.0; at(3) - at(0) + 1];
        weights.iter().enumerate().for_each(|(k, w)| window[at(k) - at(0)] += w);
        (at(0), window)
    }

    /// A filter as wide as what it must not alias: Pillow's way.
    fn filtered(self, mode: Mode, scale: f64, half: f64, o: usize) -> (usize, Vec<f64>) {
        let centre = self.round(scale * (o as f64 + 0.5));
        let low = (self.round(self.round(centre - half) + 0.5).trunc()).max(0.0) as usize;
        let high = (self.round(self.round(centre + half) + 0.5).trunc()).min(self.n_in as f64) as usize;
        let squeeze = if scale >= 1.0 { self.round(1.0 / scale) } else { 1.0 };
        let mut window: Vec<f64> =
            (low..high.max(low)).map(|i| mode.filter((i as f64 - centre + 0.5) * squeeze)).collect();
        let total: f64 = window.iter().sum();
        if total != 0.0 {
            window.iter_mut().for_each(|w| *w /= total);
        }
        (low, window)
    }
}

impl Mode {
    fn smooths(self) -> bool {
        matches!(self, Mode::LinearSmooth | Mode::CubicSmooth | Mode::Lanczos)
    }

    /// How many inputs a filter spans where nothing is made smaller.
    fn reach(self) -> f64 {
        match self {
            Mode::LinearSmooth => 2.0,
            Mode::CubicSmooth => 4.0,
            _ => 6.0,
        }
    }

    fn filter(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Mode::LinearSmooth => (1.0 - x).max(0.0),
            Mode::CubicSmooth if x < 2.0 => {
                let [far, near, ..] = cubic(if x < 1.0 { x } else { x - 1.0 }, -0.5);
                if x < 1.0 { near } else { far }
            }
            Mode::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// Keys' cubic convolution: the weights of four neighbours at a distance `t` past the second.
fn cubic(t: f64, a: f64) -> [f64; 4] {
    let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}
