//! Whether a domain in a rule is that of a user, RFC 4745 §7.1.3.

use std::borrow::Cow;

/// The one form of a domain as a rule writes it: percent-escapes read, and every label in ASCII and lower case.
///
/// `None` if it has no such form: then it is no domain of anybody. An internationalized label is put in lower case and
/// encoded by RFC 3492; of the preparation that RFC 3490 §4.1 asks for before that, it must bring the rest itself.
pub(super) fn canonical(written: &str) -> Option<String> {
    let unescaped = unescaped(written.trim())?;
    let name = unescaped.strip_suffix('.').unwrap_or(&unescaped);
    let mut canonical = String::with_capacity(name.len());
    for (index, label) in name.split(['.', '\u{3002}', '\u{FF0E}', '\u{FF61}']).enumerate() {
        if index > 0 {
            canonical.push('.');
        }
        if label.is_ascii() {
            canonical.push_str(&label.to_ascii_lowercase());
        } else {
            canonical.push_str("xn--");
            punycode(&label.to_lowercase(), &mut canonical)?;
        }
    }
    (!canonical.is_empty()).then_some(canonical)
}

/// What percent-escapes stand for; `None` if they are broken, or are no UTF-8.
pub(super) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        (bytes, rest) = match (byte, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
                (bytes, tail)
            }
            (b'%', _) => return None,
            _ => {
                bytes.push(*byte);
                (bytes, tail)
            }
        };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// RFC 3492 §6.3, with the parameters of its §5.
fn punycode(label: &str, to: &mut String) -> Option<()> {
    const LONGEST: usize = 63;
    let characters: Vec<u32> = label.chars().map(u32::from).collect();
    if characters.len() > LONGEST {
        return None;
    }
    to.extend(label.chars().filter(char::is_ascii));
    let basic = u32::try_from(label.chars().filter(char::is_ascii).count()).ok()?;
    if basic > 0 {
        to.push('-');
    }
    let (mut next, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while (handled as usize) < characters.len() {
        let least = characters.iter().copied().filter(|code| *code >= next).min()?;
        delta = delta.checked_add((least - next).checked_mul(handled + 1)?)?;
        next = least;
        for code in &characters {
            delta = delta.checked_add(u32::from(*code < next))?;
            if *code == next {
                digits(delta, bias, to);
                bias = adapted(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(())
}

const BASE: u32 = 36;
const LEAST: u32 = 1;
const MOST: u32 = 26;

fn digits(mut rest: u32, bias: u32, to: &mut String) {
    let mut position = BASE;
    loop {
        let threshold = position.saturating_sub(bias).clamp(LEAST, MOST);
        if rest < threshold {
            to.push(digit(rest));
            return;
        }
        to.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
        position += BASE;
    }
}

fn digit(value: u32) -> char {
    char::from_digit(if value < 26 { value + 10 } else { value - 26 }, 36).unwrap_or('0')
}

fn adapted(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > (BASE - LEAST) * MOST / 2 {
        delta /= BASE - LEAST;
        steps += BASE;
    }
    steps + (BASE - LEAST + 1) * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_have_one_form() {
        let cases = [
            ("Example.COM", "example.com"),
            (" example.com. ", "example.com"),
            ("ex%61mple%2Ecom", "example.com"),
            ("b\u{FC}cher.example", "xn--bcher-kva.example"),
            ("B\u{DC}CHER.example", "xn--bcher-kva.example"),
            ("b%C3%BCcher\u{3002}example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            // RFC 3492 §7.1 (B) and (L)
            (
                "\u{4ED6}\u{4EEC}\u{4E3A}\u{4EC0}\u{4E48}\u{4E0D}\u{8BF4}\u{4E2D}\u{6587}",
                "xn--ihqwcrb4cv8a8dqg056pqjye",
            ),
            ("3\u{5E74}b\u{7D44}\u{91D1}\u{516B}\u{5148}\u{751F}", "xn--3b-ww4c5e180e575a65lsy2b"),
        ];
        for (written, expected) in cases {
            assert_eq!(canonical(written).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_is_no_domain_has_none() {
        for written in ["", ".", "%", "%zz", "%FF", &"\u{FC}".repeat(64)] {
            assert_eq!(canonical(written), None, "{written}");
        }
    }
}
