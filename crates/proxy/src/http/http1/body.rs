//! Where a body ends: content-length, chunks, or the end of the connection. No sockets here.

use super::parse;
use crate::http::buffer::Input;
use crate::http::head::BodyLength;
use crate::http::headers::Headers;
use crate::http::syntax::{Limits, Malformed};

/// Longest line of a chunk's size with extensions.
const MAX_CHUNK_LINE: usize = 4096;
/// Bytes and fields of trailers.
const TRAILER_LIMITS: Limits = Limits { bytes: 60 * 1024, fields: 100, http_10: false };

const CHUNK: Malformed = Malformed::Syntax("http1.codec_error");

/// What stands at the start of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// So many bytes of body.
    Data(usize),
    /// Too little to say; more must be read.
    More,
    /// Nothing of this body any more; trailers, if there were any, have been put down.
    End,
}

/// A body that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decoder {
    /// It has ended.
    #[default]
    Done,
    /// So many bytes are left.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Until the connection ends.
    UntilClose,
}

/// Where in a chunked body the input starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    /// At a chunk's size.
    Size,
    /// In a chunk of which so many bytes are left.
    Data(u64),
    /// At the CRLF after a chunk.
    DataEnd,
    /// At the trailers.
    Trailers,
}

impl Decoder {
    /// A decoder for a body of this length.
    pub fn new(length: BodyLength) -> Decoder {
        match length {
            BodyLength::Empty | BodyLength::Known(0) => Decoder::Done,
            BodyLength::Known(length) => Decoder::Length(length),
            BodyLength::Open => Decoder::Chunked(Chunk::Size),
            BodyLength::UntilClose => Decoder::UntilClose,
        }
    }

    /// Whether the body has ended.
    pub fn is_done(self) -> bool {
        self == Decoder::Done
    }

    /// Removes framing from the start of `input` until there is body, the end, or nothing more to
    /// say. Trailers go to `trailers`.
    pub fn decode(&mut self, input: &mut Input, trailers: &mut Headers) -> Result<Decoded, Malformed> {
        loop {
            match self {
                Decoder::Done => return Ok(Decoded::End),
                Decoder::Length(left) => return Ok(available(input, *left)),
                Decoder::UntilClose => return Ok(available(input, u64::MAX)),
                Decoder::Chunked(Chunk::Data(left)) => return Ok(available(input, *left)),
                Decoder::Chunked(chunk) => {
                    let next = match chunk {
                        Chunk::Size => size(input)?,
                        Chunk::DataEnd => line_end(input)?,
                        Chunk::Trailers => return self.decode_trailers(input, trailers),
                        Chunk::Data(_) => unreachable!("matched above"),
                    };
                    match next {
                        Some(next) => *chunk = next,
                        None => return Ok(Decoded::More),
                    }
                }
            }
        }
    }

    /// `n` bytes of the body that [`Decoder::decode`] announced were taken from the input.
    pub fn consumed(&mut self, n: usize) {
        let n = n as u64;
        match self {
            Decoder::Length(left) => {
                *left -= n;
                if *left == 0 {
                    *self = Decoder::Done;
                }
            }
            Decoder::Chunked(chunk) => {
                if let Chunk::Data(left) = chunk {
                    *left -= n;
                    if *left == 0 {
                        *chunk = Chunk::DataEnd;
                    }
                }
            }
            Decoder::UntilClose | Decoder::Done => {}
        }
    }

    /// The connection has ended; says whether the body may end so.
    pub fn closed(&mut self) -> bool {
        let complete = matches!(self, Decoder::UntilClose | Decoder::Done);
        if complete {
            *self = Decoder::Done;
        }
        complete
    }

    fn decode_trailers(&mut self, input: &mut Input, trailers: &mut Headers) -> Result<Decoded, Malformed> {
        // Nearly always there are none.
        let length = if input.data().starts_with(b"\r\n") {
            Some(2)
        } else {
            parse::trailers(input.data(), TRAILER_LIMITS, trailers)?
        };
        let Some(length) = length else {
            return Ok(Decoded::More);
        };
        input.consume(length);
        *self = Decoder::Done;
        Ok(Decoded::End)
    }
}

fn available(input: &Input, left: u64) -> Decoded {
    match usize::try_from(left).unwrap_or(usize::MAX).min(input.len()) {
        0 => Decoded::More,
        n => Decoded::Data(n),
    }
}

fn line_end(input: &mut Input) -> Result<Option<Chunk>, Malformed> {
    match input.data() {
        [b'\r', b'\n', ..] => {
            input.consume(2);
            Ok(Some(Chunk::Size))
        }
        [] | [b'\r'] => Ok(None),
        _ => Err(CHUNK),
    }
}

