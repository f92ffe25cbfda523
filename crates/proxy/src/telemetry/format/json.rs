//! Access log lines as JSON objects: numbers stay numbers and what is missing is null, where a value
//! is one operator; else it is a string.

use std::sync::Arc;

use super::operator::Value;
use super::{Format, FormatError};
use crate::telemetry::record::RequestRecord;

/// A parsed JSON format; each line ends with a newline.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFormat {
    /// Key with quotes and colon, and what follows.
    fields: Vec<(Vec<u8>, Format)>,
}

impl JsonFormat {
    /// Parses the format strings of an object.
    pub fn parse(fields: &[(Arc<str>, Arc<str>)], hostname: &str) -> Result<JsonFormat, FormatError> {
        let parse = |(key, text): &(Arc<str>, Arc<str>)| {
            let mut prefix = Vec::new();
            write_string(key.as_bytes(), &mut prefix);
            prefix.push(b':');
            Ok((prefix, Format::parse(text, hostname)?))
        };
        Ok(JsonFormat { fields: fields.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Appends the line for a request to `out`.
    pub fn write(&self, record: &RequestRecord<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (key, format)) in self.fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(key);
            match format.single().map(|operator| operator.value(record)) {
                Some(Value::Missing) => out.extend_from_slice(b"null"),
                Some(value @ Value::Number(_)) => {
                    value.write(out);
                }
                Some(Value::Text(text)) => write_string(&text, out),
                Some(Value::Address(..)) | None => {
                    let mut text = Vec::new();
                    format.write(record, &mut text);
                    write_string(&text, out);
                }
            }
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Appends a JSON string; bytes that are not UTF-8 become U+FFFD.
fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            c if u32::from(c) < 0x20 => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
