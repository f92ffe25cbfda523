//! Points in time as `%START_TIME(...)%` writes them: strftime's letters and Envoy's for fractions,
//! always in UTC.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// A parsed time format.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClockFormat(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    PaddedDay,
    DayOfYear,
    WeekdayName,
    Hour,
    Minute,
    Second,
    Epoch,
    Fraction(usize),
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

impl ClockFormat {
    /// Envoy's default.
    pub(super) fn iso() -> ClockFormat {
        ClockFormat::parse("%Y-%m-%dT%H:%M:%E3SZ").expect("all its letters are known")
    }

    /// `None` if a letter is unknown.
    pub(super) fn parse(text: &str) -> Option<ClockFormat> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                push_text(&mut parts, c);
                continue;
            }
            match chars.next()? {
                'Y' => parts.push(Part::Year),
                'y' => parts.push(Part::ShortYear),
                'm' => parts.push(Part::Month),
                'b' | 'h' => parts.push(Part::MonthName),
                'd' => parts.push(Part::Day),
                'e' => parts.push(Part::PaddedDay),
                'j' => parts.push(Part::DayOfYear),
                'a' => parts.push(Part::WeekdayName),
                'H' => parts.push(Part::Hour),
                'M' => parts.push(Part::Minute),
                'S' => parts.push(Part::Second),
                's' => parts.push(Part::Epoch),
                'f' => parts.push(Part::Fraction(9)),
                'F' => parts.extend(ClockFormat::parse("%Y-%m-%d")?.0),
                'T' => parts.extend(ClockFormat::parse("%H:%M:%S")?.0),
                'D' => parts.extend(ClockFormat::parse("%m/%d/%y")?.0),
                'z' => "+0000".chars().for_each(|c| push_text(&mut parts, c)),
                'Z' => "UTC".chars().for_each(|c| push_text(&mut parts, c)),
                'n' => push_text(&mut parts, '\n'),
                't' => push_text(&mut parts, '\t'),
                '%' => push_text(&mut parts, '%'),
                // `%3f`: that many digits. `%E3S`: seconds with that many digits after the point.
                digits @ '1'..='9' => match chars.next()? {
                    'f' => parts.push(Part::Fraction(digits as usize - '0' as usize)),
                    _ => return None,
                },
                'E' => match (chars.next()?, chars.next()?) {
                    (digits @ '1'..='9', 'S') => {
                        parts.push(Part::Second);
                        push_text(&mut parts, '.');
                        parts.push(Part::Fraction(digits as usize - '0' as usize));
                    }
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(ClockFormat(parts))
    }

    pub(super) fn write(&self, at: SystemTime, out: &mut String) {
        // Clocks before 1970 count as 1970.
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let date = Date::of(since.as_secs() / 86_400);
        let second = since.as_secs() % 86_400;
        for part in &self.0 {
            let written = match part {
                Part::Text(text) => out.write_str(text),
                Part::Year => write!(out, "{:04}", date.year),
                Part::ShortYear => write!(out, "{:02}", date.year % 100),
                Part::Month => write!(out, "{:02}", date.month),
                Part::MonthName => out.write_str(MONTHS[date.month as usize - 1]),
                Part::Day => write!(out, "{:02}", date.day),
                Part::PaddedDay => write!(out, "{:2}", date.day),
                Part::DayOfYear => write!(out, "{:03}", date.day_of_year),
                Part::WeekdayName => out.write_str(WEEKDAYS[(since.as_secs() / 86_400 % 7) as usize]),
                Part::Hour => write!(out, "{:02}", second / 3600),
                Part::Minute => write!(out, "{:02}", second / 60 % 60),
                Part::Second => write!(out, "{:02}", second % 60),
                Part::Epoch => write!(out, "{}", since.as_secs()),
                Part::Fraction(digits) => {
                    let nanos = u64::from(since.subsec_nanos()) / 10u64.pow(9 - *digits as u32);
                    write!(out, "{nanos:0digits$}")
                }
            };
            written.expect("writing to a string cannot fail");
        }
    }
}

/// A point in time as RFC 3339 writes it, in UTC, with milliseconds.
pub fn timestamp(at: SystemTime) -> String {
    let mut out = String::with_capacity(24);
    ClockFormat::iso().write(at, &mut out);
    out
}

fn push_text(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(c),
        _ => parts.push(Part::Text(c.to_string())),
    }
}

/// A day of the Gregorian calendar.
struct Date {
    year: u64,
    month: u64,
    day: u64,
    day_of_year: u64,
}

impl Date {
    /// The date a number of days after 1970-01-01.
    fn of(mut days: u64) -> Date {
        let leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        // 400 years always have 146 097 days; what is left is walked year by year.
        let mut year = 1970 + days / 146_097 * 400;
        days %= 146_097;
        while days >= 365 + u64::from(leap(year)) {
            days -= 365 + u64::from(leap(year));
            year += 1;
        }
        let day_of_year = days + 1;
        let mut month = 1;
        for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        Date { year, month, day: days + 1, day_of_year }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn written(format: &str, seconds: u64, nanos: u32) -> String {
        let mut out = String::new();
        let at = UNIX_EPOCH + Duration::new(seconds, nanos);
        ClockFormat::parse(format).unwrap().write(at, &mut out);
        out
    }

    #[test]
    fn times_are_written_as_date_would() {
        let table = [
            ("%Y-%m-%dT%H:%M:%E3SZ", 0, 0, "1970-01-01T00:00:00.000Z"),
            ("%F %T", 951_782_399, 0, "2000-02-28 23:59:59"),
            ("%F", 951_782_400, 0, "2000-02-29"),
            ("%F %j", 1_735_603_200, 0, "2024-12-31 366"),
            ("%a %b %e %y", 1_767_225_600, 0, "Thu Jan  1 26"),
            ("%s.%3f", 1_700_000_000, 7_999_999, "1700000000.007"),
            ("%6f|%9f|%f", 0, 123_456_789, "123456|123456789|123456789"),
            ("%H%%", 3_600, 0, "01%"),
        ];
        for (format, seconds, nanos, expected) in table {
            assert_eq!(written(format, seconds, nanos), expected, "{format}");
        }
    }

    #[test]
    fn unknown_letters_are_refused() {
        for format in ["%Q", "%", "%3S", "%E", "%ExS"] {
            assert_eq!(ClockFormat::parse(format), None, "{format}");
        }
    }
}
