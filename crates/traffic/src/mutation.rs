//! Changes of headers, without knowledge of how a codec keeps them.

use std::borrow::Cow;

use crate::HeaderMutation;

/// Headers that can be changed. Names are lower case; `host` stands for :authority too.
pub trait HeaderTarget {
    /// Whether there is at least one line of that name.
    fn contains(&self, name: &str) -> bool;
    /// Removes every line of that name.
    fn remove(&mut self, name: &str);
    /// Replaces every line of that name with one.
    fn set(&mut self, name: &str, value: &str);
    /// Adds a line.
    fn append(&mut self, name: &str, value: &str);
}

impl HeaderMutation {
    /// The name and value that are written; `None` for a removal.
    pub fn written(&self) -> Option<(&str, &str)> {
        match self {
            HeaderMutation::Remove(_) => None,
            HeaderMutation::Set(name, value)
            | HeaderMutation::Append(name, value)
            | HeaderMutation::AddIfAbsent(name, value)
            | HeaderMutation::SetIfPresent(name, value) => Some((name, value)),
        }
    }

    /// Makes changes in order: all removals first, then the rest as they stand. `format` fills in
    /// command operators; what comes out empty is not written. (envoy: `HeaderParser::evaluateHeaders`)
    pub fn apply_all<'a, H: HeaderTarget>(
        mutations: &'a [HeaderMutation],
        headers: &mut H,
        mut format: impl FnMut(&'a str) -> Cow<'a, str>,
    ) {
        for mutation in mutations {
            if let HeaderMutation::Remove(name) = mutation {
                headers.remove(name);
            }
        }
        for mutation in mutations {
            let Some((name, value)) = mutation.written() else { continue };
            let value = if value.contains('%') { format(value) } else { Cow::Borrowed(value) };
            if value.is_empty() {
                continue;
            }
            match mutation {
                HeaderMutation::Remove(_) => {}
                HeaderMutation::Set(..) => headers.set(name, &value),
                HeaderMutation::Append(..) => headers.append(name, &value),
                HeaderMutation::AddIfAbsent(..) if headers.contains(name) => {}
                HeaderMutation::AddIfAbsent(..) => headers.append(name, &value),
                HeaderMutation::SetIfPresent(..) if !headers.contains(name) => {}
                HeaderMutation::SetIfPresent(..) => headers.set(name, &value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines(Vec<(String, String)>);

    impl HeaderTarget for Lines {
        fn contains(&self, name: &str) -> bool {
            self.0.iter().any(|(n, _)| n == name)
        }
        fn remove(&mut self, name: &str) {
            self.0.retain(|(n, _)| n != name);
        }
        fn set(&mut self, name: &str, value: &str) {
            self.remove(name);
            self.append(name, value);
        }
        fn append(&mut self, name: &str, value: &str) {
            self.0.push((name.into(), value.into()));
        }
    }

    #[test]
    fn removals_come_first_and_empty_values_are_not_written() {
        let mut lines = Lines(vec![("a".into(), "old".into()), ("b".into(), "old".into())]);
        let mutations = [
            HeaderMutation::Append("a".into(), "1".into()),
            HeaderMutation::Remove("a".into()),
            HeaderMutation::Append("a".into(), "2".into()),
            HeaderMutation::Set("b".into(), "%X%".into()),
            HeaderMutation::AddIfAbsent("b".into(), "no".into()),
            HeaderMutation::AddIfAbsent("c".into(), "c".into()),
            HeaderMutation::SetIfPresent("d".into(), "no".into()),
            HeaderMutation::Set("e".into(), "%EMPTY%".into()),
        ];
        HeaderMutation::apply_all(&mutations, &mut lines, |format| match format {
            "%X%" => "x".into(),
            _ => "".into(),
        });
        let text: Vec<String> = lines.0.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(text, ["a=1", "a=2", "b=x", "c=c"]);
    }
}
