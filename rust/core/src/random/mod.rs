//! Random numbers: bit for bit the streams of PyTorch's CPU generator.
//!
//! `Generator` is one stream; `default_generator` is the one that is used where no other is named. The functions fill
//! slices, in the order the elements lie in memory, and are named as the tensor methods:
//!   uniform_ normal_ log_normal_ cauchy_ exponential_    real numbers: `uniform`, `normal`, `continuous`
//!   random_ random_from_to_ geometric_ randperm          whole numbers: `integer`, `continuous`, `permute`
//!   bernoulli_ bernoulli_tensor_ multinomial             choices: `choice`
//!   poisson binomial                                     one count: `counts`
//!
//! The streams are those of PyTorch 2.15 on x86 with AVX2 and FMA. They are the same here on every machine, but for
//! the C library's `log1p`, `sin`, `cos`, `tan`, `exp` and `log` of doubles, which PyTorch takes from it too.

mod choice;
mod continuous;
mod counts;
mod integer;
mod mt19937;
mod normal;
mod permute;
#[cfg(test)]
mod tests;
mod uniform;

use std::cell::UnsafeCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use mt19937::{Mt19937, N};

pub use choice::{bernoulli_, bernoulli_tensor_, multinomial};
pub use continuous::{cauchy_, exponential_, geometric_, log_normal_};
pub use counts::{binomial, poisson};
pub use integer::{IntRange, random_, random_from_to_};
pub use normal::{normal_, normal_strided_};
pub use permute::{check_randperm, randperm};
pub use uniform::{Draw, uniform_};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Generator {
    engine: Mt19937,
    /// The second number of a pair of normals, kept for the next call. PyTorch's state has room for a float one too;
    /// nothing on the CPU makes it, but a state that has one keeps it.
    next_float: Option<f32>,
    next_double: Option<f64>,
}

impl Default for Generator {
    fn default() -> Self {
        Self::new(Self::DEFAULT_SEED)
    }
}

impl Generator {
    /// The seed of a new `Generator()`.
    pub const DEFAULT_SEED: u64 = 67_280_421_310_721;
    /// The length of `state()`.
    pub const STATE_BYTES: usize = 5056;

    pub fn new(seed: u64) -> Self {
        Self { engine: Mt19937::new(seed), next_float: None, next_double: None }
    }

    pub fn manual_seed(&mut self, seed: u64) {
        *self = Self::new(seed);
    }

    /// Seed from the operating system's randomness; returns the seed.
    pub fn seed(&mut self) -> u64 {
        let seed = nondeterministic();
        self.manual_seed(seed);
        seed
    }

    /// The seed the stream began with.
    pub fn initial_seed(&self) -> u64 {
        self.engine.seed
    }

    /// 32 random bits.
    pub fn random(&mut self) -> u32 {
        self.engine.next_u32()
    }

    /// 64 random bits.
    pub fn random64(&mut self) -> u64 {
        self.engine.next_u64()
    }

    /// A double in [0, 1), all 53 bits drawn.
    pub fn unit(&mut self) -> f64 {
        uniform::unit_f64(self.random64())
    }

    /// The bytes of `torch.get_rng_state()`: PyTorch's struct, 64 bits for each word of the state.
    pub fn state(&self) -> Vec<u8> {
        let e = &self.engine;
        let mut out = Vec::with_capacity(Self::STATE_BYTES);
        out.extend(e.seed.to_le_bytes());
        out.extend((e.left as i32).to_le_bytes());
        out.extend(1i32.to_le_bytes()); // seeded
        out.extend((e.next as u64).to_le_bytes());
        e.state.iter().for_each(|&word| out.extend(u64::from(word).to_le_bytes()));
        // Numbers of an older format (x, rho), with the cached double between them.
        for x in [0.0, self.next_double.unwrap_or(0.0), 0.0] {
            out.extend(x.to_le_bytes());
        }
        out.extend(u64::from(self.next_double.is_some()).to_le_bytes());
        out.extend(self.next_float.unwrap_or(0.0).to_le_bytes());
        out.extend(u32::from(self.next_float.is_some()).to_le_bytes());
        out
    }

    /// Go on where `state` was taken.
    pub fn set_state(&mut self, state: &[u8]) -> Result<()> {
        if state.len() != Self::STATE_BYTES {
            let (want, got) = (Self::STATE_BYTES, state.len());
            return Err(Error::Runtime(format!(
                "Expected a CPUGeneratorImplState of size {want} but found the input RNG state size to be {got}"
            )));
        }
        let tail = 24 + 8 * N;
        let (left, next) = (u32_at(state, 8) as i32, u32_at(state, 16) as usize);
        if !(1..=N as i32).contains(&left) || u32_at(state, 12) as u8 == 0 || next > N {
            return Err(Error::Runtime("Invalid mt19937 state".into()));
        }
        let words = std::array::from_fn(|i| u32_at(state, 24 + 8 * i));
        let double = f64::from_bits(u64_at(state, tail + 8));
        let float = f32::from_bits(u32_at(state, tail + 32));
        *self = Self {
            engine: Mt19937::resume(u64_at(state, 0), left as usize, next, words),
            next_double: (u32_at(state, tail + 24) != 0).then_some(double),
            next_float: (state[tail + 36] != 0).then_some(float),
        };
        Ok(())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// What Python's `manual_seed` takes: a negative seed counts from 2^64 down.
pub fn seed_from_int(seed: i128) -> Result<u64> {
    let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&seed);
    fits.then_some(seed as u64).ok_or_else(|| Error::Value("Overflow when unpacking long long".into()))
}

/// 64 bits that differ from call to call and run to run: std keys its hash maps from the operating system.
fn nondeterministic() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A generator with several owners: one Python object, the default of the process.
pub type SharedGenerator = Arc<Mutex<Generator>>;

/// The generator of the process. Its first seed is random, as PyTorch's is.
pub fn default_generator() -> &'static SharedGenerator {
    static DEFAULT: LazyLock<SharedGenerator> =
        LazyLock::new(|| Arc::new(Mutex::new(Generator::new(nondeterministic()))));
    &DEFAULT
}

/// The generator of the process while it is held across a fork.
struct Held(UnsafeCell<Option<MutexGuard<'static, Generator>>>);

// SAFETY: only the thread that forks touches it, between the two calls below, and forks exclude each other.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// Wait until nobody draws from the generator of the process, and let nobody until `release`.
pub(crate) fn hold() {
    let guard = default_generator().lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: see `Held`.
    unsafe { *HELD.0.get() = Some(guard) };
}

pub(crate) fn release() {
    // SAFETY: see `Held`.
    drop(unsafe { (*HELD.0.get()).take() });
}

/// Draw from `generator`, or from the default one where none is named. Other threads wait meanwhile.
pub fn with_generator<R>(generator: Option<&SharedGenerator>, f: impl FnOnce(&mut Generator) -> R) -> R {
    let shared = generator.unwrap_or_else(|| default_generator());
    // A panic while drawing leaves numbers unread, nothing worse.
    f(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Draw from the generator of the process.
pub fn with_default<R>(f: impl FnOnce(&mut Generator) -> R) -> R {
    with_generator(None, f)
}

/// A number as C++ streams write it (`%g`): six digits, no trailing zeros.
fn general(x: f64) -> String {
    if !x.is_finite() || x == 0.0 {
        return format!("{x}").to_lowercase();
    }
    let scientific = format!("{x:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| {
        if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s.to_owned() }
    };
    if (-4..6).contains(&exponent) {
        return trim(&format!("{x:.*}", (5 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.abs())
}
