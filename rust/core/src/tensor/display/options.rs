//! How numbers are printed: the process-wide options behind `set_printoptions` and `printoptions`.

use std::sync::{PoisonError, RwLock};

/// PyTorch's print options, under PyTorch's names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrintOptions {
    /// Digits after the point.
    pub precision: usize,
    /// A tensor of more elements than this is shown shortened; infinite: never.
    pub threshold: f64,
    /// Entries shown at either end of a shortened axis.
    pub edgeitems: usize,
    /// Characters of a line.
    pub linewidth: i64,
    /// Scientific notation: always, never, or where the numbers ask for it.
    pub sci_mode: Option<bool>,
}

impl PrintOptions {
    pub const DEFAULT: PrintOptions =
        PrintOptions { precision: 4, threshold: 1000.0, edgeitems: 3, linewidth: 80, sci_mode: None };

    /// These options after `change`. `sci_mode` is always replaced, an unknown profile changes nothing: PyTorch's rules.
    pub fn with(self, change: &PrintChange) -> Self {
        let base = match change.profile {
            Some("default") => Self::DEFAULT,
            Some("short") => PrintOptions { precision: 2, edgeitems: 2, ..Self::DEFAULT },
            Some("full") => PrintOptions { threshold: f64::INFINITY, ..Self::DEFAULT },
            _ => self,
        };
        PrintOptions {
            precision: change.precision.unwrap_or(base.precision),
            threshold: change.threshold.unwrap_or(base.threshold),
            edgeitems: change.edgeitems.unwrap_or(base.edgeitems),
            linewidth: change.linewidth.unwrap_or(base.linewidth),
            sci_mode: change.sci_mode,
        }
    }
}

impl Default for PrintOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The arguments of `set_printoptions`: what is `None` stays as it is, but for `sci_mode`.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrintChange<'a> {
    pub precision: Option<usize>,
    pub threshold: Option<f64>,
    pub edgeitems: Option<usize>,
    pub linewidth: Option<i64>,
    /// `default`, `short` or `full`.
    pub profile: Option<&'a str>,
    pub sci_mode: Option<bool>,
}

static OPTIONS: RwLock<PrintOptions> = RwLock::new(PrintOptions::DEFAULT);

/// The options in force.
pub fn print_options() -> PrintOptions {
    *OPTIONS.read().unwrap_or_else(PoisonError::into_inner)
}

/// `set_printoptions`.
pub fn set_print_options(change: &PrintChange) {
    let mut options = OPTIONS.write().unwrap_or_else(PoisonError::into_inner);
    *options = options.with(change);
}

/// Put back options read before: the end of a `printoptions` block.
pub fn restore_print_options(old: PrintOptions) {
    *OPTIONS.write().unwrap_or_else(PoisonError::into_inner) = old;
}
