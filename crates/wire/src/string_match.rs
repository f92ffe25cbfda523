//! Conditions on strings, and regular expressions: compiled once, here.

use outrigger_proto::envoy::r#type::matcher::v3::regex_matcher::{EngineType, GoogleRe2};
use outrigger_proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use outrigger_proto::envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher, StringMatcher};
use outrigger_traffic::{PathRewrite, Pattern, StringMatch};
use regex::bytes::{Regex, RegexBuilder};

use crate::at::{At, Fault, unset};

/// Most memory of a compiled expression.
const SIZE_LIMIT: usize = 1 << 20;

pub(crate) fn string_match(matcher: StringMatcher, at: &At<'_>) -> Result<StringMatch, Fault> {
    let StringMatcher { ignore_case, match_pattern } = matcher;
    Ok(match at.required("match_pattern", match_pattern)? {
        MatchPattern::Exact(value) => StringMatch::Exact { value: value.into(), ignore_case },
        MatchPattern::Prefix(value) => StringMatch::Prefix { value: value.into(), ignore_case },
        MatchPattern::Suffix(value) => StringMatch::Suffix { value: value.into(), ignore_case },
        MatchPattern::Contains(value) => StringMatch::Contains { value: value.into(), ignore_case },
        MatchPattern::SafeRegex(regex) => {
            // Envoy too ignores `ignore_case` for regular expressions; saying so is kinder.
            unset!(at, ignore_case);
            StringMatch::Regex(full_match(regex, &at.field("safe_regex"))?)
        }
        MatchPattern::Custom(_) => return Err(at.field("custom").refuse("it is not supported")),
    })
}

/// An expression that must match from the first byte to the last.
pub(crate) fn full_match(matcher: RegexMatcher, at: &At<'_>) -> Result<Pattern, Fault> {
    let source = source(matcher, at)?;
    // First alone, so that unbalanced brackets cannot reach out of the anchors.
    compile(&source, at)?;
    let regex = compile(&format!("^(?:{source})$"), at)?;
    Ok(Pattern { source: source.into(), regex })
}

pub(crate) fn rewrite(rewrite: RegexMatchAndSubstitute, at: &At<'_>) -> Result<PathRewrite, Fault> {
    let RegexMatchAndSubstitute { pattern, substitution } = rewrite;
    let source = source(at.required("pattern", pattern)?, &at.field("pattern"))?;
    let regex = compile(&source, &at.field("pattern"))?;
    let at = at.field("substitution");
    match Pattern::highest_group(&substitution) {
        None => return Err(at.refuse("a backslash must be followed by a digit or a backslash")),
        Some(group) if group >= regex.captures_len() => {
            return Err(at.refuse(format!("the expression has no group {group}")));
        }
        Some(_) => {}
    }
    let pattern = Pattern { source: source.into(), regex };
    Ok(PathRewrite::Regex { pattern, substitution: substitution.into() })
}

fn source(matcher: RegexMatcher, at: &At<'_>) -> Result<String, Fault> {
    let RegexMatcher { regex, engine_type } = matcher;
    if let Some(EngineType::GoogleRe2(GoogleRe2 { max_program_size })) = engine_type {
        at.field("google_re2").unset("max_program_size", &max_program_size)?;
    }
    if regex.is_empty() {
        return Err(at.field("regex").refuse("it must not be empty"));
    }
    Ok(regex)
}

/// RE2's classes (`\d`, `\w`, `\s`, `\b`) are ASCII, so Unicode is off unless the expression needs it.
fn compile(source: &str, at: &At<'_>) -> Result<Regex, Fault> {
    let build = |unicode| RegexBuilder::new(source).unicode(unicode).size_limit(SIZE_LIMIT).build();
    build(false).or_else(|_| build(true)).map_err(|error| {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "the expression is too large".to_string(),
            other => other.to_string().lines().last().unwrap_or("").trim().to_string(),
        };
        at.field("regex").refuse(format!("{source:?} is no supported regular expression: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(regex: &str) -> Result<Pattern, Fault> {
        full_match(RegexMatcher { regex: regex.into(), engine_type: None }, &At::root())
    }

    #[test]
    fn an_expression_matches_the_whole_text_or_nothing() {
        let matches = |regex: &str, text: &str| pattern(regex).unwrap().regex.is_match(text.as_bytes());
        assert!(matches("a|ab", "ab") && !matches("a|ab", "abc") && !matches("a", "xa"));
        assert!(matches(r"\d+", "12") && !matches(r"\d+", "\u{662}"), "digits are ASCII");
        assert!(matches("(?i)GET", "get") && matches(".*", "\u{e9}") && !matches(".*", "a\nb"));
        assert!(matches(r"\pL+", "\u{e9}"));
    }

    #[test]
    fn what_re2_cannot_or_this_engine_cannot_is_refused() {
        for bad in ["a)|(b", r"\C", r"(a)\1", "(?=a)", "", "(a{1000}){1000}"] {
            let fault = pattern(bad).unwrap_err();
            assert_eq!(fault.field, "regex", "{bad}: {}", fault.why);
        }
    }

    #[test]
    fn a_substitution_may_only_use_groups_that_exist() {
        let read = |regex: &str, substitution: &str| {
            let pattern = Some(RegexMatcher { regex: regex.into(), engine_type: None });
            rewrite(RegexMatchAndSubstitute { pattern, substitution: substitution.into() }, &At::root())
        };
        assert!(read("/(a)(b)", r"/\2\1").is_ok());
        assert_eq!(read("/(a)", r"/\2").unwrap_err().why, "the expression has no group 2");
        assert_eq!(read("/(a)", r"/\x").unwrap_err().field, "substitution");
    }
}
