//! HTTP dates, RFC 9110 §5.6.7, and the dates of the directory, RFC 3339.

use core::time::Duration;

use sip_stack::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const DAY: u64 = 86_400;

/// An IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`; what is below a second is dropped.
pub(crate) fn print(at: Timestamp) -> String {
    let seconds = at.as_secs();
    let (year, month, day) = civil(seconds / DAY);
    let weekday = DAYS[usize::try_from(seconds / DAY % 7).unwrap_or(0)];
    let name = MONTHS[month - 1];
    let (hour, minute, second) = time_of_day(seconds);
    // By hand: it is in every answer, and takes a tenth of what formatting takes.
    let mut text = String::with_capacity(29);
    for (before, number, digits) in [
        ([weekday, ", "], day, 2),
        ([" ", name], 0, 0),
        ([" ", ""], year, 4),
        ([" ", ""], hour, 2),
        ([":", ""], minute, 2),
        ([":", ""], second, 2),
    ] {
        before.iter().for_each(|part| text.push_str(part));
        push_digits(&mut text, number, digits);
    }
    text.push_str(" GMT");
    text
}

/// Prints the last so many digits of a number.
fn push_digits(text: &mut String, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        text.push(char::from(b'0' + (number / 10_u64.pow(place) % 10) as u8));
    }
}

/// An RFC 3339 date-time in UTC, such as `1994-11-06T08:49:37Z`.
pub(crate) fn print_rfc3339(at: Timestamp) -> String {
    let seconds = at.as_secs();
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = time_of_day(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads an IMF-fixdate. The two obsolete forms are not read: a condition of them is as if it were not there, which a
/// cache that is newer than 1997 does not notice.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.trim().as_bytes();
    let [_, _, _, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', rest @ ..] = bytes else { return None };
    let [y1, y2, y3, y4, b' ', h1, h2, b':', i1, i2, b':', s1, s2, b' ', b'G', b'M', b'T'] = rest else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0_u64, |value, &&digit| {
            digit.is_ascii_digit().then(|| value * 10 + u64::from(digit - b'0'))
        })
    };
    let month = MONTHS.iter().position(|name| name.as_bytes() == [*m1, *m2, *m3])?;
    let (day, year) = (number(&[d1, d2])?, number(&[y1, y2, y3, y4])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?);
    if year < 1970 || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before(year, month) + day - 1;
    Some(Timestamp::ZERO + Duration::from_secs(days * DAY + hour * 3600 + minute * 60 + second))
}

fn time_of_day(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: usize) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month, which counts from 0.
fn days_before(year: u64, month: usize) -> u64 {
    let before = year - 1;
    let leap_days = (before / 4 - before / 100 + before / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
    (year - 1970) * 365 + leap_days + (0..month).map(|month| days_in(year, month)).sum::<u64>()
}

/// Year, month from 1, and day, of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, usize, u64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 0) <= days {
        year += 1;
    }
    let mut left = days - days_before(year, 0);
    let mut month = 0;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    (year, month + 1, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_printed_as_http_and_as_xml_want_them() {
        let at = Timestamp::from_secs(784_111_777);
        assert_eq!(print(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(print_rfc3339(at), "1994-11-06T08:49:37Z");
        assert_eq!(print(Timestamp::ZERO), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(print(Timestamp::from_secs(951_827_696)), "Tue, 29 Feb 2000 12:34:56 GMT");
        assert_eq!(print_rfc3339(Timestamp::from_secs(4_102_444_799)), "2099-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for day in 0..60_000 {
            let at = Timestamp::from_secs(day * DAY + day % DAY);
            assert_eq!(parse(&print(at)), Some(at));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sun, 06 Nov 1994 08:49:37",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Xxx 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
