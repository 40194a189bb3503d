//! Free large spans of memory. One of the wanted length is given out again as it is, the one freed last first: its
//! pages are there, and its lines may still be in a cache. Without one, neighbours are joined and the smallest span
//! that is long enough is cut, so that tensors of many sizes share the same pages (best fit, Knuth, TAOCP 1, 2.5).

use std::ptr::NonNull;

use super::system::{DIVISIBLE, HUGE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: NonNull<u8>,
    pub len: usize,
}

impl Span {
    fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// The first `len` bytes and the rest.
    pub fn cut(self, len: usize) -> (Span, Span) {
        assert!(len <= self.len);
        // SAFETY: not past the end of the span.
        let rest = unsafe { self.start.add(len) };
        (Span { start: self.start, len }, Span { start: rest, len: self.len - len })
    }
}

/// No two of them overlap. They lie in the order in which they were freed, or by address once they were joined.
pub(super) struct Spans {
    free: Vec<Span>,
    bytes: usize,
}

impl Spans {
    pub const EMPTY: Spans = Spans { free: Vec::new(), bytes: 0 };

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn put(&mut self, span: Span) {
        if span.len > 0 {
            self.bytes += span.len;
            self.free.push(span);
        }
    }

    pub fn take(&mut self, len: usize) -> Option<Span> {
        let found = match self.free.iter().rposition(|s| s.len == len) {
            Some(i) => self.free.remove(i),
            None if !DIVISIBLE => return None,
            None => {
                self.join();
                let fitting = self.free.iter_mut().filter(|s| s.len >= len).min_by_key(|s| s.len)?;
                let (front, rest) = fitting.cut(len);
                *fitting = rest;
                self.free.retain(|s| s.len > 0);
                front
            }
        };
        self.bytes -= len;
        Some(found)
    }

    /// Make one of spans that touch.
    fn join(&mut self) {
        self.free.sort_unstable_by_key(Span::address);
        self.free.dedup_by(|next, span| {
            let touch = span.address() + span.len == next.address();
            span.len += if touch { next.len } else { 0 };
            touch
        });
    }

    /// Take out what is more than `most` bytes: those that waited longest, and of the last one only what must go.
    pub fn shed(&mut self, most: usize) -> Vec<Span> {
        let mut gone = Vec::new();
        while self.bytes > most
            && let Some(first) = self.free.first_mut()
        {
            // Parts of huge pages would have to be broken up first.
            let surplus = (self.bytes - most).next_multiple_of(HUGE);
            if DIVISIBLE && surplus < first.len {
                let (front, rest) = first.cut(surplus);
                *first = rest;
                gone.push(front);
            } else {
                gone.push(self.free.remove(0));
            }
            self.bytes -= gone.last().map_or(0, |s| s.len);
        }
        gone
    }
}

// The addresses are invented, which Miri does not allow.
#[cfg(all(test, not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: usize = HUGE;

    /// Places in a range of addresses that nobody reads.
    fn span(at: usize, len: usize) -> Span {
        Span {
            start: NonNull::new(std::ptr::without_provenance_mut((1 << 40) + at * UNIT)).unwrap(),
            len: len * UNIT,
        }
    }

    #[test]
    fn an_equal_span_comes_first_and_of_several_the_last() {
        let mut spans = Spans::EMPTY;
        [span(0, 8), span(20, 2), span(40, 2), span(60, 3)].into_iter().for_each(|s| spans.put(s));
        assert_eq!(spans.take(2 * UNIT), Some(span(40, 2)));
        assert_eq!(spans.take(2 * UNIT), Some(span(20, 2)));
        assert_eq!(spans.bytes(), 11 * UNIT);
    }

    #[test]
    fn the_smallest_that_fits_is_cut_and_neighbours_are_joined() {
        if !DIVISIBLE {
            return;
        }
        let mut spans = Spans::EMPTY;
        [span(2, 2), span(100, 9), span(0, 2), span(4, 1)].into_iter().for_each(|s| spans.put(s));
        assert_eq!(spans.take(4 * UNIT), Some(span(0, 4)));
        assert_eq!(spans.take(UNIT), Some(span(4, 1)));
        assert_eq!((spans.take(10 * UNIT), spans.bytes()), (None, 9 * UNIT));
        assert_eq!(spans.shed(5 * UNIT), [span(100, 4)]);
        assert_eq!((spans.take(5 * UNIT), spans.bytes()), (Some(span(104, 5)), 0));
    }

    proptest! {
        /// Every byte is either out or free, once, whatever comes and goes.
        #[test]
        fn nothing_is_lost_or_given_twice(steps in prop::collection::vec((0usize..3, 1usize..9), 1..80)) {
            let (mut spans, mut out, mut mapped) = (Spans::EMPTY, Vec::<Span>::new(), 0);
            for (kind, n) in steps {
                match kind {
                    0 => {
                        let got = spans.take(n * UNIT).unwrap_or_else(|| {
                            mapped += n + n % 2;
                            span(mapped - n - n % 2, n)
                        });
                        prop_assert_eq!(got.len, n * UNIT);
                        out.push(got);
                    }
                    1 if !out.is_empty() => spans.put(out.remove(n % out.len())),
                    _ => drop(spans.shed(n * UNIT)),
                }
                let mut all: Vec<Span> = out.iter().chain(&spans.free).copied().collect();
                all.sort_unstable_by_key(Span::address);
                prop_assert!(all.windows(2).all(|w| w[0].address() + w[0].len <= w[1].address()));
                prop_assert_eq!(spans.bytes(), spans.free.iter().map(|s| s.len).sum::<usize>());
            }
        }
    }
}
