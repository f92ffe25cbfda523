//! Header fields of one message. All text stands in one block of bytes and fields are positions in
//! it, so a head costs no allocation once the block is there; changes append to the block.
//! Names are lower case, values have no surrounding white space; both were validated when they were
//! put in, which is what makes writing them out safe.

use std::borrow::Cow;

use bytes::Bytes;
use outrigger_traffic::HeaderTarget;

use super::buffer::Pooled;
use super::names::Known;

/// Where some text stands in a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// From a position and a length. Blocks are far below 4 GiB: heads are limited to some KiB.
    pub fn new(start: usize, len: usize) -> Span {
        Span { start: start as u32, len: len as u32 }
    }

    fn of(self, block: &[u8]) -> &[u8] {
        &block[self.start as usize..(self.start + self.len) as usize]
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    name: Span,
    value: Span,
    known: Known,
}

/// The header fields of a message, in order.
#[derive(Debug, Default)]
pub struct Headers {
    block: Pooled,
    fields: Vec<Field>,
}

impl Headers {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.fields.clear();
    }

    /// Forgets everything and gives the memory back.
    pub fn release(&mut self) {
        self.fields.clear();
        self.block.release();
    }

    /// Copies text that fields or other parts of a head will point into.
    pub fn load(&mut self, text: &[u8]) -> Span {
        let block = self.block.ready();
        let start = block.len();
        block.extend_from_slice(text);
        Span::new(start, text.len())
    }

    /// Adds a field whose text was loaded at `base`; `name` and `value` are positions from there.
    /// The name is made lower case.
    pub fn push_loaded(&mut self, base: Span, name: (usize, usize), value: (usize, usize)) -> (Known, Span) {
        let at = base.start as usize;
        let name_bytes = &mut self.block[at + name.0..at + name.0 + name.1];
        name_bytes.make_ascii_lowercase();
        let known = Known::of(name_bytes);
        let value = Span::new(at + value.0, value.1);
        self.fields.push(Field { name: Span::new(at + name.0, name.1), value, known });
        (known, value)
    }

    /// The text at a position.
    pub fn text(&self, span: Span) -> &[u8] {
        span.of(&self.block)
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Known, &[u8], &[u8])> {
        self.fields.iter().map(|f| (f.known, f.name.of(&self.block), f.value.of(&self.block)))
    }

    /// A copy of the block; see [`Headers::shared`].
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.block)
    }

    /// Names, and values as parts of a copy of the block.
    pub fn shared(&self, block: &Bytes) -> impl Iterator<Item = (Known, &[u8], Bytes)> {
        self.fields.iter().map(|f| {
            let value = f.value.start as usize..(f.value.start + f.value.len) as usize;
            (f.known, f.name.of(&self.block), block.slice(value))
        })
    }

    /// The first value of a known header.
    pub fn get(&self, known: Known) -> Option<&[u8]> {
        self.fields.iter().find(|f| f.known == known).map(|f| f.value.of(&self.block))
    }

    /// Whether there is such a header.
    pub fn has(&self, known: Known) -> bool {
        self.fields.iter().any(|f| f.known == known)
    }

    /// The values of any header by its lower-case name.
    pub fn all<'s, 'n>(&'s self, name: &'n [u8]) -> impl Iterator<Item = &'s [u8]> + use<'s, 'n> {
        self.iter().filter(move |(_, field, _)| *field == name).map(|(_, _, value)| value)
    }

    /// The value of a header, several lines joined by `,`.
    pub fn joined<'s>(&'s self, name: &[u8]) -> Option<Cow<'s, [u8]>> {
        let mut values = self.all(name);
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = [first, b",", second].concat();
        for value in values {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }

    /// Adds a known header.
    pub fn push(&mut self, known: Known, value: &[u8]) {
        self.push_with(known, |block| block.extend_from_slice(value));
    }

    /// Adds a known header whose value `write` appends.
    pub fn push_with(&mut self, known: Known, write: impl FnOnce(&mut Vec<u8>)) {
        let name = self.load(known.name().as_bytes());
        let start = self.block.len();
        write(&mut self.block);
        let value = Span::new(start, self.block.len() - start);
        self.fields.push(Field { name, value, known });
    }

    /// Adds a header. The name must be valid and lower case, the value valid.
    pub fn push_raw(&mut self, name: &[u8], value: &[u8]) -> Known {
        let known = Known::of(name);
        let name = self.load(name);
        let value = self.load(value);
        self.fields.push(Field { name, value, known });
        known
    }

    /// Makes one line of a known header.
    pub fn put(&mut self, known: Known, value: &[u8]) {
        self.drop_known(known);
        self.push(known, value);
    }

    /// Removes every line of a known header; says whether there was one.
    pub fn drop_known(&mut self, known: Known) -> bool {
        let before = self.fields.len();
        self.fields.retain(|f| f.known != known);
        before != self.fields.len()
    }

    /// Keeps the fields for which `keep` (known, name, value) says so.
    pub fn retain(&mut self, mut keep: impl FnMut(Known, &[u8], &[u8]) -> bool) {
        let block = &self.block;
        self.fields.retain(|f| keep(f.known, f.name.of(block), f.value.of(block)));
    }

    /// Removes fields that describe one connection only, also those that `Connection` names.
    pub fn drop_hop_by_hop(&mut self) {
        while let Some(at) = self.fields.iter().position(|f| f.known == Known::Connection) {
            let value = self.fields.remove(at).value.of(&self.block);
            let block = &self.block;
            for token in tokens(value) {
                self.fields.retain(|f| {
                    !f.name.of(block).eq_ignore_ascii_case(token) || is_kept_though_named(f.known)
                });
            }
        }
        self.fields.retain(|f| !f.known.is_hop_by_hop());
    }
}

