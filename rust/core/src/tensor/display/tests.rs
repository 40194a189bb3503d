//! Texts recorded from PyTorch by `tests/golden/record_display.py`, and the rules of the options.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::dtype::{Category, Element};
use half::{bf16, f16};
use serde_json::Value;

fn golden() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/display.json");
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array_mut().map(std::mem::take).unwrap()
}

fn dtype(name: &Value) -> DType {
    DType::ALL.into_iter().find(|dtype| dtype.name() == name.as_str().unwrap()).unwrap()
}

fn options(case: &Value) -> PrintOptions {
    let o = &case["options"];
    let count = |key: &str| o[key].as_u64().map(|n| n as usize);
    PrintOptions::DEFAULT.with(&PrintChange {
        precision: count("precision"),
        threshold: o["threshold"].as_f64(),
        edgeitems: count("edgeitems"),
        linewidth: o["linewidth"].as_i64(),
        profile: o["profile"].as_str(),
        sci_mode: o["sci_mode"].as_bool(),
    })
}

/// The elements of a case, in row-major order: listed, or by the recording script's rule.
fn items(case: &Value, dtype: DType, numel: usize) -> Vec<Item> {
    let listed = |word: &str| match dtype.category() {
        Category::Float => Item::Float(word.parse().unwrap()),
        Category::Int => Item::Int(word.parse().unwrap()),
        Category::Bool => Item::Bool(word == "1"),
    };
    if let Some(values) = case["values"].as_str() {
        return values.split_whitespace().map(listed).collect();
    }
    let [step, modulus, scale, offset] = std::array::from_fn(|i| case["rule"][i].as_f64().unwrap());
    let ruled = |i: usize| ((i as u64 * step as u64) % modulus as u64) as f64 * scale + offset;
    let float = dtype.is_float();
    (0..numel).map(|i| if float { Item::Float(ruled(i)) } else { Item::Int(ruled(i) as i64) }).collect()
}

fn offset(shape: &[usize], index: &[usize]) -> usize {
    assert_eq!(shape.len(), index.len());
    shape.iter().zip(index).fold(0, |at, (&size, &i)| at * size + i)
}

#[test]
fn texts_are_those_of_pytorch() {
    let cases = golden();
    assert!(cases.len() > 500, "only {} cases", cases.len());
    for case in &cases {
        let shape: Vec<usize> =
            case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let described = Described {
            default_dtype: if case["default"].is_null() { DType::F32 } else { dtype(&case["default"]) },
            grad_fn: case["grad_fn"].as_str(),
            requires_grad: case["requires_grad"] == true,
            parameter: case["parameter"] == true,
            ..Described::new(&shape, dtype(&case["dtype"]))
        };
        let items = items(case, described.dtype, shape.iter().product());
        let text = tensor_text(&described, &options(case), |index| items[offset(&shape, index)]);
        assert_eq!(text, case["text"].as_str().unwrap(), "\n{case:#}");
    }
}

#[test]
fn half_precision_is_printed_from_the_exact_widened_value() {
    let text =
        |x: f64, dtype| tensor_text(&Described::new(&[1], dtype), &PrintOptions::DEFAULT, |_| Item::Float(x));
    assert_eq!(
        text(Element::to_f64(f16::from_f32(0.1)), DType::F16),
        "tensor([0.1000], dtype=tensorrs.float16)"
    );
    assert_eq!(
        text(Element::to_f64(bf16::from_f32(3.3)), DType::BF16),
        "tensor([3.2969], dtype=tensorrs.bfloat16)"
    );
}

#[test]
fn only_the_edges_of_a_large_tensor_are_read() {
    let shape = [10_000, 10_000];
    let mut read = 0;
    let described = Described { device: Some("wgpu:0"), ..Described::new(&shape, DType::I64) };
    let text = tensor_text(&described, &PrintOptions::DEFAULT, |index| {
        read += 1;
        Item::Int(offset(&shape, index) as i64)
    });
    assert_eq!(read, 36);
    assert!(
        text.starts_with("tensor([[       0,        1,        2,  ...,     9997,     9998,     9999],\n"),
        "{text}"
    );
    assert!(text.ends_with(
        "[99990000, 99990001, 99990002,  ..., 99999997, 99999998, 99999999]],\n       device='wgpu:0')"
    ));
}

#[test]
fn a_subclass_shows_its_name() {
    let described = Described { class: "Masked", parameter: true, ..Described::new(&[1, 2], DType::Bool) };
    let text = tensor_text(&described, &PrintOptions::DEFAULT, |index| Item::Bool(index == [0, 1]));
    assert_eq!(text, "Parameter containing:\nParameter(Masked([[False,  True]]))");
}

#[test]
fn options_change_one_by_one_and_by_profile() {
    let change =
        PrintChange { precision: Some(2), linewidth: Some(100), sci_mode: Some(true), ..Default::default() };
    let changed = PrintOptions::DEFAULT.with(&change);
    assert_eq!(
        changed,
        PrintOptions { precision: 2, linewidth: 100, sci_mode: Some(true), ..PrintOptions::DEFAULT }
    );
    // Every call replaces `sci_mode`, a profile everything else.
    assert_eq!(changed.with(&PrintChange::default()).sci_mode, None);
    let full = changed.with(&PrintChange { profile: Some("full"), edgeitems: Some(1), ..Default::default() });
    assert_eq!(full, PrintOptions { threshold: f64::INFINITY, edgeitems: 1, ..PrintOptions::DEFAULT });
    assert_eq!(changed.with(&PrintChange { profile: Some("huge"), ..change }), changed);
}

#[test]
fn options_of_the_process_are_set_and_put_back() {
    let old = print_options();
    set_print_options(&PrintChange { precision: Some(7), sci_mode: old.sci_mode, ..Default::default() });
    assert_eq!(print_options(), PrintOptions { precision: 7, ..old });
    restore_print_options(old);
    assert_eq!(print_options(), old);
}
