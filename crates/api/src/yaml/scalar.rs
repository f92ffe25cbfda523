//! What an unquoted scalar means, as kubectl has it (YAML 1.1 after go-yaml v2, then JSON).

/// The meaning of a scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

pub(crate) fn meaning(text: &str) -> Meaning {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Meaning::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Meaning::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Meaning::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Meaning::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Meaning::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Meaning::Text;
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain) {
        return Meaning::Int(number);
    }
    if is_float(&plain)
        && let Ok(number) = plain.parse()
    {
        return Meaning::Float(number);
    }
    Meaning::Text
}

/// Go's `strconv.ParseInt` with base 0: prefixes 0x, 0b, 0o, and a leading 0 for octal.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, &lower[..])
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let number = sign * i128::from(u64::from_str_radix(digits, radix).ok()?);
    (number >= i128::from(i64::MIN)).then_some(number)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|exponent| {
        let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !number.is_empty() && digits(number)
    });
    mantissa_ok && exponent_ok
}

/// A key as JSON has it: always a string, written from what it means.
pub(crate) fn key(text: &str) -> Option<String> {
    match meaning(text) {
        Meaning::Text => None,
        Meaning::Null => Some("null".to_string()),
        Meaning::Bool(value) => Some(value.to_string()),
        Meaning::Int(number) => Some(number.to_string()),
        Meaning::Float(number) => Some(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_kubectl_takes_them_for() {
        let cases = [
            ("yes", Meaning::Bool(true)),
            ("off", Meaning::Bool(false)),
            ("y", Meaning::Bool(true)),
            ("yEs", Meaning::Text),
            ("012", Meaning::Int(10)),
            ("1_000", Meaning::Int(1000)),
            ("0b11", Meaning::Int(3)),
            ("0o14", Meaning::Int(12)),
            ("0x1F", Meaning::Int(31)),
            ("-5", Meaning::Int(-5)),
            ("0", Meaning::Int(0)),
            ("18446744073709551615", Meaning::Int(18_446_744_073_709_551_615)),
            ("1e3", Meaning::Float(1000.0)),
            ("089", Meaning::Float(89.0)),
            ("1.", Meaning::Float(1.0)),
            ("~", Meaning::Null),
            ("2001-01-01", Meaning::Text),
            ("1:30", Meaning::Text),
            ("1.2.3", Meaning::Text),
            ("1.2.3.4", Meaning::Text),
            (".", Meaning::Text),
            ("-", Meaning::Text),
            ("0x", Meaning::Text),
            ("0x-1", Meaning::Text),
            ("1e", Meaning::Text),
            ("inf", Meaning::Text),
            ("--1", Meaning::Text),
        ];
        for (text, expected) in cases {
            assert_eq!(meaning(text), expected, "{text}");
        }
        assert_eq!(key("n").as_deref(), Some("false"));
        assert_eq!(key("8080").as_deref(), Some("8080"));
        assert_eq!(key("name"), None);
    }
}
