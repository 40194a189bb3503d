//! Convolution with one input channel per group: planes are laid out so that a tap is a shift.
//!
//! The padded input plane is cut into `stride x stride` phases, planes of one width in which the inputs that a tap meets
//! lie next to each other. Output `q`, counted along the rows of that width, then meets tap `k` at `q + offset[k]`, and
//! a whole plane is one run of vectors without edges; the columns between the rows are computed in vain and left
//! behind. The input gradient is the same run over `dy` with the offsets subtracted, once per phase; the weight gradient
//! is a dot product per tap, its partial sums in f64 per stretch, summed over the images of a channel by one thread, in
//! order. A thread works on planes in its first caches: this path is bound by memory from about 16 x 16 pixels up.

use super::Conv2d;
use super::lines;
use super::register::{HasRegisters, Kernel, Register, Scratch};
use crate::dtype::{Element, Real};
use crate::parallel::{Out, chunks};

/// Registers of outputs that are computed together, and numbers that may be touched behind the end of a run.
const TOGETHER: usize = 4;
const SLACK: usize = 128;
/// Products whose dot product is kept in one register before it goes to f64.
const STRETCH: usize = 4096;

/// Where the numbers of a plane lie in its phases.
struct Phases {
    d: Conv2d,
    width: usize,
    height: usize,
    /// By tap: the phase, and the shift inside it.
    taps: Vec<(usize, usize)>,
}

impl Phases {
    fn new(d: &Conv2d) -> Self {
        let size = |axis: usize, n: usize| (n + 2 * d.pad[axis]).div_ceil(d.stride[axis]);
        let (height, width) = (size(0, d.h), size(1, d.w));
        let taps = (0..d.kh * d.kw).map(|k| {
            let (i, j) = (k / d.kw * d.dilation[0], k % d.kw * d.dilation[1]);
            let phase = i % d.stride[0] * d.stride[1] + j % d.stride[1];
            (phase, i / d.stride[0] * width + j / d.stride[1])
        });
        Self { d: *d, width, height, taps: taps.collect() }
    }

    fn plane(&self) -> usize {
        self.width * self.height
    }

    /// From one phase to the next.
    fn pitch(&self) -> usize {
        self.plane() + SLACK
    }

    /// Numbers of all phases.
    fn all(&self) -> usize {
        self.count() * self.pitch()
    }

    fn count(&self) -> usize {
        self.d.stride[0] * self.d.stride[1]
    }

    /// Outputs of a run: all rows of the phases' width but the end of the last.
    fn run(&self) -> usize {
        (self.d.out_h() - 1) * self.width + self.d.out_w()
    }

    /// The largest shift of a tap.
    fn reach(&self) -> usize {
        self.taps.iter().map(|&(_, shift)| shift).max().unwrap_or(0)
    }

    /// `f(phases of a row, the first of its numbers in them, the row in the plane)`: a row's phases are `pitch` apart.
    #[inline(always)]
    fn each_row(&self, mut f: impl FnMut(usize, std::ops::Range<usize>)) {
        let d = &self.d;
        let (mut phase, mut row) = (d.pad[0] % d.stride[0], d.pad[0] / d.stride[0]);
        for y in 0..d.h {
            f(phase * d.stride[1] * self.pitch() + row * self.width, y * d.w..(y + 1) * d.w);
            phase += 1;
            if phase == d.stride[0] {
                (phase, row) = (0, row + 1);
            }
        }
    }

    /// The places of a row in the phases of its columns: the phase and first place, and of the row.
    #[inline(always)]
    fn columns(&self) -> impl Iterator<Item = (usize, usize)> {
        let (stride, pad, pitch) = (self.d.stride[1], self.d.pad[1], self.pitch());
        (0..stride.min(self.d.w)).map(move |first| {
            let (across, col) = ((first + pad) % stride, (first + pad) / stride);
            (across * pitch + col, first)
        })
    }

