//! How exact a convolution has to be: a setting of the process, which decides about minimal filtering (`winograd.rs`).

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Sums of products as the definition has them.
    Highest,
    /// F(2 x 2) where it wins: what holds until something else is set.
    High,
    /// F(4 x 4) for f32 too.
    Medium,
}

use Precision::{High, Highest, Medium};

impl Precision {
    pub const ALL: [Precision; 3] = [Highest, High, Medium];

    pub fn name(self) -> &'static str {
        match self {
            Highest => "highest",
            High => "high",
            Medium => "medium",
        }
    }
}

static PRECISION: AtomicU8 = AtomicU8::new(High as u8);

pub fn precision() -> Precision {
    Precision::ALL[usize::from(PRECISION.load(Relaxed))]
}

/// What convolutions follow that begin from now on, on every thread.
pub fn set_precision(precision: Precision) {
    PRECISION.store(precision as u8, Relaxed);
}
