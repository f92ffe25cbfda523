use std::collections::{BTreeMap, HashMap};

use regex::Regex;

use crate::traffic::Outcome;
use crate::verdict::Answer;

/// More different answers than that are counted as one: some carry a random part.
const MOST_DIFFERENT: usize = 40;
/// Longer answers are cut.
const LONGEST: usize = 120;
const OTHERS: &str = "(others)";

/// What came of a number of requests.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub done: u64,
    pub unanswered: u64,
    pub statuses: BTreeMap<u16, u64>,
    /// How many bodies each pattern found something in.
    pub matches: Vec<u64>,
    answers: HashMap<String, u64>,
}

impl Tally {
    /// Counts one request.
    pub fn add<'p>(&mut self, outcome: &Outcome, patterns: impl IntoIterator<Item = &'p Regex>) {
        self.done += 1;
        let body = match outcome {
            Outcome::Answered { status, body } => {
                *self.statuses.entry(*status).or_default() += 1;
                body.trim_end()
            }
            Outcome::Unanswered { .. } => {
                self.unanswered += 1;
                ""
            }
        };
        for (index, pattern) in patterns.into_iter().enumerate() {
            if self.matches.len() <= index {
                self.matches.push(0);
            }
            let answered = matches!(outcome, Outcome::Answered { .. });
            self.matches[index] += u64::from(answered && pattern.is_match(body));
        }
        let mut text = label(outcome);
        if self.answers.len() >= MOST_DIFFERENT && !self.answers.contains_key(&text) {
            text = OTHERS.to_owned();
        }
        *self.answers.entry(text).or_default() += 1;
    }

    /// How many had a status.
    pub fn status(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// How many failed: no whole answer, or a status from 400 that is not `expected`.
    pub fn failed(&self, expected: impl Fn(u16) -> bool) -> u64 {
        let bad = self.statuses.iter().filter(|(status, _)| **status >= 400 && !expected(**status));
        self.unanswered + bad.map(|(_, count)| count).sum::<u64>()
    }

    /// Who answered how often, most often first.
    pub fn answers(&self) -> Vec<Answer> {
        let mut answers: Vec<Answer> =
            self.answers.iter().map(|(text, count)| Answer { text: text.clone(), count: *count }).collect();
        answers.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
        answers
    }
}

fn label(outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Answered { status: 200, body } => body.lines().next().unwrap_or("(empty)").to_owned(),
        Outcome::Answered { status, body } => {
            format!("{status} {}", body.lines().next().unwrap_or_default()).trim_end().to_owned()
        }
        Outcome::Unanswered { reason } => reason.clone(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_their_first_line_and_failures_apart() {
        let mut tally = Tally::default();
        let pattern = [Regex::new("^Hello$").unwrap()];
        let answered = |status, body: &str| Outcome::Answered { status, body: body.to_owned() };
        tally.add(&answered(200, "Hello\n"), &pattern);
        tally.add(&answered(200, "Hello\n"), &pattern);
        tally.add(&answered(503, "no healthy upstream"), &pattern);
        tally.add(&Outcome::Unanswered { reason: "reset".to_owned() }, &pattern);
        assert_eq!((tally.done, tally.matches[0], tally.status(200)), (4, 2, 2));
        assert_eq!(tally.failed(|_| false), 2);
        assert_eq!(tally.failed(|status| status == 503), 1);
        assert_eq!(tally.answers()[0], Answer { text: "Hello".to_owned(), count: 2 });
        assert_eq!(tally.answers()[1].text, "503 no healthy upstream");
    }
}
