//! Reading pickles without running code: the machine that builds lists, dicts and tensors, and calls nothing else.
//!
//! A pickle is a program for a stack machine. Here the globals it may name, and so all it may call, are what `find`
//! hands out; `find` refuses the rest. Every length is held against the bytes that are there before memory is taken.
//! The opcodes are those of <https://docs.python.org/3/library/pickletools.html>, protocols 0 to 5.

use std::collections::HashMap;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple};

/// Read the pickle that starts at `start` of `data`; return what it builds and where it ends.
///
/// `find(module, name)` gives the meaning of a global or raises; `persistent(id)` the object of a persistent id;
/// `build(object, state)` sets the state of an object that a global has made. `text` is the encoding of Python 2's
/// strings.
#[pyfunction]
#[pyo3(signature = (data, start, find, persistent, build, text = "utf-8"))]
pub fn unpickle<'py>(
    py: Python<'py>,
    data: &[u8],
    start: usize,
    find: &Bound<'py, PyAny>,
    persistent: &Bound<'py, PyAny>,
    build: &Bound<'py, PyAny>,
    text: &str,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let mut machine = Machine {
        py,
        data,
        at: start,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        known: HashMap::new(),
        find,
        persistent,
        build,
        old_text: text,
    };
    let value = machine.run()?;
    Ok((value, machine.at))
}

struct Machine<'a, 'py> {
    py: Python<'py>,
    data: &'a [u8],
    at: usize,
    stack: Vec<Bound<'py, PyAny>>,
    marks: Vec<usize>,
    memo: HashMap<usize, Bound<'py, PyAny>>,
    /// What `find` gave, by address: the only things that are called.
    known: HashMap<usize, Bound<'py, PyAny>>,
    find: &'a Bound<'py, PyAny>,
    persistent: &'a Bound<'py, PyAny>,
    build: &'a Bound<'py, PyAny>,
    old_text: &'a str,
}

