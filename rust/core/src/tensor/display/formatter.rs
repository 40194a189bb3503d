//! One number's text, and the width and notation all numbers of a tensor share.

use super::{Item, PrintOptions};

/// How the numbers of one tensor are written; found by looking at those that are shown.
pub(super) struct Formatter {
    notation: Notation,
    width: usize,
}

#[derive(Clone, Copy)]
enum Notation {
    /// Floats that are all whole: `3.`.
    Whole,
    /// This many digits after the point.
    Fixed(usize),
    /// `1.2500e-05`, with this many digits after the point.
    Scientific(usize),
}

impl Formatter {
    pub(super) fn new(items: &[Item], options: &PrintOptions) -> Self {
        // Zeros, infinities and NaN fit in anywhere and have no say in notation or width.
        let telling =
            || items.iter().filter(|item| !matches!(item, Item::Float(x) if *x == 0.0 || !x.is_finite()));
        let floats = || telling().filter_map(|item| if let Item::Float(x) = item { Some(*x) } else { None });

        let whole = floats().all(|x| x == x.ceil());
        let largest = floats().map(f64::abs).fold(0.0, f64::max);
        let smallest = floats().map(f64::abs).fold(f64::INFINITY, f64::min);
        let wide = largest / smallest > 1000.0 || largest > 1.0e8 || smallest < 1.0e-4;
        let any = floats().next().is_some();
        let notation = match any && options.sci_mode.unwrap_or(wide) {
            true => Notation::Scientific(options.precision),
            false if whole => Notation::Whole,
            false => Notation::Fixed(options.precision),
        };
        let width = telling().map(|&item| text(item, notation).len()).max().unwrap_or(1);
        Formatter { notation, width }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The number, padded with spaces on the left.
    pub(super) fn format(&self, item: Item) -> String {
        format!("{:>1$}", text(item, self.notation), self.width)
    }
}

fn text(item: Item, notation: Notation) -> String {
    match item {
        Item::Bool(true) => "True".into(),
        Item::Bool(false) => "False".into(),
        Item::Int(x) => x.to_string(),
        Item::Float(x) if x.is_nan() => "nan".into(),
        Item::Float(x) if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
        Item::Float(x) => match notation {
            Notation::Whole => format!("{x:.0}."),
            Notation::Fixed(digits) => format!("{x:.digits$}"),
            Notation::Scientific(digits) => scientific(x, digits),
        },
    }
}

/// As C writes it: a sign and at least two digits in the exponent.
fn scientific(x: f64, digits: usize) -> String {
    let text = format!("{x:.digits$e}");
    let (digits, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}e-{exponent:0>2}"),
        None => format!("{digits}e+{exponent:0>2}"),
    }
}
