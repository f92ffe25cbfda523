//! Base64 (RFC 4648, standard alphabet with padding), as peer metadata is carried in headers.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes with padding.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0u32, |all, (at, b)| all | u32::from(*b) << (16 - 8 * at));
        for at in 0..4 {
            let digit =
                if at <= chunk.len() { ALPHABET[(group >> (18 - 6 * at)) as usize & 63] } else { b'=' };
            out.push(char::from(digit));
        }
    }
    out
}

/// Decodes, with or without padding; `None` if it is malformed.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for chunk in text.chunks(4) {
        let mut group = 0u32;
        for (at, c) in chunk.iter().enumerate() {
            group |= value(*c)? << (18 - 6 * at);
        }
        let bytes = group.to_be_bytes();
        match chunk.len() {
            4 => out.extend_from_slice(&bytes[1..]),
            3 => out.extend_from_slice(&bytes[1..3]),
            2 => out.push(bytes[1]),
            _ => return None,
        }
    }
    Some(out)
}

fn value(c: u8) -> Option<u32> {
    Some(u32::from(match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold_both_ways() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in table {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded.as_bytes()).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode(b"Zg").unwrap(), b"f", "padding may be missing");
        for malformed in ["Z", "Zg===", "Z g=", "Zm9-"] {
            assert_eq!(decode(malformed.as_bytes()), None, "{malformed}");
        }
    }
}
