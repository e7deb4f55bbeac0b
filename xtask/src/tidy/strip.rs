//! Splits Rust source into its code and its comments, line by line, so that neither is taken for the other.

/// The same lines twice: what the compiler reads, with the text of strings blanked, and what people read.
pub(crate) struct Split {
    /// Code; comments and the insides of strings are spaces.
    pub(crate) code: Vec<String>,
    /// Comments, doc comments included; all else is spaces.
    pub(crate) comments: Vec<String>,
}

#[derive(Clone, Copy)]
enum Place {
    Code,
    LineComment,
    BlockComment(u32),
    Text,
    RawText(usize),
}

/// Splits one file. Linear; an unfinished string or comment ends with the file.
pub(crate) fn split(text: &str) -> Split {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut place = Place::Code;
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        if rest[0] == '\n' {
            if matches!(place, Place::LineComment) {
                place = Place::Code;
            }
            code.push('\n');
            comments.push('\n');
            at += 1;
            continue;
        }
        let (next, length) = step(place, rest, at.checked_sub(1).map(|before| chars[before]));
        let is_comment = |place| matches!(place, Place::LineComment | Place::BlockComment(_));
        for &letter in &rest[..length] {
            if letter == '\n' {
                code.push('\n');
                comments.push('\n');
                continue;
            }
            let in_comment = is_comment(place) || is_comment(next);
            let in_code = matches!(place, Place::Code) && !in_comment;
            code.push(if in_code { letter } else { ' ' });
            comments.push(if in_comment { letter } else { ' ' });
        }
        place = next;
        at += length;
    }
    Split { code: lines(&code), comments: lines(&comments) }
}

/// Where the next characters belong, and how many of them this step takes.
fn step(place: Place, rest: &[char], before: Option<char>) -> (Place, usize) {
    let starts =
        |with: &str| with.chars().enumerate().all(|(index, letter)| rest.get(index) == Some(&letter));
    match place {
        Place::Code => {
            let fresh = !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
            if starts("//") {
                (Place::LineComment, 2)
            } else if starts("/*") {
                (Place::BlockComment(1), 2)
            } else if rest[0] == '"' {
                (Place::Text, 1)
            } else if fresh && let Some((hashes, length)) = raw_opening(rest) {
                (Place::RawText(hashes), length)
            } else if rest[0] == '\'' {
                (Place::Code, character(rest))
            } else {
                (Place::Code, 1)
            }
        }
        Place::LineComment => (Place::LineComment, 1),
        Place::BlockComment(depth) if starts("/*") => (Place::BlockComment(depth + 1), 2),
        Place::BlockComment(1) if starts("*/") => (Place::Code, 2),
        Place::BlockComment(depth) if starts("*/") => (Place::BlockComment(depth - 1), 2),
        Place::BlockComment(depth) => (Place::BlockComment(depth), 1),
        Place::Text if rest[0] == '\\' => (Place::Text, 2.min(rest.len())),
        Place::Text if rest[0] == '"' => (Place::Code, 1),
        Place::Text => (Place::Text, 1),
        Place::RawText(hashes) => {
            let closes = rest[0] == '"' && (1..=hashes).all(|index| rest.get(index) == Some(&'#'));
            if closes { (Place::Code, 1 + hashes) } else { (Place::RawText(hashes), 1) }
        }
    }
}

/// `r"`, `r#"`, `br##"`, `cr"`: how many hashes, and how long the opening is.
fn raw_opening(rest: &[char]) -> Option<(usize, usize)> {
    let prefix = match rest {
        ['r', ..] => 1,
        ['b' | 'c', 'r', ..] => 2,
        _ => return None,
    };
    let hashes = rest[prefix..].iter().take_while(|letter| **letter == '#').count();
    (rest.get(prefix + hashes) == Some(&'"')).then_some((hashes, prefix + hashes + 1))
}

/// The length of a character literal, so that `'"'` opens no string; 1 for a lifetime's tick.
fn character(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, ..] => {
            let closing = rest.iter().skip(3).take(10).position(|letter| *letter == '\'');
            closing.map_or(1, |index| index + 4)
        }
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_code_part() {
        let split = split("let a = 1; // why\n/* one /* two */ three */ b()");
        assert_eq!(split.code[0].trim_end(), "let a = 1;");
        assert_eq!(split.comments[0].trim(), "// why");
        assert_eq!(split.code[1].trim(), "b()");
        assert_eq!(split.comments[1].trim(), "/* one /* two */ three */");
    }

    #[test]
    fn strings_are_neither() {
        let split = split(r###"f("// no", r#"/* "no" */"#, '"', "\"// no", 'x'); // yes"###);
        assert_eq!(split.comments[0].trim(), "// yes");
        assert!(!split.code[0].contains("no"));
        assert!(split.code[0].contains("'x');"));
    }

    #[test]
    fn lifetimes_open_nothing() {
        let split = split("fn f<'a>(x: &'a str) -> char { '\\'' } // end");
        assert_eq!(split.comments[0].trim(), "// end");
    }

    #[test]
    fn lines_stay_in_step() {
        let text = "a\n\"two\nlines\"\n/* c\n d */ e";
        let split = split(text);
        assert_eq!(split.code.len(), text.lines().count());
        assert_eq!(split.comments.len(), text.lines().count());
        assert_eq!(split.code[4].trim(), "e");
    }

    #[test]
    fn an_identifier_that_ends_in_r_is_no_raw_string() {
        let split = split("for x in bar\"s\" { } // end");
        assert_eq!(split.comments[0].trim(), "// end");
    }
}
