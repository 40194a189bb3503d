//! The text of a tensor, as `print` and `repr` show it: PyTorch's rules (`torch/_tensor_str.py`), character for character.
//!
//! Pure functions. The elements are asked for one index at a time, and of a tensor that is shown shortened only those
//! at the edges are read: `Shown::new` lists them, `Formatter` finds their common width, `Shown::write` sets the text.

mod formatter;
mod options;
#[cfg(test)]
mod tests;

pub use options::{PrintChange, PrintOptions, print_options, restore_print_options, set_print_options};

use super::Scalar as Item;
use crate::dtype::DType;
use formatter::Formatter;

/// Everything about a tensor that its text shows, but its elements.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// The name before the bracket: `tensor`, or that of a Python subclass.
    pub class: &'a str,
    pub shape: &'a [usize],
    pub dtype: DType,
    /// The process's default float dtype, which is not written out.
    pub default_dtype: DType,
    /// `None` for the CPU, otherwise the device's name: `wgpu:0`.
    pub device: Option<&'a str>,
    /// The name of the op that made it: `AddBackward0`.
    pub grad_fn: Option<&'a str>,
    pub requires_grad: bool,
    /// A `nn.Parameter` (or a subclass) announces itself on a line of its own.
    pub parameter: bool,
}

impl<'a> Described<'a> {
    /// A plain tensor on the CPU, no gradient, float32 as default.
    pub fn new(shape: &'a [usize], dtype: DType) -> Self {
        Described {
            class: "tensor",
            shape,
            dtype,
            default_dtype: DType::F32,
            device: None,
            grad_fn: None,
            requires_grad: false,
            parameter: false,
        }
    }

    /// Whether there are numbers to show: not of an empty tensor, nor on the device without memory.
    fn has_numbers(&self) -> bool {
        !self.shape.contains(&0) && !self.on_meta()
    }

    fn on_meta(&self) -> bool {
        self.device == Some("meta")
    }

    /// What stands behind the numbers: `dtype=tensorrs.float64`, `requires_grad=True`.
    fn suffixes(&self, options: &PrintOptions) -> Vec<String> {
        let mut parts = Vec::new();
        if let Some(device) = self.device {
            parts.push(format!("device='{device}'"));
        }
        let empty = !self.has_numbers();
        if if empty { self.shape.len() != 1 || self.on_meta() } else { options.edgeitems == 0 } {
            parts.push(format!("size={}", tuple(self.shape)));
        }
        // Numbers tell int64 and bool from the default float; without numbers the name has to.
        let told = !empty && matches!(self.dtype, DType::I64 | DType::Bool);
        if self.dtype != self.default_dtype && !told {
            parts.push(format!("dtype={}", self.dtype));
        }
        match self.grad_fn {
            Some(name) => parts.push(format!("grad_fn=<{name}>")),
            None if self.requires_grad => parts.push("requires_grad=True".into()),
            None => {}
        }
        parts
    }
}

/// The text of a tensor. `element` is called once for each number shown, in row-major order.
pub fn tensor_text(
    tensor: &Described,
    options: &PrintOptions,
    element: impl FnMut(&[usize]) -> Item,
) -> String {
    let mut text = format!("{}(", tensor.class);
    let indent = text.chars().count();
    if tensor.has_numbers() {
        Shown::new(tensor.shape, options, element).write(&mut text, 0, indent);
    } else {
        text.push_str(if tensor.on_meta() { "..." } else { "[]" });
    }
    let text = close(text, &tensor.suffixes(options), indent, options.linewidth);
    match (tensor.parameter, tensor.class == "tensor") {
        (false, _) => text,
        (true, true) => format!("Parameter containing:\n{text}"),
        (true, false) => format!("Parameter containing:\nParameter({text})"),
    }
}

