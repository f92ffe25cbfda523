//! What validations share: where they are in the object, what they found, and the checks that
//! several kinds need.

use std::fmt::Display;

use outrigger_base::{Host, Severity};

use crate::duration::Duration;
use crate::string_match::StringMatch;
use crate::yaml::{push_index, push_key};

/// Something that is well formed but not allowed, or surely not meant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub severity: Severity,
    pub path: String,
    pub message: String,
    pub advice: String,
}

/// A kind that checks what serde cannot.
pub(crate) trait Validate {
    /// Adds what is wrong. The path stands at `spec`.
    fn validate(&self, check: &mut Check);
}

/// A walk through an object.
#[derive(Debug, Default)]
pub(crate) struct Check {
    path: String,
    findings: Vec<Finding>,
}

impl Check {
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The object must not be taken; the reason stands at the current path.
    pub fn refuse(&mut self, message: impl Into<String>, advice: impl Into<String>) {
        self.find(Severity::Error, message.into(), advice.into());
    }

    /// The object is taken, but somebody should know.
    pub fn warn(&mut self, message: impl Into<String>, advice: impl Into<String>) {
        self.find(Severity::Warning, message.into(), advice.into());
    }

    fn find(&mut self, severity: Severity, message: String, advice: String) {
        self.findings.push(Finding { severity, path: self.path.clone(), message, advice });
    }

    /// Checks something inside of a field.
    pub fn within(&mut self, field: &str, inside: impl FnOnce(&mut Check)) {
        let length = self.path.len();
        push_key(&mut self.path, field);
        inside(self);
        self.path.truncate(length);
    }

    /// Checks a field, if it was written.
    pub fn some<T>(&mut self, field: &str, value: &Option<T>, inside: impl FnOnce(&mut Check, &T)) {
        if let Some(value) = value {
            self.within(field, |check| inside(check, value));
        }
    }

    /// Checks each item of a list.
    pub fn each<'v, T>(&mut self, field: &str, items: &'v [T], mut inside: impl FnMut(&mut Check, &'v T)) {
        self.within(field, |check| {
            let length = check.path.len();
            for (index, item) in items.iter().enumerate() {
                push_index(&mut check.path, index);
                inside(check, item);
                check.path.truncate(length);
            }
        });
    }

