//! The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded and stepped as PyTorch's CPU generator does.
//!
//! A refill makes 624 words at once, in loops that the compiler turns into vectors; the fills below hand a block of
//! words to a conversion that is inlined and vectorised too.

use crate::simd::vectorize;

pub const N: usize = 624;
const M: usize = 397;

#[derive(Debug, Clone)]
pub struct Mt19937 {
    pub seed: u64,
    /// One more than the words before the next refill; 1 after seeding.
    pub left: usize,
    /// The word to give next.
    pub next: usize,
    pub state: [u32; N],
    /// `state`, tempered: what is given out.
    words: [u32; N],
}

impl Mt19937 {
    /// The low 32 bits of `seed` start the stream; all 64 are kept as its name.
    pub fn new(seed: u64) -> Self {
        let mut state = [0u32; N];
        state[0] = seed as u32;
        for j in 1..N {
            let last = state[j - 1];
            state[j] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(j as u32);
        }
        Self { seed, left: 1, next: 0, state, words: [0; N] }
    }

    /// An engine in the middle of its stream, as a saved state describes it.
    pub fn resume(seed: u64, left: usize, next: usize, state: [u32; N]) -> Self {
        let mut engine = Self { seed, left, next, state, words: [0; N] };
        engine.temper();
        engine
    }

    pub fn next_u32(&mut self) -> u32 {
        self.make_ready();
        let word = self.words[self.next];
        self.advance(1);
        word
    }

    /// Two words, the high one first.
    pub fn next_u64(&mut self) -> u64 {
        let high = self.next_u32();
        join(high, self.next_u32())
    }

    /// `out[i] = f(word)`, one word each.
    pub fn fill_u32<T>(&mut self, mut out: &mut [T], f: impl Fn(u32) -> T + Copy) {
        while !out.is_empty() {
            let ready = self.make_ready();
            let n = ready.min(out.len());
            let (now, later) = out.split_at_mut(n);
            let words = &self.words[self.next..][..n];
            vectorize(
                #[inline(always)]
                move || now.iter_mut().zip(words).for_each(|(y, &w)| *y = f(w)),
            );
            self.advance(n);
            out = later;
        }
    }

    /// `out[i] = f(word)`, two words each, the high one first.
    pub fn fill_u64<T>(&mut self, mut out: &mut [T], f: impl Fn(u64) -> T + Copy) {
        while !out.is_empty() {
            let ready = self.make_ready();
            if ready == 1 {
                out[0] = f(self.next_u64());
                out = &mut out[1..];
                continue;
            }
            let n = (ready / 2).min(out.len());
            let (now, later) = out.split_at_mut(n);
            let words = &self.words[self.next..][..2 * n];
            vectorize(
                #[inline(always)]
                move || {
                    now.iter_mut().zip(words.chunks_exact(2)).for_each(|(y, w)| *y = f(join(w[0], w[1])));
                },
            );
            self.advance(2 * n);
            out = later;
        }
    }

    /// Refill if nothing is left; how many words may be taken now (at least one).
    fn make_ready(&mut self) -> usize {
        if self.left <= 1 || self.next >= N {
            self.refill();
        }
        (self.left - 1).min(N - self.next)
    }

    fn advance(&mut self, n: usize) {
        self.next += n;
        self.left -= n;
    }

    fn refill(&mut self) {
        let old = self.state;
        let mut lows = [0; N];
        vectorize(
            #[inline(always)]
            || lows.iter_mut().zip(&old).for_each(|(low, &word)| *low = twist_low(word)),
        );
        let new = &mut self.state;
        // In blocks of N - M words: the words each block reads of `new` are in the blocks before it.
        steps(&mut new[..N - M], &old[M..], &old, &lows[1..]);
        for from in [N - M, 2 * (N - M)] {
            let (done, rest) = new[..N - 1].split_at_mut(from);
            let n = rest.len().min(N - M);
            steps(&mut rest[..n], &done[from - (N - M)..], &old[from..], &lows[from + 1..]);
        }
        new[N - 1] = new[M - 1] ^ twist_high(old[N - 1]) ^ twist_low(new[0]);
        self.left = N + 1;
        self.next = 0;
        self.temper();
    }

    fn temper(&mut self) {
        vectorize(
            #[inline(always)]
            || {
                for (word, &state) in self.words.iter_mut().zip(&self.state) {
                    let mut y = state;
                    y ^= y >> 11;
                    y ^= (y << 7) & 0x9d2c_5680;
                    y ^= (y << 15) & 0xefc6_0000;
                    *word = y ^ (y >> 18);
                }
            },
        );
    }
}

/// `new[i] = far[i] ^ twist_high(near[i]) ^ lows[i]`. All of a block is read before any of it is written, and no two
/// slices overlap: else the compiler makes no vectors of it.
#[inline(always)]
fn steps(new: &mut [u32], far: &[u32], near: &[u32], lows: &[u32]) {
    const LANES: usize = 16;
    vectorize(
        #[inline(always)]
        || {
            let (new, new_rest) = new.as_chunks_mut::<LANES>();
            let done = new.len() * LANES;
            let [far, near, lows] = [far, near, lows].map(|x| (x.as_chunks::<LANES>().0, &x[done..]));
            for (((new, far), near), low) in new.iter_mut().zip(far.0).zip(near.0).zip(lows.0) {
                let mut words = [0; LANES];
                for l in 0..LANES {
                    words[l] = far[l] ^ twist_high(near[l]) ^ low[l];
                }
                *new = words;
            }
            for (((new, far), &near), low) in new_rest.iter_mut().zip(far.1).zip(near.1).zip(lows.1) {
                *new = far ^ twist_high(near) ^ low;
            }
        },
    );
}

/// What a word adds to the one that follows from it.
#[inline(always)]
fn twist_high(word: u32) -> u32 {
    (word & 0x8000_0000) >> 1
}

/// What a word adds to the one that follows from the word before.
#[inline(always)]
fn twist_low(word: u32) -> u32 {
    ((word & 0x7fff_ffff) >> 1) ^ ((word & 1).wrapping_neg() & 0x9908_b0df)
}

#[inline(always)]
fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: one word at a time, everything modulo N.
    fn naive(seed: u32, n: usize) -> Vec<u32> {
        let mut s = Mt19937::new(u64::from(seed)).state.to_vec();
        for i in N..N + n {
            s.push(s[i - N + M] ^ twist_high(s[i - N]) ^ twist_low(s[i - N + 1]));
        }
        s.drain(..N);
        for y in &mut s {
            *y ^= *y >> 11;
            *y ^= (*y << 7) & 0x9d2c_5680;
            *y ^= (*y << 15) & 0xefc6_0000;
            *y ^= *y >> 18;
        }
        s
    }

    #[test]
    fn gives_the_published_first_word() {
        assert_eq!(Mt19937::new(5489).next_u32(), 3_499_211_612);
    }

    #[test]
    fn blocks_and_single_words_are_one_stream() {
        let want = naive(12345, 6000);
        let mut engine = Mt19937::new(12345);
        let mut got = Vec::new();
        for n in [0, 1, 2, 623, 5, 624, 3, 1300, 7, 1] {
            let mut some = vec![0u32; n];
            engine.fill_u32(&mut some, |w| w);
            got.extend(some);
            let mut pairs = vec![0u64; n / 2];
            engine.fill_u64(&mut pairs, |w| w);
            got.extend(pairs.iter().flat_map(|p| [(p >> 32) as u32, *p as u32]));
            got.push(engine.next_u32());
        }
        assert_eq!(got, want[..got.len()]);
    }
}
