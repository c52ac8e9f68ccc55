//! On which days windows open: the part of RFC 5545's RRULE that maintenance is planned by. A day
//! is one of the rule's or is not, whatever came before it, so that no rule costs more than
//! another; what needs counting (COUNT, BYSETPOS) is refused with what to say instead.
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Weekday};

/// Longest rule, in bytes, and most values of one of its parts.
pub const MAX_RULE: usize = 255;
const MAX_INTERVAL: i64 = 366;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Day,
    Week,
    Month,
    Year,
}

/// `FREQ=WEEKLY;BYDAY=SU`, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    every: Every,
    interval: i64,
    /// Of a month the nth, from its end if negative; 0 each.
    weekdays: Vec<(i8, Weekday)>,
    /// From the month's end if negative.
    month_days: Vec<i8>,
    months: Vec<i8>,
    week_begins: Weekday,
}

impl Rule {
    /// Does a window open on this day, if the first may on `first`?
    #[must_use]
    pub fn holds(&self, first: Date, day: Date) -> bool {
        day >= first && self.is_its_turn(first, day) && self.names(first, day)
    }

    fn is_its_turn(&self, first: Date, day: Date) -> bool {
        let month = |day: Date| i64::from(day.year()) * 12 + i64::from(day.month());
        let passed = match self.every {
            Every::Day => number(day) - number(first),
            Every::Week => (self.week(day) - self.week(first)) / 7,
            Every::Month => month(day) - month(first),
            Every::Year => i64::from(day.year()) - i64::from(first.year()),
        };
        passed % self.interval == 0
    }

    /// The first day of its week, as a number.
    fn week(&self, day: Date) -> i64 {
        number(day) - i64::from(day.weekday().since(self.week_begins))
    }

    fn names(&self, first: Date, day: Date) -> bool {
        let (of, last) = (day.day(), day.days_in_month());
        let is_month_day = |n: i8| n == of || n == of - last - 1;
        let is_weekday = |(nth, weekday): (i8, Weekday)| {
            let (ahead, behind) = ((of - 1) / 7 + 1, -((last - of) / 7 + 1));
            weekday == day.weekday() && (nth == 0 || nth == ahead || nth == behind)
        };
        let unsaid = self.weekdays.is_empty() && self.month_days.is_empty();
        let as_first = match self.every {
            Every::Day => true,
            Every::Week => day.weekday() == first.weekday(),
            Every::Month => of == first.day(),
            Every::Year => {
                of == first.day() && (!self.months.is_empty() || day.month() == first.month())
            }
        };
        (self.months.is_empty() || self.months.contains(&day.month()))
            && (self.month_days.is_empty() || self.month_days.iter().any(|n| is_month_day(*n)))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|it| is_weekday(*it)))
            && (!unsaid || as_first)
    }

    /// What cannot go together.
    fn fault(&self) -> Option<&'static str> {
        let nth = self.weekdays.iter().any(|(nth, _)| *nth != 0);
        let in_months =
            self.every == Every::Month || (self.every == Every::Year && !self.months.is_empty());
        if nth && !in_months {
            return Some(
                "counts weekdays of no month: say FREQ=MONTHLY, or FREQ=YEARLY with BYMONTH",
            );
        }
        (self.every == Every::Week && !self.month_days.is_empty())
            .then_some("has BYMONTHDAY, which goes with FREQ=DAILY, MONTHLY or YEARLY")
    }
}

