use crate::model::Expect;
use crate::traffic::Tally;
use crate::verdict::Check;

/// How far a share may be off, in standard deviations of a binomial: a mesh that is right fails once
/// in 150 000 checks, one that is wrong by much is found.
const SIGMAS: f64 = 4.5;

/// Compares what came with what was expected. A step that expects nothing expects no failure.
pub fn checks(expect: &Expect, tally: &Tally) -> Vec<Check> {
    let mut checks = Vec::new();
    for (status, share) in &expect.status {
        checks.push(share_check(format!("status {status}"), *share, tally.status(*status), tally.done));
    }
    let nothing = expect.status.is_empty() && expect.shares.is_empty();
    if let Some(allowed) = expect.failed.or(nothing.then_some(0)) {
        let failed = tally.failed(|status| expect.status.contains_key(&status));
        checks.push(Check {
            what: "failed".to_owned(),
            expected: if allowed == 0 { "0".to_owned() } else { format!("at most {allowed}") },
            seen: format!("{failed} of {}", tally.done),
            passed: failed <= allowed,
        });
    }
    for (index, (pattern, share)) in expect.shares.iter().enumerate() {
        let seen = tally.matches.get(index).copied().unwrap_or(0);
        checks.push(share_check(pattern.as_str().to_owned(), *share, seen, tally.done));
    }
    checks
}

fn share_check(what: String, share: f64, seen: u64, of: u64) -> Check {
    let (count, total) = (seen as f64, of as f64);
    let slack = SIGMAS * (total * share * (1.0 - share)).sqrt();
    // 0 and 1 are exact: their deviation is 0. Counts are whole numbers, far below 2^52.
    let passed = (count - total * share).abs() <= slack && of > 0;
    let percent = |share: f64| format!("{} %", (share * 1000.0).round() / 10.0);
    let expected = if slack > 0.0 {
        format!("{} ± {}", percent(share), percent(slack / total))
    } else {
        percent(share)
    };
    let part = if of > 0 { count / total } else { 0.0 };
    Check { what, expected, seen: format!("{} ({seen} of {of})", percent(part)), passed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certain_shares_are_exact_and_others_have_their_band() {
        assert!(share_check(String::new(), 1.0, 1000, 1000).passed);
        assert!(!share_check(String::new(), 1.0, 999, 1000).passed);
        assert!(!share_check(String::new(), 0.0, 1, 1000).passed);
        // 4.5 deviations of 30 % of 1000 are 65.2.
        assert!(share_check(String::new(), 0.3, 365, 1000).passed);
        assert!(!share_check(String::new(), 0.3, 366, 1000).passed);
        let check = share_check("x".to_owned(), 0.3, 312, 1000);
        assert_eq!((check.expected.as_str(), check.seen.as_str()), ("30 % ± 6.5 %", "31.2 % (312 of 1000)"));
        assert!(!share_check(String::new(), 0.5, 0, 0).passed);
    }

    #[test]
    fn a_step_without_expectation_expects_answers() {
        let mut tally = Tally::default();
        tally.add(&crate::traffic::Outcome::Unanswered { reason: String::new() }, []);
        let checks = checks(&Expect::default(), &tally);
        assert_eq!(checks.len(), 1);
        assert!(!checks[0].passed);
    }
}
