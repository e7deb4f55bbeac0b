//! The text of a case: reading it, and writing it with other answers.

/// One line of a case, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A comment or an empty line, as it stands.
    Remark(String),
    /// `setting NAME VALUE`
    Setting(String, String),
    /// `who NAME URI..`
    Who(String, Vec<String>),
    /// `given PATH` and a body: a document that is stored, unchecked.
    Given { path: String, body: String },
    /// `NAME > METHOD TARGET`, fields and a body.
    Request {
        who: String,
        method: String,
        target: String,
        fields: Vec<(String, String)>,
        body: Option<String>,
    },
    /// `< STATUS`, fields and a body.
    Answer(Answer),
    /// `stored PATH` and the body of what is stored there, or none.
    Stored { path: String, body: Option<String> },
}

/// An answer as a case shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// Reads the text of a case. A panic names the line: cases are ours.
pub(crate) fn read(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let at = number + 1;
        if let Some(body) = trimmed.strip_prefix('|') {
            add_body(items.last_mut().unwrap_or_else(|| panic!("line {at}: a body of nothing")), body, at);
            continue;
        }
        if line.starts_with(' ') && trimmed.contains(": ") && !trimmed.starts_with('#') {
            let (name, value) = trimmed.split_once(": ").expect("it was just seen");
            match items.last_mut() {
                Some(Item::Request { fields, .. } | Item::Answer(Answer { fields, .. })) => {
                    fields.push((name.to_owned(), value.to_owned()));
                }
                _ => panic!("line {at}: a field of nothing"),
            }
            continue;
        }
        items.push(item(trimmed, at));
    }
    items
}

fn item(line: &str, at: usize) -> Item {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => Item::Remark(String::new()),
        [first, ..] if first.starts_with('#') => Item::Remark(line.to_owned()),
        ["setting", name, value @ ..] => Item::Setting((*name).to_owned(), value.join(" ")),
        ["who", name, uris @ ..] => {
            Item::Who((*name).to_owned(), uris.iter().map(|&uri| uri.to_owned()).collect())
        }
        ["given", path] => Item::Given { path: (*path).to_owned(), body: String::new() },
        ["stored", path] => Item::Stored { path: (*path).to_owned(), body: None },
        ["<", status] => Item::Answer(Answer {
            status: status.parse().unwrap_or_else(|_| panic!("line {at}: a status")),
            fields: Vec::new(),
            body: None,
        }),
        [who, ">", method, target] => Item::Request {
            who: (*who).to_owned(),
            method: (*method).to_owned(),
            target: (*target).to_owned(),
            fields: Vec::new(),
            body: None,
        },
        _ => panic!("line {at}: not understood: {line}"),
    }
}

fn add_body(item: &mut Item, line: &str, at: usize) {
    let line = line.strip_prefix(' ').unwrap_or(line);
    match item {
        Item::Given { body, .. } => {
            if !body.is_empty() {
                body.push('\n');
            }
            body.push_str(line);
        }
        Item::Request { body, .. } | Item::Answer(Answer { body, .. }) | Item::Stored { body, .. } => {
            match body {
                Some(body) => {
                    body.push('\n');
                    body.push_str(line);
                }
                None => *body = Some(line.to_owned()),
            }
        }
        Item::Remark(_) | Item::Setting(..) | Item::Who(..) => panic!("line {at}: a body of nothing"),
    }
}

/// Writes a case.
pub(crate) fn write(items: &[Item]) -> String {
    let mut text = String::new();
    let push_body = |text: &mut String, body: &str| {
        for line in body.split('\n') {
            text.push_str(if line.is_empty() { "  |" } else { "  | " });
            text.push_str(line);
            text.push('\n');
        }
    };
    let push_fields = |text: &mut String, fields: &[(String, String)]| {
        fields.iter().for_each(|(name, value)| text.push_str(&format!("  {name}: {value}\n")));
    };
    for item in items {
        match item {
            Item::Remark(line) => text.push_str(&format!("{line}\n")),
            Item::Setting(name, value) => text.push_str(&format!("setting {name} {value}\n")),
            Item::Who(name, uris) => text.push_str(&format!("who {name} {}\n", uris.join(" "))),
            Item::Given { path, body } => {
                text.push_str(&format!("given {path}\n"));
                push_body(&mut text, body);
            }
            Item::Request { who, method, target, fields, body } => {
                text.push_str(&format!("{who} > {method} {target}\n"));
                push_fields(&mut text, fields);
                body.iter().for_each(|body| push_body(&mut text, body));
            }
            Item::Answer(Answer { status, fields, body }) => {
                text.push_str(&format!("< {status}\n"));
                push_fields(&mut text, fields);
                body.iter().for_each(|body| push_body(&mut text, body));
            }
            Item::Stored { path, body } => {
                text.push_str(&format!("stored {path}\n"));
                body.iter().for_each(|body| push_body(&mut text, body));
            }
        }
    }
    text
}

/// The bytes that a text of a case stands for: `\r`, `\t`, `\\`, `\xHH`, and `\{3*ab}` for `ababab`.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let taken = match rest.as_bytes() {
            [b'r', ..] => (b"\r".to_vec(), 1),
            [b't', ..] => (b"\t".to_vec(), 1),
            [b'\\', ..] => (b"\\".to_vec(), 1),
            [b'x', ..] => (vec![u8::from_str_radix(&rest[1..3], 16).expect("two digits")], 3),
            [b'{', ..] => {
                let end = rest.find('}').expect("a closing brace");
                let (count, what) = rest[1..end].split_once('*').expect("a star");
                (bytes(what).repeat(count.parse().expect("a number")), end + 1)
            }
            _ => panic!("an unknown escape in {text}"),
        };
        out.extend_from_slice(&taken.0);
        rest = &rest[taken.1..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Bytes as the text of a case; of long ones only how many there are.
pub(crate) fn show(bytes: &[u8]) -> String {
    if bytes.len() > 8000 {
        return format!("({} bytes)", bytes.len());
    }
    let Ok(text) = core::str::from_utf8(bytes) else { return format!("({} bytes, not UTF-8)", bytes.len()) };
    text.replace('\\', "\\\\").replace('\r', "\\r").replace('\t', "\\t")
}
