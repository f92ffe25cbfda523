/// A line of the framing table: bytes for an HTTP/1 connection and what comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// What our proxy does with it.
    pub expected: String,
    /// What Envoy does with it, where that is something else.
    pub envoy: Option<String>,
}

/// Reads the framing table; its format is told in its own head.
///
/// # Panics
/// If a line is not as that says.
pub fn cases(table: &str) -> Vec<Case> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [name, bytes, expected, envoy @ ..] = columns.as_slice() else {
                panic!("{line}: a case has three columns or four");
            };
            Case {
                name: (*name).to_owned(),
                bytes: unescape(&repeat(bytes)),
                expected: (*expected).to_owned(),
                envoy: envoy.first().map(|text| (*text).to_owned()),
            }
        })
        .collect()
}

/// `{N*c}`: the character c N times; `{N*h}`: N different headers and the end of the head.
fn repeat(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (spec, after) = rest.split_once('}').expect("a brace that opens is closed");
    let (count, what) = spec.split_once('*').expect("braces hold N*c");
    let count: usize = count.parse().expect("braces hold N*c");
    let filled = match what {
        "h" => (0..count).map(|n| format!("x{n}: y\\r\\n")).collect::<String>() + "\\r\\n",
        what => what.repeat(count),
    };
    repeat(&(before.to_owned() + &filled + after))
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'0') => out.push(0),
            Some(b'x') => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&digits, 16).expect("two digits follow"));
            }
            other => panic!("no such escape: {other:?}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Case, cases};

    #[test]
    fn a_line_says_bytes_and_both_answers() {
        let found =
            cases("# told\n\none | a\\r\\n\\x41{3*b}\\0 | 200 open | 400 close\ntwo | {1*h} | wait\n");
        let one = Case {
            name: "one".into(),
            bytes: b"a\r\nAbbb\0".to_vec(),
            expected: "200 open".into(),
            envoy: Some("400 close".into()),
        };
        assert_eq!(found[0], one);
        assert_eq!((found[1].bytes.as_slice(), found[1].envoy.as_deref()), (&b"x0: y\r\n\r\n"[..], None));
    }
}