/// Reads a chunk's size: hexadecimal digits, perhaps extensions, CRLF (RFC 9112, 7.1).
fn size(input: &mut Input) -> Result<Option<Chunk>, Malformed> {
    let data = input.data();
    let window = &data[..data.len().min(MAX_CHUNK_LINE)];
    let end = memchr::memchr(b'\n', window);
    // What is there is checked even before the line is complete, so that nonsense is refused at once.
    let (line, complete) = match end {
        Some(end) => (window[..end].strip_suffix(b"\r").ok_or(CHUNK)?, true),
        None if window.len() == MAX_CHUNK_LINE => return Err(CHUNK),
        None => (window.strip_suffix(b"\r").unwrap_or(window), false),
    };
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let extension = &line[digits..];
    if digits > 16 || (digits == 0 && (complete || !line.is_empty())) || !is_extension(extension, complete) {
        return Err(CHUNK);
    }
    let Some(end) = end else { return Ok(None) };
    let size = line[..digits].iter().fold(0u64, |size, digit| size << 4 | u64::from(hex(*digit)));
    input.consume(end + 1);
    Ok(Some(if size == 0 { Chunk::Trailers } else { Chunk::Data(size) }))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Extensions are skipped, but they must be some: white space, then `;` and text.
fn is_extension(bytes: &[u8], complete: bool) -> bool {
    let text = bytes.trim_ascii_start();
    match text.first() {
        None => bytes.is_empty() || !complete,
        Some(b';') => text.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `wire` in pieces and gives back body, trailers and what is left over.
    fn read(length: BodyLength, wire: &[u8], piece: usize) -> Result<(Vec<u8>, Headers, Vec<u8>), Malformed> {
        let (mut decoder, mut input) = (Decoder::new(length), Input::default());
        let (mut body, mut trailers) = (Vec::new(), Headers::default());
        let mut pieces = wire.chunks(piece);
        loop {
            match decoder.decode(&mut input, &mut trailers)? {
                Decoded::Data(n) => {
                    body.extend_from_slice(&input.data()[..n]);
                    input.consume(n);
                    decoder.consumed(n);
                }
                Decoded::More => match pieces.next() {
                    Some(piece) => input.extend(piece),
                    None => return Err(Malformed::Syntax("incomplete")),
                },
                Decoded::End => {
                    let mut rest = input.data().to_vec();
                    pieces.for_each(|piece| rest.extend_from_slice(piece));
                    return Ok((body, trailers, rest));
                }
            }
        }
    }

    #[test]
    fn chunks_are_joined_however_they_arrive() {
        let wire = b"3\r\nabc\r\n000a;x=\"y\"\r\n0123456789\r\n0\r\nX-Sum: 7\r\nhost: evil\r\n\r\nGET";
        for piece in 1..wire.len() {
            let (body, trailers, rest) = read(BodyLength::Open, wire, piece).unwrap();
            assert_eq!(body, b"abc0123456789");
            assert_eq!(trailers.all(b"x-sum").next(), Some(&b"7"[..]));
            assert_eq!(trailers.len(), 1, "a host in trailers is dropped");
            assert_eq!(rest, b"GET");
        }
    }

    #[test]
    fn a_body_of_known_length_leaves_the_rest() {
        for piece in 1..8 {
            let (body, _, rest) = read(BodyLength::Known(3), b"abcdef", piece).unwrap();
            assert_eq!((&body[..], &rest[..]), (&b"abc"[..], &b"def"[..]));
        }
    }

    #[test]
    fn malformed_chunks_are_refused_however_they_arrive() {
        let cases: [&[u8]; 16] = [
            b"xyz\r\n",
            b"\r\n",
            b"0x3\r\nabc\r\n",
            b"-1\r\n",
            b" 3\r\nabc\r\n",
            b"3 \r\nabc\r\n",
            b"3\nabc\r\n",
            b"3\rabc\r\n",
            b"3;a\nabc\r\n",
            b"3;\0\r\nabc\r\n",
            b"3\r\nabcd\r\n",
            b"3\r\nabc\n0\r\n\r\n",
            b"10000000000000000\r\n",
            b"0\r\nbad\r\n\r\n",
            b"0\r\na: b\n\r\n",
            b"0\r\n a: b\r\n\r\n",
        ];
        for case in cases {
            for piece in 1..=case.len() {
                let result = read(BodyLength::Open, case, piece).map(|_| ());
                assert_eq!(result, Err(CHUNK), "{:?} in pieces of {piece}", String::from_utf8_lossy(case));
            }
        }
    }

    #[test]
    fn endless_chunk_lines_and_trailers_are_refused() {
        let line = [b"1;".to_vec(), vec![b'a'; 5000]].concat();
        assert_eq!(read(BodyLength::Open, &line, 100).map(|_| ()), Err(CHUNK));
        let trailer = [b"0\r\na: ".to_vec(), vec![b'a'; 70_000]].concat();
        assert!(matches!(read(BodyLength::Open, &trailer, 10_000).map(|_| ()), Err(Malformed::TooLarge(_))));
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        assert!(Decoder::UntilClose.closed());
        assert!(!Decoder::Length(1).closed());
        assert!(!Decoder::Chunked(Chunk::Size).closed());
    }
}