    /// The plane into its phases, whose padding is zero already.
    #[inline(always)]
    fn split<T: Real>(&self, x: &[T], phases: &mut [T]) {
        let (stride, pad) = (self.d.stride[1], self.d.pad[1]);
        self.each_row(
            #[inline(always)]
            |at, row| {
                let x = &x[row];
                match stride {
                    1 => lines::copy(x, &mut phases[at + pad..][..x.len()]),
                    2 => {
                        let (even, uneven) = phases[at..].split_at_mut(self.pitch());
                        lines::halve(x, pad, &mut even[..self.width], &mut uneven[..self.width]);
                    }
                    _ => {
                        for (to, first) in self.columns() {
                            let to = phases[at + to..].iter_mut();
                            to.zip(x[first..].iter().step_by(stride)).for_each(|(to, &x)| *to = x);
                        }
                    }
                }
            },
        );
    }

    /// The plane back from its phases.
    #[inline(always)]
    fn join<T: Real>(&self, phases: &[T], x: &mut [T]) {
        let (stride, pad) = (self.d.stride[1], self.d.pad[1]);
        self.each_row(
            #[inline(always)]
            |at, row| {
                let x = &mut x[row];
                match stride {
                    1 => lines::copy(&phases[at + pad..][..x.len()], x),
                    2 => {
                        let (even, uneven) = phases[at..].split_at(self.pitch());
                        lines::weave(&even[..self.width], &uneven[..self.width], pad, x);
                    }
                    _ => {
                        for (from, first) in self.columns() {
                            let x = x[first..].iter_mut().step_by(stride);
                            x.zip(&phases[at + from..]).for_each(|(x, &from)| *x = from);
                        }
                    }
                }
            },
        );
    }

    /// Rows of outputs at the width of the phases; the columns between them are zero already.
    #[inline(always)]
    fn spread<T: Real>(&self, dy: &[T], grid: &mut [T]) {
        let n = self.d.out_w();
        for r in 0..self.d.out_h() {
            lines::copy(&dy[r * n..(r + 1) * n], &mut grid[r * self.width..][..n]);
        }
    }
}

/// `out[q] = start + sum over k of weight[k] * x[q + offsets[k]]` for `q < n`, or onto `out` without a start.
///
/// # Safety
/// Inside `V::enter`; `SLACK` numbers behind the last can be read from `x` and written to `out`.
#[inline(always)]
unsafe fn correlate<V: Register>(
    x: &[V::E],
    taps: &[(usize, V::E)],
    start: Option<V::E>,
    out: &mut [V::E],
    n: usize,
) {
    const { assert!(2 * TOGETHER * V::N <= SLACK) };
    let reach = taps.iter().map(|&(offset, _)| offset).max().unwrap_or(0);
    assert!(n + SLACK <= out.len() && n + reach + SLACK <= x.len(), "a run reaches past its plane");
    for q in (0..n).step_by(TOGETHER * V::N) {
        // SAFETY: a run ends less than `SLACK` numbers behind `n`, which was just checked for all offsets.
        unsafe {
            let (x, out) = (x.as_ptr().add(q), out.as_mut_ptr().add(q));
            let mut acc: [V; TOGETHER] = std::array::from_fn(
                #[inline(always)]
                |r| match start {
                    Some(start) => V::splat(start),
                    None => V::load(out.add(r * V::N)),
                },
            );
            for &(offset, weight) in taps {
                let weight = V::splat(weight);
                for (r, acc) in acc.iter_mut().enumerate() {
                    *acc = weight.mul_add(V::load(x.add(offset + r * V::N)), *acc);
                }
            }
            for (r, acc) in acc.into_iter().enumerate() {
                acc.store(out.add(r * V::N));
            }
        }
    }
}