impl<'py> Machine<'_, 'py> {
    fn broken(&self, why: &str) -> PyErr {
        PyRuntimeError::new_err(format!("broken pickle: {why} at byte {}", self.at))
    }

    fn take(&mut self, n: usize) -> PyResult<&[u8]> {
        match self.at.checked_add(n).and_then(|end| self.data.get(self.at..end)) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => Err(self.broken(&format!("{n} bytes are missing"))),
        }
    }

    /// A little-endian number of `N` bytes.
    fn number<const N: usize>(&mut self) -> PyResult<u64> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N)?);
        Ok(u64::from_le_bytes(wide))
    }

    fn length<const N: usize>(&mut self) -> PyResult<usize> {
        usize::try_from(self.number::<N>()?).map_err(|_| self.broken("a length is too large"))
    }

    /// A line of the text protocol, without its end.
    fn line(&mut self) -> PyResult<&str> {
        let rest = &self.data[self.at..];
        let Some(n) = rest.iter().position(|&b| b == b'\n') else {
            return Err(self.broken("a line has no end"));
        };
        self.at += n + 1;
        str::from_utf8(&rest[..n]).map_err(|_| PyRuntimeError::new_err("broken pickle: a line is no text"))
    }

    fn text(&mut self, n: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let bytes = PyBytes::new(py, self.take(n)?);
        // Lone surrogates pass, as in Python's own reader.
        bytes.call_method1(intern!(py, "decode"), (intern!(py, "utf-8"), intern!(py, "surrogatepass")))
    }

    /// A string of Python 2.
    fn old_text(&mut self, n: usize) -> PyResult<Bound<'py, PyAny>> {
        let (py, encoding) = (self.py, self.old_text);
        PyBytes::new(py, self.take(n)?).call_method1(intern!(py, "decode"), (encoding,))
    }

    /// A signed integer of `n` bytes.
    fn long(&mut self, n: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let bytes = PyBytes::new(py, self.take(n)?);
        let options = PyDict::new(py);
        options.set_item("signed", true)?;
        py.get_type::<PyInt>().call_method("from_bytes", (bytes, "little"), Some(&options))
    }

    fn push(&mut self, value: Bound<'py, PyAny>) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> PyResult<Bound<'py, PyAny>> {
        if self.marks.last().is_some_and(|&m| m >= self.stack.len()) {
            return Err(self.broken("the stack ends at a mark"));
        }
        self.stack.pop().ok_or_else(|| self.broken("the stack is empty"))
    }

    fn top(&self) -> PyResult<&Bound<'py, PyAny>> {
        self.stack.last().ok_or_else(|| self.broken("the stack is empty"))
    }

    /// All above the last mark.
    fn since_mark(&mut self) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mark = self.marks.pop().ok_or_else(|| self.broken("no mark is set"))?;
        if mark > self.stack.len() {
            return Err(self.broken("the stack ends below a mark"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, n: usize) -> PyResult<()> {
        let mut items = (0..n).map(|_| self.pop()).collect::<PyResult<Vec<_>>>()?;
        items.reverse();
        let tuple = PyTuple::new(self.py, items)?;
        self.push(tuple.into_any());
        Ok(())
    }

    fn remember(&mut self, index: usize) -> PyResult<()> {
        let top = self.top()?.clone();
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: usize) -> PyResult<()> {
        let Some(value) = self.memo.get(&index).cloned() else {
            return Err(self.broken(&format!("there is no memo {index}")));
        };
        self.push(value);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> PyResult<()> {
        let found = self.find.call1((module, name))?;
        self.known.insert(found.as_ptr() as usize, found.clone());
        self.push(found);
        Ok(())
    }

    fn call(&mut self) -> PyResult<()> {
        let (args, callee) = (self.pop()?, self.pop()?);
        if !self.known.contains_key(&(callee.as_ptr() as usize)) || !callee.is_callable() {
            return Err(self.broken("it calls something that is no global"));
        }
        let args = args.cast_into::<PyTuple>().map_err(|_| self.broken("it calls without a tuple"))?;
        let made = callee.call1(args)?;
        self.push(made);
        Ok(())
    }

    fn append(&mut self, items: Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        let list = self.top()?.cast::<PyList>().map_err(|_| self.broken("it appends to no list"))?.clone();
        items.into_iter().try_for_each(|item| list.append(item))
    }

    fn set_items(&mut self, items: &[Bound<'py, PyAny>]) -> PyResult<()> {
        let top = self.top()?.clone();
        if !top.is_instance_of::<PyDict>() || !items.len().is_multiple_of(2) {
            return Err(self.broken("it sets items of no dict"));
        }
        items.chunks(2).try_for_each(|pair| top.set_item(&pair[0], &pair[1]))
    }

    fn pairs(&mut self) -> PyResult<()> {
        let items = self.since_mark()?;
        self.push(PyDict::new(self.py).into_any());
        self.set_items(&items)
    }

    fn persistent(&mut self, id: Bound<'py, PyAny>) -> PyResult<()> {
        let found = self.persistent.call1((id,))?;
        self.push(found);
        Ok(())
    }

    fn run(&mut self) -> PyResult<Bound<'py, PyAny>> {
        loop {
            let op = self.take(1)?[0];
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> PyResult<()> {
        match op {
            0x80 => {
                let version = self.take(1)?[0];
                if version > 5 {
                    return Err(self.broken(&format!("protocol {version} is unknown")));
                }
            }
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?),
            b'2' => {
                let top = self.top()?.clone();
                self.push(top);
            }
            _ => return self.value(op),
        }
        Ok(())
    }

    /// Opcodes that put a value on the stack or change the one on top.
    fn value(&mut self, op: u8) -> PyResult<()> {
        let py = self.py;
        let made = match op {
            b'N' => py.None().into_bound(py),
            0x88 => true.into_pyobject(py)?.to_owned().into_any(),
            0x89 => false.into_pyobject(py)?.to_owned().into_any(),
            b'K' => self.number::<1>()?.into_pyobject(py)?.into_any(),
            b'M' => self.number::<2>()?.into_pyobject(py)?.into_any(),
            b'J' => (self.number::<4>()? as u32).cast_signed().into_pyobject(py)?.into_any(),
            0x8a => {
                let n = self.length::<1>()?;
                self.long(n)?
            }
            0x8b => {
                let n = self.length::<4>()?;
                self.long(n)?
            }
            b'G' => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(self.take(8)?);
                f64::from_be_bytes(bytes).into_pyobject(py)?.into_any()
            }
            b'I' | b'L' => match self.line()? {
                "00" => false.into_pyobject(py)?.to_owned().into_any(),
                "01" => true.into_pyobject(py)?.to_owned().into_any(),
                digits => py.get_type::<PyInt>().call1((digits.trim_end_matches('L'),))?,
            },
            b'F' => {
                let x: f64 =
                    self.line()?.parse().map_err(|_| PyRuntimeError::new_err("broken pickle: no number"))?;
                x.into_pyobject(py)?.into_any()
            }
            b'X' => {
                let n = self.length::<4>()?;
                self.text(n)?
            }
            0x8c => {
                let n = self.length::<1>()?;
                self.text(n)?
            }
            0x8d => {
                let n = self.length::<8>()?;
                self.text(n)?
            }
            b'T' => {
                let n = self.length::<4>()?;
                self.old_text(n)?
            }
            b'U' => {
                let n = self.length::<1>()?;
                self.old_text(n)?
            }
            b'V' => {
                let line = self.line()?;
                PyBytes::new(py, line.as_bytes()).call_method1("decode", ("raw-unicode-escape",))?
            }
            b'B' => {
                let n = self.length::<4>()?;
                PyBytes::new(py, self.take(n)?).into_any()
            }
            b'C' => {
                let n = self.length::<1>()?;
                PyBytes::new(py, self.take(n)?).into_any()
            }
            0x8e => {
                let n = self.length::<8>()?;
                PyBytes::new(py, self.take(n)?).into_any()
            }
            0x96 => {
                let n = self.length::<8>()?;
                PyByteArray::new(py, self.take(n)?).into_any()
            }
            b']' => PyList::empty(py).into_any(),
            b'}' => PyDict::new(py).into_any(),
            b')' => PyTuple::empty(py).into_any(),
            0x8f => PySet::empty(py)?.into_any(),
            b'l' => PyList::new(py, self.since_mark()?)?.into_any(),
            b't' => PyTuple::new(py, self.since_mark()?)?.into_any(),
            0x91 => PyFrozenSet::new(py, self.since_mark()?)?.into_any(),
            _ => return self.action(op),
        };
        self.push(made);
        Ok(())
    }

    fn action(&mut self, op: u8) -> PyResult<()> {
        match op {
            0x85..=0x87 => self.tuple(usize::from(op - 0x84)),
            b'd' => self.pairs(),
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' => {
                let items = self.since_mark()?;
                self.append(items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set_items(&items)
            }
            0x90 => {
                let items = self.since_mark()?;
                let set = self.top()?.cast::<PySet>().map_err(|_| self.broken("it adds to no set"))?.clone();
                items.into_iter().try_for_each(|item| set.add(item))
            }
            b'p' | b'g' => {
                let index =
                    self.line()?.parse().map_err(|_| PyRuntimeError::new_err("broken pickle: no memo"))?;
                if op == b'p' { self.remember(index) } else { self.recall(index) }
            }
            b'q' => {
                let index = self.length::<1>()?;
                self.remember(index)
            }
            b'r' => {
                let index = self.length::<4>()?;
                self.remember(index)
            }
            b'h' => {
                let index = self.length::<1>()?;
                self.recall(index)
            }
            b'j' => {
                let index = self.length::<4>()?;
                self.recall(index)
            }
            0x94 => self.remember(self.memo.len()),
            b'c' => {
                let (module, name) = (self.line()?.to_owned(), self.line()?.to_owned());
                self.global(&module, &name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (module.cast::<PyString>(), name.cast::<PyString>()) {
                    (Ok(module), Ok(name)) => self.global(module.to_str()?, name.to_str()?),
                    _ => Err(self.broken("the name of a global is no text")),
                }
            }
            // NEWOBJ is `cls(*args)` for the few classes that are known.
            b'R' | 0x81 => self.call(),
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?.clone());
                self.build.call1((object, state)).map(drop)
            }
            b'P' => {
                let id = PyString::new(self.py, self.line()?).into_any();
                self.persistent(id)
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)
            }
            _ => Err(self.broken(&format!("opcode {op:#04x} is not supported"))),
        }
    }
}
