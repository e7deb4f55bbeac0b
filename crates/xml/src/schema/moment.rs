//! Dates and times as XML Schema writes them, XML Schema Part 2 §3.2.7 and §3.2.9.

/// `-?YYYY-MM-DDThh:mm:ss(.s+)?`, with or without a zone; `24:00:00` is the end of a day.
pub(super) fn is_date_time(text: &str) -> bool {
    date(text.as_bytes()).and_then(|rest| rest.strip_prefix(b"T")).and_then(time).is_some_and(is_zone)
}

/// `-?YYYY-MM-DD`, with or without a zone.
pub(super) fn is_date(text: &str) -> bool {
    date(text.as_bytes()).is_some_and(is_zone)
}

/// Reads a date: what comes after it.
fn date(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (year, rest) = text.split_at(digits);
    // Four digits at least, no zero before more than four, and no year 0000 in XML Schema 1.0.
    if digits < 4 || digits > 4 && year[0] == b'0' || year.iter().all(|&digit| digit == b'0') {
        return None;
    }
    let [b'-', m1, m2, b'-', d1, d2, rest @ ..] = rest else { return None };
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    let last = match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then_some(rest)
}

/// Reads a time of day: what comes after it.
fn time(text: &[u8]) -> Option<&[u8]> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    let mut rest = rest;
    let mut is_whole = true;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        is_whole = fraction[..digits].iter().all(|&digit| digit == b'0');
        rest = &fraction[digits..];
    }
    let is_midnight = hour == 24 && minute == 0 && second == 0 && is_whole;
    (is_midnight || hour < 24 && minute < 60 && second < 60).then_some(rest)
}

/// Nothing, `Z`, or up to 14 hours either way.
fn is_zone(text: &[u8]) -> bool {
    match text {
        [] | b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => match (two(*h1, *h2), two(*m1, *m2)) {
            (Some(hours), Some(minutes)) => hours < 14 && minutes < 60 || hours == 14 && minutes == 0,
            _ => false,
        },
        _ => false,
    }
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Of a year only the remainder by 400 counts, which its last four digits have.
fn is_leap(year: &[u8]) -> bool {
    let last = &year[year.len() - 4..];
    let year = last.iter().fold(0, |year, digit| year * 10 + u32::from(digit - b'0'));
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_told_from_other_texts() {
        for text in [
            "2002-10-10T12:00:00",
            "2002-10-10T12:00:00Z",
            "2002-10-10T12:00:00.125-05:00",
            "-0044-03-15T24:00:00.000+14:00",
            "12000-02-29T23:59:59Z",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "2002-10-10",
            "2002-10-10t12:00:00z",
            "2002-10-10 12:00:00",
            "2002-10-10T12:00",
            "2002-10-10T12:00:60",
            "2002-10-10T24:00:01",
            "2002-10-10T24:00:00.001",
            "2002-10-10T12:00:00.",
            "2002-10-10T12:00:00+14:01",
            "2002-10-10T12:00:00+1:00",
            "2002-10-10T12:00:00 Z",
            "0000-10-10T12:00:00",
            "02002-10-10T12:00:00",
            "202-10-10T12:00:00",
            "+2002-10-10T12:00:00",
            "",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
        for text in ["2004-02-29", "2000-02-29Z", "1999-12-31-14:00"] {
            assert!(is_date(text), "{text}");
        }
        for text in
            ["1900-02-29", "2003-02-29", "2003-04-31", "2003-13-01", "2003-00-01", "2003-01-00", "2003-1-1"]
        {
            assert!(!is_date(text), "{text}");
        }
    }
}