    /// Checks each entry of a map.
    pub fn entries<'v, K: AsRef<str> + 'v, V: 'v>(
        &mut self,
        field: &str,
        map: impl IntoIterator<Item = (&'v K, &'v V)>,
        mut inside: impl FnMut(&mut Check, &str, &V),
    ) {
        self.within(field, |check| {
            for (key, value) in map {
                check.within(key.as_ref(), |check| inside(check, key.as_ref(), value));
            }
        });
    }

    /// A port must not be 0; greater ones than 65535 were refused while reading.
    pub fn port(&mut self, field: &str, port: u16) {
        if port == 0 {
            self.within(field, |check| check.refuse("0 is no port", "ports go from 1 to 65535"));
        }
    }

    /// Like [`Check::port`], if it was written.
    pub fn optional_port(&mut self, field: &str, port: Option<u16>) {
        if let Some(port) = port {
            self.port(field, port);
        }
    }

    /// At the current path stands a host, perhaps a wildcard.
    pub fn host(&mut self, host: &str) -> Option<Host> {
        match Host::parse(host) {
            Ok(host) => Some(host),
            Err(error) => {
                self.refuse(format!("'{host}' is no host"), error.to_string());
                None
            }
        }
    }

    /// A span of time must be at least a millisecond where it is written.
    pub fn positive(&mut self, field: &str, duration: Option<Duration>) {
        if duration.is_some_and(|duration| duration < Duration::from_millis(1)) {
            self.within(field, |check| {
                check.refuse("the time must be at least 1ms", "leave it out if there is to be no limit");
            });
        }
    }

    /// A number must not be negative.
    pub fn not_negative(&mut self, field: &str, number: Option<i32>) {
        if number.is_some_and(|number| number < 0) {
            self.within(field, |check| check.refuse("the number must not be negative", ""));
        }
    }

    /// A number must be a part of a hundred.
    pub fn percent<N: PartialOrd + From<u8> + Display + Copy>(&mut self, field: &str, number: Option<N>) {
        if let Some(number) = number
            && !(number >= N::from(0) && number <= N::from(100))
        {
            self.within(field, |check| {
                check.refuse(format!("{number} is no percentage"), "it goes from 0 to 100");
            });
        }
    }

    /// At the current path stands a regular expression.
    pub fn regex(&mut self, expression: &str) {
        if expression.is_empty() {
            self.refuse("the regular expression is empty", "use '.*' to match everything");
        } else if let Err(error) = regex::RegexBuilder::new(expression).size_limit(1 << 22).build() {
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => "it becomes too big".to_string(),
                _ => error.to_string().lines().last().unwrap_or_default().trim().to_string(),
            };
            let reason = reason.strip_prefix("error: ").unwrap_or(&reason).to_string();
            let message = format!("'{expression}' is no regular expression: {reason}");
            self.refuse(message, "the syntax is RE2's, without look-around and back-references");
        }
    }

    /// A comparison must say how to compare.
    pub fn string_match(&mut self, comparison: &StringMatch) {
        match comparison {
            StringMatch::Any => {
                self.refuse("it is not said what to compare with", "write one of exact, prefix, regex");
            }
            StringMatch::Regex(expression) => {
                self.within("regex", |check| check.regex(expression));
            }
            StringMatch::Exact(_) | StringMatch::Prefix(_) => {}
        }
    }

    /// At the current path stands an address or range.
    pub fn address_or_range(&mut self, text: &str) {
        if !is_address_or_range(text) {
            self.refuse(
                format!("'{text}' is no address and no range"),
                "write it like 10.0.0.1, 10.0.0.0/16 or 2001:db8::/64",
            );
        }
    }

    /// Labels as Kubernetes allows them.
    pub fn labels<'l>(&mut self, field: &str, labels: impl Iterator<Item = (&'l str, &'l str)>) {
        for (key, value) in labels {
            let problem = if !is_label_key(key) {
                Some(format!("'{key}' is no label"))
            } else if !is_label_value(value) {
                Some(format!("'{value}' cannot be a label's value"))
            } else {
                None
            };
            if let Some(problem) = problem {
                self.within(field, |check| {
                    check.within(key, |check| {
                        check.refuse(
                            problem,
                            "at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends",
                        );
                    });
                });
            }
        }
    }

    /// Names of namespaces, or the signs for all, one's own, and none.
    pub fn export_to<T: AsRef<str>>(&mut self, namespaces: &[T]) {
        self.each("exportTo", namespaces, |check, namespace| {
            let namespace = namespace.as_ref();
            if !matches!(namespace, "*" | "." | "~") && !is_dns_label(namespace) {
                check.refuse(
                    format!("'{namespace}' is no namespace"),
                    "write a name, '*' for all, '.' for this one, '~' for none",
                );
            }
        });
    }
}

/// `10.0.0.1`, `::1`, `10.0.0.0/8`.
pub(crate) fn is_address_or_range(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| {
        prefix.bytes().all(|b| b.is_ascii_digit())
            && prefix.parse::<u8>().is_ok_and(|length| length <= longest)
    })
}

/// A name of one part, as DNS has it (RFC 1123).
pub(crate) fn is_dns_label(name: &str) -> bool {
    name.len() <= 63
        && is_alphanumeric_at_ends(name, |b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A name of one or more parts.
pub(crate) fn is_dns_subdomain(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|part| {
            is_alphanumeric_at_ends(part, |b| b.is_ascii_lowercase() || b.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

fn is_alphanumeric_at_ends(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [first, .., last] => allowed(*first) && allowed(*last),
        [only] => allowed(*only),
    }
}

fn is_label_name(name: &str) -> bool {
    name.len() <= 63
        && is_alphanumeric_at_ends(name, |b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_name(name),
        None => is_label_name(key),
    }
}

fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_label_name(value)
}

/// A header's name (RFC 9110 token), or one of HTTP/2's pseudo headers.
pub(crate) fn is_header_name(name: &str) -> bool {
    let name = name.strip_prefix(':').unwrap_or(name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kubernetes() {
        assert!(is_dns_label("a-1"));
        assert!(!is_dns_label("-a") && !is_dns_label("A") && !is_dns_label("") && !is_dns_label("a.b"));
        assert!(is_dns_subdomain("a.b-c.1"));
        assert!(!is_dns_subdomain("a..b") && !is_dns_subdomain("a_b"));
        assert!(is_label_key("app.kubernetes.io/name") && is_label_key("a_B.c"));
        assert!(!is_label_key("/a") && !is_label_key("a/b/c"));
    }

    #[test]
    fn ranges_have_a_length_that_fits() {
        assert!(is_address_or_range("10.0.0.0/8") && is_address_or_range("::/0"));
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "a", "::1/129", ""] {
            assert!(!is_address_or_range(text), "{text}");
        }
    }
}
