//! Dates and times as presence documents write them: RFC 3339, with an offset from UTC.

/// Milliseconds since 1970-01-01T00:00:00Z; none if the text is not an RFC 3339 date-time (RFC 3339 §5.6).
///
/// Lower-case `t` and `z` are taken too, digits after the milliseconds are dropped, and a leap second reads as the
/// second after it. Whitespace around is ignored. Instants before 1970 are negative.
pub fn millis(text: &str) -> Option<i64> {
    let bytes = text.trim_matches([' ', '\t', '\r', '\n']).as_bytes();
    let date = bytes.get(..19)?;
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't', _, _, b':', _, _, b':', _, _] = date else {
        return None;
    };
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..10])?);
    let (hour, minute, second) = (number(&date[11..13])?, number(&date[14..16])?, number(&date[17..19])?);
    if !(1..=12).contains(&month)
        || day < 1
        || day > days_in(year, month)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (fraction, zone) = fraction(&bytes[19..])?;
    let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset(zone)?) * 1000 + fraction)
}

/// `.123` if it is there, in milliseconds, and the rest.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut millis = 0;
    for place in 0..3 {
        millis = millis * 10 + digits[..count].get(place).map_or(0, |digit| i64::from(digit - b'0'));
    }
    (count > 0).then_some((millis, &digits[count..]))
}

/// `Z`, `+01:00` or `-01:00`, in seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let days_before_month = (153 * month_from_march + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_their_offsets() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("1985-04-12T23:20:50.52Z", 482_196_050_520),
            ("1996-12-19T16:39:57-08:00", 851_042_397_000),
            ("1990-12-31T23:59:60Z", 662_688_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130),
            (" 2001-10-27T16:49:29Z\n", 1_004_201_369_000),
            ("2024-12-31t23:59:59.9999z", 1_735_689_599_999),
        ];
        for (text, expected) in cases {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "2001-10-27",
            "2001-10-27T16:49:29",
            "2001-13-27T16:49:29Z",
            "2001-02-29T16:49:29Z",
            "2001-10-00T16:49:29Z",
            "2001-10-27T24:49:29Z",
            "2001-10-27T16:49:61Z",
            "2001-10-27T16:49:29.Z",
            "2001-10-27T16:49:29+24:00",
            "2001-10-27T16:49:29+1:00",
            "+001-10-27T16:49:29Z",
            "2001-10-27 16:49:29Z",
            "20é1-10-27T16:49:29Z",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }
}