fn number(day: Date) -> i64 {
    jiff::civil::date(1970, 1, 1).until(day).map_or(0, |span| i64::from(span.get_days()))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_uppercase();
        let text = text.strip_prefix("RRULE:").unwrap_or(&text);
        if text.len() > MAX_RULE {
            return Err(format!("is longer than {MAX_RULE} bytes"));
        }
        let mut every = None;
        let mut rule = Self {
            text: text.to_owned(),
            every: Every::Day,
            interval: 1,
            weekdays: Vec::new(),
            month_days: Vec::new(),
            months: Vec::new(),
            week_begins: Weekday::Monday,
        };
        let mut seen = Vec::new();
        for part in text.split(';') {
            let Some((name, value)) = part.split_once('=') else {
                return Err("must be a rule such as FREQ=WEEKLY;BYDAY=SU".into());
            };
            if seen.contains(&name) {
                return Err(format!("says {name} twice"));
            }
            seen.push(name);
            let wrong = || format!("has `{part}`, which is no value of {name}");
            match name {
                "FREQ" => every = Some(frequency(value)?),
                "INTERVAL" => {
                    let interval = value.parse().ok().filter(|n| (1..=MAX_INTERVAL).contains(n));
                    rule.interval = interval.ok_or_else(wrong)?;
                }
                "BYDAY" => rule.weekdays = each(value, nth_weekday).ok_or_else(wrong)?,
                "BYMONTHDAY" => {
                    let day = |text: &str| whole(text, 31).filter(|n| *n != 0);
                    rule.month_days = each(value, day).ok_or_else(wrong)?;
                }
                "BYMONTH" => {
                    let month = |text: &str| whole(text, 12).filter(|n| *n > 0);
                    rule.months = each(value, month).ok_or_else(wrong)?;
                }
                "WKST" => rule.week_begins = weekday(value).ok_or_else(wrong)?,
                name => return Err(elsewhere(name)),
            }
        }
        rule.every = every.ok_or("needs FREQ, such as FREQ=WEEKLY;BYDAY=SU")?;
        rule.fault().map_or(Ok(rule), |fault| Err(fault.into()))
    }
}

fn frequency(word: &str) -> Result<Every, String> {
    Ok(match word {
        "DAILY" => Every::Day,
        "WEEKLY" => Every::Week,
        "MONTHLY" => Every::Month,
        "YEARLY" => Every::Year,
        "HOURLY" | "MINUTELY" | "SECONDLY" => {
            return Err("opens windows more than once a day: make a silence for each".into());
        }
        word => {
            return Err(format!("has FREQ={word}; it may be DAILY, WEEKLY, MONTHLY or YEARLY"));
        }
    })
}

/// What is known but said otherwise, or not at all.
fn elsewhere(name: &str) -> String {
    match name {
        "COUNT" | "UNTIL" => format!("has {name}: say when the silence ends instead"),
        "BYHOUR" | "BYMINUTE" | "BYSECOND" => {
            format!("has {name}: windows open at the clock time of the silence's start")
        }
        "BYSETPOS" => "has BYSETPOS: say BYDAY=1SU or BYDAY=-1FR instead".into(),
        "DTSTART" => "has DTSTART: say when the silence starts instead".into(),
        name => {
            let name: String = name.chars().take(20).collect();
            format!(
                "has {name}; understood are FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH and WKST"
            )
        }
    }
}

fn each<T>(list: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    list.split(',').map(read).collect()
}

/// A number from -`most` to `most`.
fn whole(text: &str, most: i8) -> Option<i8> {
    text.parse::<i8>().ok().filter(|n| (-most..=most).contains(n))
}

