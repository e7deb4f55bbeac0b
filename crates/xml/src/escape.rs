//! Writing text so that a reader means what was meant.

use crate::class::is_xml_char;

/// Appends text for use between tags. A character that XML cannot hold (XML 1.0 §2.2) becomes U+FFFD.
pub fn push_text(into: &mut Vec<u8>, text: &str) {
    push(into, text, false);
}

/// Appends text for use between quotes of either kind, so that it survives normalization (XML 1.0 §3.3.3).
/// A character that XML cannot hold becomes U+FFFD.
pub fn push_attribute(into: &mut Vec<u8>, text: &str) {
    push(into, text, true);
}

fn push(into: &mut Vec<u8>, text: &str, quoted: bool) {
    // Most texts hold nothing that must be written otherwise.
    let is_plain = |byte: u8| matches!(byte, b' ' | b'!' | b'#'..=b'%' | b'('..=b';' | b'=' | b'?'..=b'~');
    let plain = text.bytes().take_while(|byte| is_plain(*byte)).count();
    let (plain, text) = text.split_at(plain);
    into.extend_from_slice(plain.as_bytes());
    for character in text.chars() {
        let mut own = [0; 4];
        let written = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\r' => "&#13;",
            '"' if quoted => "&quot;",
            '\'' if quoted => "&apos;",
            '\t' if quoted => "&#9;",
            '\n' if quoted => "&#10;",
            other if is_xml_char(other) => other.encode_utf8(&mut own),
            _ => "\u{FFFD}",
        };
        into.extend_from_slice(written.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_the_impossible_replaced() {
        let mut text = Vec::new();
        push_text(&mut text, "a<b>&\"'\r\n\t\0\u{FFFF}é");
        assert_eq!(text, "a&lt;b&gt;&amp;\"'&#13;\n\t\u{FFFD}\u{FFFD}é".as_bytes());
        let mut value = Vec::new();
        push_attribute(&mut value, "\"'\r\n\t<");
        assert_eq!(value, b"&quot;&apos;&#13;&#10;&#9;&lt;");
    }
}
