//! Spans of time as manifests write them: `1h30m`, `1.5s`, `500ms` (Go and protobuf syntax).

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time that is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(std::time::Duration::ZERO);

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Duration {
        Duration(std::time::Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Duration {
        Duration(std::time::Duration::from_millis(milliseconds))
    }

    /// The span as the standard library has it.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Reads a sequence of decimal numbers, each with a unit: `h`, `m`, `s`, `ms`, `us`, `ns`.
    pub fn parse(text: &str) -> Option<Duration> {
        if text == "0" {
            return Some(Duration::ZERO);
        }
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        let mut total: u128 = 0;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            total = total.checked_add(nanoseconds(number, unit)?)?;
            rest = tail;
        }
        // The limit of Go's type: about 292 years.
        let nanoseconds = i64::try_from(total).ok()?.unsigned_abs();
        Some(Duration(std::time::Duration::from_nanos(nanoseconds)))
    }
}

fn nanoseconds(number: &str, unit: &str) -> Option<u128> {
    let unit: u128 = match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(unit)?;
    let mut share = unit;
    for digit in fraction.chars() {
        share /= 10;
        total += u128::from(digit.to_digit(10)?) * share;
    }
    Some(total)
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Duration(duration)
    }
}

impl fmt::Display for Duration {
    /// In protobuf's form: seconds with as many decimals as needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanoseconds == 0 {
            return write!(f, "{seconds}s");
        }
        let fraction = format!("{nanoseconds:09}");
        write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Span;

        impl Visitor<'_> for Span {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
                Duration::parse(text).ok_or_else(|| not_a_duration(text))
            }

            // Numbers are the usual slip; of them it can be said what is missing.
            fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
                Err(not_a_duration(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Duration, E> {
                Err(not_a_duration(number))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Duration, E> {
                Err(not_a_duration(number))
            }
        }

        deserializer.deserialize_any(Span)
    }
}

fn not_a_duration<E: Error>(written: impl fmt::Display) -> E {
    E::custom(format_args!("'{written}' is no duration; write it with a unit, like 5s, 250ms or 1h30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_and_protobuf_write() {
        let millis = |text| Duration::parse(text).map(|d| d.get().as_millis());
        assert_eq!(millis("5s"), Some(5000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1.5s"), Some(1500));
        assert_eq!(millis(".5s"), Some(500));
        assert_eq!(millis("0.025s"), Some(25));
        assert_eq!(millis("0"), Some(0));
        assert_eq!(millis("2562047h47m16.854775807s"), Some(9_223_372_036_854));
    }

    #[test]
    fn refuses_what_they_refuse() {
        for text in ["", "5", "s", ".s", "-1s", "5 s", "5x", "5s5", "1e3s", "9999999999h", "..5s", "1.2.3s"] {
            assert_eq!(Duration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn is_written_in_seconds() {
        assert_eq!(Duration::from_millis(1500).to_string(), "1.5s");
        assert_eq!(Duration::from_secs(60).to_string(), "60s");
    }
}