/// `SU`, `1SU`, `-1FR`.
fn nth_weekday(text: &str) -> Option<(i8, Weekday)> {
    let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
    let (nth, day) = text.split_at(at);
    let nth = if nth.is_empty() { 0 } else { whole(nth, 5).filter(|nth| *nth != 0)? };
    Some((nth, weekday(day)?))
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first days of a rule; examples of RFC 5545, 3.8.5.3, where marked.
    fn days(rule: &str, first: &str, count: usize) -> Vec<String> {
        let rule: Rule = rule.parse().unwrap_or_else(|why| panic!("{rule}: {why}"));
        let first: Date = first.parse().expect("a date");
        let days = first.series(jiff::Span::new().days(1)).take(366 * 10);
        days.filter(|day| rule.holds(first, *day)).take(count).map(|day| day.to_string()).collect()
    }

    #[test]
    fn a_rule_names_the_days_that_the_standard_says() {
        for (rule, first, expected) in [
            // RFC 5545: every other day; every 10 days.
            ("FREQ=DAILY;INTERVAL=2", "1997-09-02", "1997-09-02 1997-09-04 1997-09-06"),
            ("FREQ=DAILY;INTERVAL=10", "1997-09-02", "1997-09-02 1997-09-12 1997-09-22"),
            // RFC 5545: every day in January, for years.
            ("FREQ=DAILY;BYMONTH=1", "1998-01-30", "1998-01-30 1998-01-31 1999-01-01"),
            ("FREQ=WEEKLY", "1997-09-02", "1997-09-02 1997-09-09 1997-09-16"),
            // RFC 5545: every other week on Monday, Wednesday and Friday, weeks from Sunday.
            (
                "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
                "1997-09-01",
                "1997-09-01 1997-09-03 1997-09-05 1997-09-15",
            ),
            // RFC 5545: where the week begins makes a difference.
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO",
                "1997-08-05",
                "1997-08-05 1997-08-10 1997-08-19 1997-08-24",
            ),
            (
                "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU",
                "1997-08-05",
                "1997-08-05 1997-08-17 1997-08-19 1997-08-31",
            ),
            // RFC 5545: the first Friday; the second to last Monday; the third to last day.
            ("FREQ=MONTHLY;BYDAY=1FR", "1997-09-05", "1997-09-05 1997-10-03 1997-11-07"),
            ("FREQ=MONTHLY;BYDAY=-2MO", "1997-09-22", "1997-09-22 1997-10-20 1997-11-17"),
            ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "1997-09-28 1997-10-29 1997-11-28"),
            // A month without such a day has no window.
            ("FREQ=MONTHLY", "2026-01-31", "2026-01-31 2026-03-31 2026-05-31"),
            // RFC 5545: Friday the 13th.
            ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1997-09-02", "1998-02-13 1998-03-13"),
            ("FREQ=YEARLY", "2024-02-29", "2024-02-29 2028-02-29"),
            ("FREQ=YEARLY;BYMONTH=6,7", "1997-06-10", "1997-06-10 1997-07-10 1998-06-10"),
            ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "2026-01-01", "2026-03-29 2027-03-28"),
            ("rrule:freq=daily;bymonth=2;bymonthday=30", "2026-01-01", ""),
        ] {
            let expected: Vec<&str> = expected.split_whitespace().collect();
            assert_eq!(days(rule, first, expected.len().max(1)), expected, "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_says_what_to_write() {
        for (rule, why) in [
            ("", "must be a rule such as"),
            ("every sunday", "must be a rule such as"),
            ("BYDAY=SU", "needs FREQ"),
            ("FREQ=SECONDLY", "a silence for each"),
            ("FREQ=FORTNIGHTLY", "may be DAILY"),
            ("FREQ=DAILY;FREQ=DAILY", "says FREQ twice"),
            ("FREQ=DAILY;INTERVAL=0", "no value of INTERVAL"),
            ("FREQ=DAILY;INTERVAL=99999999999999999999", "no value of INTERVAL"),
            ("FREQ=WEEKLY;BYDAY=XX", "no value of BYDAY"),
            ("FREQ=WEEKLY;BYDAY=é", "no value of BYDAY"),
            ("FREQ=MONTHLY;BYDAY=9SU", "no value of BYDAY"),
            ("FREQ=WEEKLY;BYDAY=1SU", "FREQ=MONTHLY"),
            ("FREQ=YEARLY;BYDAY=1SU", "with BYMONTH"),
            ("FREQ=WEEKLY;BYMONTHDAY=1", "goes with FREQ=DAILY"),
            ("FREQ=MONTHLY;BYMONTHDAY=0", "no value of BYMONTHDAY"),
            ("FREQ=YEARLY;BYMONTH=13", "no value of BYMONTH"),
            ("FREQ=DAILY;COUNT=3", "when the silence ends"),
            ("FREQ=DAILY;BYHOUR=1,2,3", "clock time"),
            ("FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1", "BYDAY=-1FR"),
            ("FREQ=DAILY;X-EVIL=1", "understood are"),
            (&format!("FREQ=DAILY;BYMONTH={}", "1,".repeat(200)), "longer than 255"),
        ] {
            let found = rule.parse::<Rule>().expect_err(rule);
            assert!(found.contains(why), "{rule}: {found}");
        }
    }
}
