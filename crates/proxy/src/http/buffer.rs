//! Byte buffers that are borrowed while something is under way and given back when a connection
//! falls idle, so that memory follows the requests under way and not the connections open.
//! One list per worker thread.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Room that a fresh buffer has; most heads with their small bodies fit.
pub const SMALL: usize = 8 * 1024;
/// Room that a buffer is grown to for long bodies.
pub const LARGE: usize = 64 * 1024;
/// Buffers that a thread keeps; with [`LARGE`] this bounds what they hold to 4 MiB.
const KEEP: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty vector with room, or without any as long as nothing is written to it.
#[derive(Debug, Default)]
pub struct Pooled(Vec<u8>);

impl Pooled {
    /// Room for at least [`SMALL`] bytes.
    pub fn ready(&mut self) -> &mut Vec<u8> {
        if self.0.capacity() == 0 {
            self.0 = FREE.with(|free| free.borrow_mut().pop()).unwrap_or_else(|| Vec::with_capacity(SMALL));
        }
        &mut self.0
    }

    /// Gives the memory back.
    pub fn release(&mut self) {
        let mut bytes = std::mem::take(&mut self.0);
        if !(SMALL..=LARGE).contains(&bytes.capacity()) {
            return;
        }
        bytes.clear();
        // The list is gone when a thread ends; then the memory is freed.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEEP {
                free.push(bytes);
            }
        });
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.release();
    }
}

impl Deref for Pooled {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// Bytes that were read and are not used yet.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Pooled,
    start: usize,
}

impl Input {
    /// What is there.
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How much is there.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
        }
    }

    /// Adds bytes, e.g. those that were read to find out what a connection speaks.
    pub fn extend(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes.ready().extend_from_slice(bytes);
        }
    }

    /// A vector whose spare capacity is not empty, to read into. Its room doubles when it is full,
    /// as long as it is below `most`. `None`: `most` bytes are there already.
    pub fn space(&mut self, most: usize) -> Option<&mut Vec<u8>> {
        let len = self.len();
        if len >= most {
            return None;
        }
        let bytes = self.bytes.ready();
        if bytes.len() == bytes.capacity() {
            if self.start > 0 {
                bytes.copy_within(self.start.., 0);
                bytes.truncate(len);
                self.start = 0;
            }
            if bytes.capacity() - len < bytes.capacity() / 2 {
                let room = (bytes.capacity() * 2).clamp(SMALL, most.max(LARGE));
                bytes.reserve_exact(room - len);
            }
        }
        Some(bytes)
    }

    /// Gives the memory back if nothing is there.
    pub fn release(&mut self) {
        if self.is_empty() {
            self.start = 0;
            self.bytes.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_keeps_what_was_not_consumed_while_it_grows() {
        let mut input = Input::default();
        let mut sent = 0u32;
        let mut seen = 0u32;
        for round in 0..2_000 {
            if let Some(space) = input.space(LARGE) {
                let room = space.capacity() - space.len();
                assert!(room > 0);
                for _ in 0..room.min(700) / 4 {
                    space.extend_from_slice(&sent.to_le_bytes());
                    sent += 1;
                }
            }
            let take = (input.len() / if round % 3 == 0 { 1 } else { 2 }) & !3;
            for word in input.data()[..take].chunks(4) {
                assert_eq!(word, seen.to_le_bytes());
                seen += 1;
            }
            input.consume(take);
        }
        assert!(seen > 10_000);
        assert!(input.bytes.capacity() <= LARGE);
    }

    #[test]
    fn a_full_input_takes_no_more() {
        let mut input = Input::default();
        input.extend(&[0; 100]);
        assert!(input.space(100).is_none());
        input.consume(1);
        assert!(input.space(100).is_some());
    }

    #[test]
    fn released_memory_is_used_again() {
        let mut one = Pooled::default();
        one.ready().extend_from_slice(b"abc");
        let at = one.as_ptr();
        one.release();
        assert_eq!(one.capacity(), 0);
        let mut two = Pooled::default();
        assert!(two.ready().is_empty());
        assert_eq!(two.as_ptr(), at);
    }
}