/// Append the suffixes and the closing bracket; a suffix that would pass the line's end starts a new line.
fn close(mut text: String, suffixes: &[String], indent: usize, linewidth: i64) -> String {
    // Two more than the line is long, or one more than that for a single line: PyTorch's count, kept as it is.
    let mut column = match text.rfind('\n') {
        Some(at) => text[at..].chars().count() + 1,
        None => text.chars().count() + 2,
    };
    for suffix in suffixes {
        let width = suffix.chars().count();
        if (column + width + 2) as i64 > linewidth {
            text.push_str(",\n");
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent + width;
        } else {
            text.push_str(", ");
            column += width + 2;
        }
        text.push_str(suffix);
    }
    text.push(')');
    text
}

/// A Python tuple: `()`, `(3,)`, `(2, 3)`.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The elements that are shown, formatted, in row-major order.
struct Shown {
    axes: Vec<Axis>,
    texts: std::vec::IntoIter<String>,
    /// Characters of one element, its comma and space included.
    width: i64,
    linewidth: i64,
}

/// How many entries of one axis are shown before and after the dots; no dots if `tail` is `None`.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    head: usize,
    tail: Option<usize>,
}

impl Axis {
    fn indices(self) -> impl Iterator<Item = usize> {
        (0..self.head).chain(self.size - self.tail.unwrap_or(0)..self.size)
    }
}

impl Shown {
    fn new(shape: &[usize], options: &PrintOptions, mut element: impl FnMut(&[usize]) -> Item) -> Self {
        let edge = options.edgeitems;
        let shorten = shape.iter().product::<usize>() as f64 > options.threshold;
        let axis = |&size: &usize| match shorten && size > edge.saturating_mul(2) {
            true => Axis { size, head: edge, tail: Some(edge) },
            false => Axis { size, head: size, tail: None },
        };
        let axes: Vec<Axis> = shape.iter().map(axis).collect();
        let mut items = Vec::new();
        visit(&axes, &mut Vec::with_capacity(axes.len()), &mut |index| items.push(element(index)));
        let formatter = Formatter::new(&items, options);
        let texts: Vec<String> = items.iter().map(|&item| formatter.format(item)).collect();
        let width = formatter.width() as i64 + 2;
        Shown { axes, texts: texts.into_iter(), width, linewidth: options.linewidth }
    }

    /// How many elements stand on a line that begins in column `indent`.
    fn per_line(&self, indent: usize) -> usize {
        self.linewidth.saturating_sub(indent as i64).div_euclid(self.width).max(1) as usize
    }

    /// Write the entries below axis number `depth`, whose opening bracket stands in column `indent`.
    fn write(&mut self, text: &mut String, depth: usize, indent: usize) {
        let Some(&axis) = self.axes.get(depth) else {
            text.extend(self.texts.next());
            return;
        };
        text.push('[');
        let inner = self.axes.len() - depth - 1;
        let (breaks, per_line) = if inner == 0 { (1, self.per_line(indent)) } else { (inner, 1) };
        let dots = axis.tail.map(|_| axis.head);
        for i in 0..axis.head + axis.tail.map_or(0, |tail| tail + 1) {
            if i > 0 && (inner == 0 && i % per_line != 0) {
                text.push_str(", ");
            } else if i > 0 {
                text.push(',');
                text.extend(std::iter::repeat_n('\n', breaks));
                text.extend(std::iter::repeat_n(' ', indent + 1));
            }
            match dots == Some(i) {
                // Among numbers the dots have a space of their own before them; alone they have none.
                true => text.push_str(if inner == 0 && axis.head > 0 { " ..." } else { "..." }),
                false => self.write(text, depth + 1, indent + 1),
            }
        }
        text.push(']');
    }
}

/// Call `f` with every shown index. The depth of the recursion is the number of axes.
fn visit(axes: &[Axis], index: &mut Vec<usize>, f: &mut impl FnMut(&[usize])) {
    let Some((&axis, rest)) = axes.split_first() else {
        return f(index);
    };
    for i in axis.indices() {
        index.push(i);
        visit(rest, index, f);
        index.pop();
    }
}