/// Removing these because `Connection` names them would change what a message means.
fn is_kept_though_named(known: Known) -> bool {
    matches!(known, Known::Host | Known::ContentLength | Known::Cookie | Known::Connection)
}

/// The parts of a comma-separated list, without surrounding white space and empty parts.
pub fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Appends a number in decimal digits.
pub fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl HeaderTarget for Headers {
    fn contains(&self, name: &str) -> bool {
        self.all(name.as_bytes()).next().is_some()
    }

    fn remove(&mut self, name: &str) {
        self.retain(|_, field, _| field != name.as_bytes());
    }

    fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.append(name, value);
    }

    fn append(&mut self, name: &str, value: &str) {
        if is_valid_value(value.as_bytes()) {
            self.push_raw(name.as_bytes(), value.trim_ascii().as_bytes());
        }
    }
}

/// Whether a value may be written to the wire: no control characters but tab (RFC 9110, 5.5).
pub fn is_valid_value(value: &[u8]) -> bool {
    value.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push_raw(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn names(headers: &Headers) -> Vec<&str> {
        headers.iter().map(|(_, name, _)| std::str::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn headers_named_by_connection_are_dropped_and_framing_stays() {
        let mut h = headers(&[
            ("connection", "X-Private, keep-alive,content-length"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("content-length", "3"),
            ("accept", "*/*"),
            ("connection", "y"),
            ("y", "2"),
            ("te", "gzip"),
        ]);
        h.drop_hop_by_hop();
        assert_eq!(names(&h), ["content-length", "accept"]);
    }

    #[test]
    fn lines_of_one_name_are_joined() {
        let h = headers(&[("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]);
        assert_eq!(h.joined(b"a").as_deref(), Some(&b"1,3,4"[..]));
        assert_eq!(h.joined(b"b").as_deref(), Some(&b"2"[..]));
        assert_eq!(h.joined(b"c"), None);
    }

    #[test]
    fn a_value_with_a_line_break_is_never_added() {
        let mut h = headers(&[]);
        h.append("x", "a\r\ny: b");
        assert!(!h.contains("x"));
        h.set("x", " fine\t");
        assert_eq!(h.all(b"x").next(), Some(&b"fine"[..]));
    }
}
