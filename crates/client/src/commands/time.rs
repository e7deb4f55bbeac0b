//! Times as text, in UTC.

use sip_stack::Timestamp;

/// RFC 3339 with milliseconds: `2026-11-23T22:41:07.250Z`.
pub fn date_time(at: Timestamp) -> String {
    let (year, month, day) = date(at.as_secs() / 86_400);
    format!("{year:04}-{month:02}-{day:02}T{}.{:03}Z", time_of_day(at), at.as_millis() % 1000)
}

/// `22:41:07`.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let second = at.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day of the proleptic Gregorian calendar, from days since 1970-01-01. Years are counted from March,
/// so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097; // days of 400 years
    let from_march = days + 719_468; // since 0000-03-01
    let (era, day) = (from_march / ERA, from_march % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_they_were() {
        for second in
            (0..4_102_444_800_u64).step_by(86_399 * 7).chain([951_782_399, 951_782_400, 1_709_164_800])
        {
            let at = Timestamp::from_millis(second * 1000 + 7);
            let text = date_time(at);
            assert_eq!(
                documents::time::millis(&text),
                Some(i64::try_from(at.as_millis()).unwrap()),
                "{text}"
            );
        }
        assert_eq!(date_time(Timestamp::from_secs(1_709_164_800)), "2024-02-29T00:00:00.000Z");
    }
}