/// `sums[k] += sum over q < n of dy[q] * x[q + offsets[k]]` for `K` taps; `dy` is zero from `n` on.
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn dots<V: Register, const K: usize>(
    x: &[V::E],
    dy: &[V::E],
    offsets: &[usize],
    n: usize,
    sums: &mut [f64],
) where
    V::E: Real,
{
    let reach = offsets.iter().copied().max().unwrap_or(0);
    assert!(n + SLACK <= dy.len() && n + reach + SLACK <= x.len(), "a run reaches past its plane");
    for from in (0..n).step_by(STRETCH) {
        // SAFETY: a run ends less than `SLACK` numbers behind `n`, which was just checked for all offsets.
        unsafe {
            let mut acc = [[V::splat(V::E::ZERO); 2]; K];
            for q in (from..n.min(from + STRETCH)).step_by(2 * V::N) {
                let (x, dy) = (x.as_ptr().add(q), dy.as_ptr().add(q));
                for half in 0..2 {
                    let g = V::load(dy.add(half * V::N));
                    for k in 0..K {
                        acc[k][half] = g.mul_add(V::load(x.add(offsets[k] + half * V::N)), acc[k][half]);
                    }
                }
            }
            for k in 0..K {
                let mut lanes = [V::E::ZERO; 16];
                acc[k][0].add(acc[k][1]).store(lanes.as_mut_ptr());
                sums[k] += lanes[..V::N].iter().map(|v| v.to_f64()).sum::<f64>();
            }
        }
    }
}

enum Pass<'a, T> {
    Forward { x: &'a [T], weight: &'a [T], bias: Option<&'a [T]>, y: Out<T> },
    Input { dy: &'a [T], weight: &'a [T], dx: Out<T> },
    Weight { x: &'a [T], dy: &'a [T], dw: Out<T> },
}

struct Run<'a, T> {
    phases: Phases,
    pass: Pass<'a, T>,
}

impl<T: HasRegisters> Kernel<T> for Run<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let d = &self.phases.d;
        let planes = if matches!(self.pass, Pass::Weight { .. }) { d.c_out } else { d.n * d.c_in };
        let work = (d.n * d.c_out * d.out_plane() * d.kh * d.kw).div_ceil(planes).max(1);
        chunks(planes, 65536usize.div_ceil(work), |planes| {
            // SAFETY: `with_register` chose a register this machine has; planes are given out once.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || match self.pass {
                        Pass::Forward { x, weight, bias, ref y } => {
                            self.phases.forward::<V>(planes, x, weight, bias, y);
                        }
                        Pass::Input { dy, weight, ref dx } => self.phases.input::<V>(planes, dy, weight, dx),
                        Pass::Weight { x, dy, ref dw } => self.phases.weight::<V>(planes, x, dy, dw),
                    },
                )
            };
        });
    }
}

impl Phases {
    /// A block of numbers that are zero where nothing is written.
    fn zeros<T: Real>(&self, len: usize) -> Scratch<T> {
        let mut block = Scratch::new(len + SLACK);
        block.numbers().fill(T::ZERO);
        block
    }

    /// # Safety
    /// Inside `V::enter`; no other call has any of these input channels (counted over the images).
    #[inline(always)]
    unsafe fn forward<V: Register>(
        &self,
        planes: std::ops::Range<usize>,
        x: &[V::E],
        weight: &[V::E],
        bias: Option<&[V::E]>,
        y: &Out<V::E>,
    ) where
        V::E: Real,
    {
        let (d, each) = (&self.d, self.d.per_group().1);
        let mut phases = self.zeros(self.all());
        let mut grid = Scratch::new(self.run() + SLACK);
        let mut taps = Vec::with_capacity(self.taps.len());
        for plane in planes {
            self.split(&x[plane * d.plane()..][..d.plane()], phases.numbers());
            for o in plane % d.c_in * each..(plane % d.c_in + 1) * each {
                let w = &weight[o * self.taps.len()..];
                taps.clear();
                taps.extend(
                    self.taps.iter().zip(w).map(|(&(phase, shift), &w)| (phase * self.pitch() + shift, w)),
                );
                let start = bias.map_or(V::E::ZERO, |b| b[o]);
                // SAFETY: the caller's promise; the blocks have the slack.
                let y = unsafe {
                    correlate::<V>(phases.numbers(), &taps, Some(start), grid.numbers(), self.run());
                    let at = (plane / d.c_in * d.c_out + o) * d.out_plane();
                    y.range(at..at + d.out_plane())
                };
                let n = d.out_w();
                for r in 0..d.out_h() {
                    lines::copy(&grid.numbers()[r * self.width..][..n], &mut y[r * n..(r + 1) * n]);
                }
            }
        }
    }

