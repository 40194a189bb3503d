//! Channels against pixels: pixel shuffle, its inverse, and channels dealt out in groups.

use crate::error::Result;
use crate::layout::Layout;
use crate::shape::{Dims, show};
use crate::tensor::{Tensor, no_grad};
use crate::{grads, runtime};

impl Tensor {
    /// The tensor seen in the shape `split`, its dimensions in another order, in the shape `joined`.
    fn dealt(&self, split: &[usize], order: &[usize], joined: &[usize]) -> Result<Tensor> {
        let order: Vec<isize> = order.iter().map(|&d| d as isize).collect();
        no_grad(|| {
            let moved = self.reshape(split)?.permute(&order)?;
            moved.copied(self.dtype(), Layout::contiguous(moved.shape()))?.reshape(joined)
        })
    }

    /// Channels become pixels: (*, C r r, H, W) to (*, C, H r, W r). Shi et al., arXiv:1609.05158.
    pub fn pixel_shuffle(&self, factor: isize) -> Result<Tensor> {
        let op = "pixel_shuffle";
        let (lead, [channels, h, w]) = self.image(op)?;
        if factor <= 0 {
            return Err(runtime!("{op} expects a positive upscale_factor, but got {factor}"));
        }
        let r = factor as usize;
        if !channels.is_multiple_of(r.saturating_mul(r)) {
            return Err(runtime!(
                "{op} expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={channels} is not divisible by {}",
                r.saturating_mul(r)
            ));
        }
        let c = channels / (r * r);
        let n: usize = lead.iter().product();
        let mut joined = lead;
        joined.extend_from_slice(&[c, h * r, w * r]);
        let out = self.dealt(&[n * c, r, r, h, w], &[0, 3, 1, 4, 2], &joined)?;
        out.record("PixelShuffleBackward0", &[self], |_| move |_, g| grads![Some(g.pixel_unshuffle(factor)?)])
    }

    /// Pixels become channels: (*, C, H r, W r) to (*, C r r, H, W).
    pub fn pixel_unshuffle(&self, factor: isize) -> Result<Tensor> {
        let op = "pixel_unshuffle";
        let (lead, [c, h, w]) = self.image(op)?;
        if factor <= 0 {
            return Err(runtime!("{op} expects a positive downscale_factor, but got {factor}"));
        }
        let r = factor as usize;
        for (name, dim, n) in [("height", -2, h), ("width", -1, w)] {
            if !n.is_multiple_of(r) {
                return Err(runtime!(
                    "{op} expects {name} to be divisible by downscale_factor, but input.size({dim})={n} is not divisible by {r}"
                ));
            }
        }
        let n: usize = lead.iter().product();
        let mut joined = lead;
        joined.extend_from_slice(&[c * r * r, h / r, w / r]);
        let out = self.dealt(&[n * c, h / r, r, w / r, r], &[0, 2, 4, 1, 3], &joined)?;
        out.record("PixelUnshuffleBackward0", &[self], |_| move |_, g| grads![Some(g.pixel_shuffle(factor)?)])
    }

    fn image(&self, op: &str) -> Result<(Dims, [usize; 3])> {
        let Some((lead, &last)) = self.shape().split_last_chunk::<3>() else {
            return Err(runtime!(
                "{op} expects input to have at least 3 dimensions, but got input with {} dimension(s)",
                self.rank()
            ));
        };
        Ok((Dims::from_slice(lead), last))
    }

    /// Channel `g * (C / groups) + i` becomes channel `i * groups + g`. Zhang et al., arXiv:1707.01083.
    pub fn channel_shuffle(&self, groups: isize) -> Result<Tensor> {
        let &[n, channels, ref rest @ ..] = self.shape() else {
            return Err(self.too_flat());
        };
        if rest.is_empty() {
            return Err(self.too_flat());
        }
        if groups <= 0 {
            return Err(runtime!(
                "Number of groups to divide channels in must be positive. Value of groups:{groups}"
            ));
        }
        let groups = groups as usize;
        if !channels.is_multiple_of(groups) {
            return Err(runtime!(
                "Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
            ));
        }
        let (each, inner) = (channels / groups, rest.iter().product());
        let out = self.dealt(&[n, groups, each, inner], &[0, 2, 1, 3], self.shape())?;
        // The inverse deals the other way round. Of no channels there is nothing to deal.
        let back = each.max(1) as isize;
        out.record("ChannelShuffleBackward0", &[self], |_| move |_, g| grads![Some(g.channel_shuffle(back)?)])
    }

    fn too_flat(&self) -> crate::Error {
        runtime!(
            "channel_shuffle expects input with > 2 dims, but got input with sizes {}",
            show(self.shape())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    #[test]
    fn each_is_undone_by_its_inverse_and_has_its_derivatives() {
        let values: Vec<f64> = (0..72).map(|i| f64::from(i * 37 % 23) / 11.0 - 1.0).collect();
        let x = Tensor::from_slice(&values, &[1, 8, 3, 3]).expect("small");
        let there = x.pixel_shuffle(2).expect("fits");
        assert_eq!(there.shape(), [1, 2, 6, 6]);
        assert_eq!(there.slice::<f64>()[..3], [values[0], values[9], values[1]]);
        assert_eq!(there.pixel_unshuffle(2).expect("fits").slice::<f64>(), values);
        let dealt = x.channel_shuffle(2).expect("fits");
        assert_eq!(dealt.slice::<f64>()[9], values[4 * 9]);
        assert_eq!(dealt.channel_shuffle(4).expect("fits").slice::<f64>(), values);
        for f in [|v: &[Tensor]| v[0].pixel_shuffle(2), |v: &[Tensor]| v[0].channel_shuffle(2)] {
            let (taped, measured) = check_vjp(f, std::slice::from_ref(&x)).expect("fits");
            assert!((taped - measured).abs() < 1e-6);
            let (taped, measured) =
                check_second(|v| f(v)?.mul(&f(v)?), std::slice::from_ref(&x)).expect("fits");
            assert!((taped - measured).abs() < 1e-6);
        }
    }
}
