//! Server name and ALPN of a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1), which may
//! be spread over several records and reads. Nothing is copied: a cursor walks over the records.

use std::sync::Arc;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: usize = 0;
const EXTENSION_ALPN: usize = 16;
/// Largest plaintext record (RFC 8446, 5.1).
const MAX_RECORD: usize = 16 * 1024;
const MAX_ALPN: usize = 32;

/// What can be said of the bytes so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    More,
    Hello { sni: Option<Arc<str>>, alpn: Vec<Arc<str>> },
    NotTls,
}

/// Server name and ALPN.
type Names = (Option<Arc<str>>, Vec<Arc<str>>);

/// Why parsing stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    More,
    Malformed,
}

pub(super) fn parse(bytes: &[u8]) -> Parsed {
    match hello(&mut Cursor { rest: bytes, record: 0 }) {
        Ok((sni, alpn)) => Parsed::Hello { sni, alpn },
        Err(Stop::More) => Parsed::More,
        Err(Stop::Malformed) => Parsed::NotTls,
    }
}

fn hello(cursor: &mut Cursor<'_>) -> Result<Names, Stop> {
    if cursor.number(1)? != usize::from(CLIENT_HELLO) {
        return Err(Stop::Malformed);
    }
    let mut body = Bounded { left: cursor.number(3)?, cursor };
    if body.number(2)? >> 8 != 3 {
        return Err(Stop::Malformed);
    }
    body.skip(32)?; // random
    for length_bytes in [1, 2, 1] {
        // session id, cipher suites, compression methods
        let length = body.number(length_bytes)?;
        body.skip(length)?;
    }
    let (mut sni, mut alpn) = (None, Vec::new());
    if body.left == 0 {
        return Ok((sni, alpn));
    }
    let mut extensions_left = body.number(2)?;
    if extensions_left != body.left {
        return Err(Stop::Malformed);
    }
    while extensions_left > 0 {
        let kind = body.number(2)?;
        let length = body.number(2)?;
        extensions_left = extensions_left.checked_sub(4 + length).ok_or(Stop::Malformed)?;
        let mut extension = body.part(length)?;
        match kind {
            EXTENSION_SERVER_NAME => sni = server_name(&mut extension)?,
            EXTENSION_ALPN => alpn = protocols(&mut extension)?,
            _ => {}
        }
        let left = extension.left;
        extension.skip(left)?;
        body.left -= length;
    }
    Ok((sni, alpn))
}

fn server_name(extension: &mut Bounded<'_, '_>) -> Result<Option<Arc<str>>, Stop> {
    let mut left = extension.number(2)?;
    while left > 0 {
        let kind = extension.number(1)?;
        let length = extension.number(2)?;
        left = left.checked_sub(3 + length).ok_or(Stop::Malformed)?;
        if kind == 0 {
            let name = extension.text(length)?;
            let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
            return if valid { Ok(Some(name.to_ascii_lowercase().into())) } else { Err(Stop::Malformed) };
        }
        extension.skip(length)?;
    }
    Ok(None)
}

fn protocols(extension: &mut Bounded<'_, '_>) -> Result<Vec<Arc<str>>, Stop> {
    let mut left = extension.number(2)?;
    let mut names = Vec::new();
    while left > 0 {
        let length = extension.number(1)?;
        left = left.checked_sub(1 + length).ok_or(Stop::Malformed)?;
        let name = extension.text(length)?;
        if names.len() < MAX_ALPN {
            names.push(name.into());
        }
    }
    Ok(names)
}

/// Walks over the payload of consecutive handshake records.
struct Cursor<'a> {
    rest: &'a [u8],
    /// Bytes left in the current record.
    record: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Result<u8, Stop> {
        self.enter_record()?;
        let (first, rest) = self.rest.split_first().ok_or(Stop::More)?;
        self.rest = rest;
        self.record -= 1;
        Ok(*first)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), Stop> {
        while count > 0 {
            self.enter_record()?;
            let step = count.min(self.record).min(self.rest.len());
            if step == 0 {
                return Err(Stop::More);
            }
            self.rest = &self.rest[step..];
            self.record -= step;
            count -= step;
        }
        Ok(())
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Stop> {
        let mut value = 0;
        for _ in 0..bytes {
            value = (value << 8) | usize::from(self.byte()?);
        }
        Ok(value)
    }

    /// Steps over a record's header where the record before is used up. What already shows that this
    /// is no TLS counts even before the header is complete.
    fn enter_record(&mut self) -> Result<(), Stop> {
        if self.record > 0 {
            return Ok(());
        }
        let header = self.rest;
        if header.first().is_some_and(|kind| *kind != RECORD_HANDSHAKE)
            || header.get(1).is_some_and(|major| *major != 3)
        {
            return Err(Stop::Malformed);
        }
        let (Some(high), Some(low)) = (header.get(3), header.get(4)) else { return Err(Stop::More) };
        let length = usize::from(*high) << 8 | usize::from(*low);
        if length == 0 || length > MAX_RECORD {
            return Err(Stop::Malformed);
        }
        self.rest = &header[5..];
        self.record = length;
        Ok(())
    }
}

/// A part of known length; reading beyond it is malformed.
struct Bounded<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    left: usize,
}

impl<'a> Bounded<'_, 'a> {
    fn take(&mut self, count: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(count).ok_or(Stop::Malformed)?;
        Ok(())
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Stop> {
        self.take(bytes)?;
        self.cursor.number(bytes)
    }

    fn skip(&mut self, count: usize) -> Result<(), Stop> {
        self.take(count)?;
        self.cursor.skip(count)
    }

    fn text(&mut self, count: usize) -> Result<String, Stop> {
        self.take(count)?;
        let mut bytes = Vec::with_capacity(count);
        for _ in 0..count {
            bytes.push(self.cursor.byte()?);
        }
        String::from_utf8(bytes).map_err(|_| Stop::Malformed)
    }

    /// A part inside this one. The caller takes its length off `left` once it is done with the part.
    fn part(&mut self, length: usize) -> Result<Bounded<'_, 'a>, Stop> {
        if length > self.left {
            return Err(Stop::Malformed);
        }
        Ok(Bounded { cursor: self.cursor, left: length })
    }
}