    /// # Safety
    /// As for `forward`.
    #[inline(always)]
    unsafe fn input<V: Register>(
        &self,
        planes: std::ops::Range<usize>,
        dy: &[V::E],
        weight: &[V::E],
        dx: &Out<V::E>,
    ) where
        V::E: Real,
    {
        let (d, each) = (&self.d, self.d.per_group().1);
        let reach = self.reach();
        // Rows are shifted back by up to `reach`: into zeros before the first, between two, and behind the last.
        let mut grid = self.zeros(reach + self.plane());
        let mut phases = Scratch::new(self.all());
        let mut taps = Vec::with_capacity(self.taps.len());
        for plane in planes {
            for (nth, o) in (plane % d.c_in * each..(plane % d.c_in + 1) * each).enumerate() {
                let at = (plane / d.c_in * d.c_out + o) * d.out_plane();
                self.spread(&dy[at..at + d.out_plane()], &mut grid.numbers()[reach..]);
                let w = &weight[o * self.taps.len()..];
                for phase in 0..self.count() {
                    taps.clear();
                    let met = self.taps.iter().zip(w).filter(|((p, _), _)| *p == phase);
                    taps.extend(met.map(|(&(_, shift), &w)| (reach - shift, w)));
                    let start = (nth == 0).then_some(V::E::ZERO);
                    let out = &mut phases.numbers()[phase * self.pitch()..];
                    // SAFETY: the caller's promise.
                    unsafe { correlate::<V>(grid.numbers(), &taps, start, out, self.plane()) };
                }
            }
            // SAFETY: the caller's promise.
            let dx = unsafe { dx.range(plane * d.plane()..(plane + 1) * d.plane()) };
            self.join(phases.numbers(), dx);
        }
    }

    /// # Safety
    /// Inside `V::enter`; no other call has any of these output channels.
    #[inline(always)]
    unsafe fn weight<V: Register>(
        &self,
        channels: std::ops::Range<usize>,
        x: &[V::E],
        dy: &[V::E],
        dw: &Out<V::E>,
    ) where
        V::E: Real,
    {
        let (d, each) = (&self.d, self.d.per_group().1);
        let mut phases = self.zeros(self.all());
        let mut grid = self.zeros(self.d.out_h() * self.width);
        let offsets: Vec<usize> =
            self.taps.iter().map(|&(phase, shift)| phase * self.pitch() + shift).collect();
        for o in channels {
            let mut sums = vec![0.0; offsets.len()];
            for n in 0..d.n {
                self.split(&x[(n * d.c_in + o / each) * d.plane()..][..d.plane()], phases.numbers());
                self.spread(&dy[(n * d.c_out + o) * d.out_plane()..][..d.out_plane()], grid.numbers());
                let (x, dy) = (&*phases.numbers(), &*grid.numbers());
                for (offsets, sums) in offsets.chunks(3).zip(sums.chunks_mut(3)) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        match offsets.len() {
                            3 => dots::<V, 3>(x, dy, offsets, self.run(), sums),
                            2 => dots::<V, 2>(x, dy, offsets, self.run(), sums),
                            _ => dots::<V, 1>(x, dy, offsets, self.run(), sums),
                        }
                    }
                }
            }
            // SAFETY: the caller's promise.
            let dw = unsafe { dw.range(o * offsets.len()..(o + 1) * offsets.len()) };
            dw.iter_mut().zip(&sums).for_each(|(dw, &sum)| *dw = V::E::of(sum));
        }
    }
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    T::with_register(Run { phases: Phases::new(d), pass: Pass::Forward { x, weight, bias, y: Out::new(y) } });
}

pub(super) fn backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    T::with_register(Run { phases: Phases::new(d), pass: Pass::Input { dy, weight, dx: Out::new(dx) } });
}

pub(super) fn backward_weight<T: HasRegisters>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    T::with_register(Run { phases: Phases::new(d), pass: Pass::Weight { x, dy, dw: Out::new(dw) } });
}
