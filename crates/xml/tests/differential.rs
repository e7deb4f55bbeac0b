//! The scanner beside `roxmltree`: both accept or both refuse, and what they accept they read alike.
//!
//! Where `roxmltree` takes more than XML and its namespaces allow, `is_laxity` names the case; there are no others.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use xml::{ErrorKind, Kind, Limits, Scanner, Token};

/// One step through a document, with all that is meant and nothing of how it is written.
#[derive(Debug, PartialEq)]
enum Step {
    Start { namespace: String, local: String, attributes: Vec<(String, String, String)> },
    End,
    Text(String),
    Comment(String),
    Instruction(String, String),
}

fn ours(bytes: &[u8]) -> Result<Vec<Step>, xml::Error> {
    let mut steps = Vec::new();
    let mut scanner = Scanner::new(bytes, &Limits::NONE)?;
    while let Some(token) = scanner.pull()? {
        match token {
            Token::Start(start) => steps.push(Step::Start {
                namespace: start.name.namespace.to_string(),
                local: start.name.local.to_owned(),
                attributes: scanner
                    .attributes()
                    .map(|attribute| {
                        let name = attribute.name;
                        (name.namespace.to_string(), name.local.to_owned(), attribute.value.to_string())
                    })
                    .collect(),
            }),
            Token::End(_) => steps.push(Step::End),
            Token::Text(text) | Token::CData(text) => push_text(&mut steps, &text.value.text()),
            Token::Comment(span) => {
                let written = str::from_utf8(&bytes[span.range()]).expect("it was accepted");
                let body = written
                    .strip_prefix("<!--")
                    .and_then(|rest| rest.strip_suffix("-->"))
                    .expect("a comment");
                steps.push(Step::Comment(body.to_owned()));
            }
            Token::Instruction(instruction) => {
                steps.push(Step::Instruction(instruction.target.to_owned(), instruction.data.to_owned()));
            }
        }
    }
    Ok(steps)
}

/// The same, by way of the tree.
fn of_tree(bytes: &[u8]) -> Result<Vec<Step>, xml::Error> {
    let tree = xml::Tree::read(bytes, &Limits::NONE)?;
    let mut steps = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for node in tree.document().descendants() {
        while open.pop_if(|end| *end == node.index()).is_some() {
            steps.push(Step::End);
        }
        match node.kind() {
            Kind::Document => {}
            Kind::Element => {
                let element = node.element().expect("it is one");
                let attributes = element.attributes().map(|attribute| {
                    let name = attribute.name;
                    (name.namespace.to_string(), name.local.to_owned(), attribute.value.to_string())
                });
                let name = element.name();
                assert_eq!(element.namespace(name.prefix), Some(name.namespace));
                steps.push(Step::Start {
                    namespace: name.namespace.to_string(),
                    local: name.local.to_owned(),
                    attributes: attributes.collect(),
                });
                open.push(node.indices().end);
            }
            Kind::Text | Kind::CData => push_text(&mut steps, &node.value().expect("text").text()),
            Kind::Comment => steps.push(Step::Comment(node.source()[4..node.source().len() - 3].to_owned())),
            Kind::Instruction => {
                let inner = &node.source()[2..node.source().len() - 2];
                let space = |character| matches!(character, ' ' | '\t' | '\r' | '\n');
                let (target, data) = inner.split_at(inner.find(space).unwrap_or(inner.len()));
                let data = data.trim_start_matches(space);
                steps.push(Step::Instruction(target.to_owned(), data.to_owned()));
            }
        }
    }
    steps.extend(open.iter().map(|_| Step::End));
    Ok(steps)
}

fn theirs(text: &str) -> Result<Vec<Step>, roxmltree::Error> {
    let document = roxmltree::Document::parse(text)?;
    let mut steps = Vec::new();
    for child in document.root().children() {
        walk(child, &mut steps);
    }
    Ok(steps)
}

fn walk(node: roxmltree::Node<'_, '_>, steps: &mut Vec<Step>) {
    match node.node_type() {
        roxmltree::NodeType::Root => unreachable!("the root node is no child"),
        roxmltree::NodeType::Element => {
            let attributes = node.attributes().map(|attribute| {
                let namespace = attribute.namespace().unwrap_or_default();
                (namespace.to_owned(), attribute.name().to_owned(), attribute.value().to_owned())
            });
            steps.push(Step::Start {
                namespace: node.tag_name().namespace().unwrap_or_default().to_owned(),
                local: node.tag_name().name().to_owned(),
                attributes: attributes.collect(),
            });
            node.children().for_each(|child| walk(child, steps));
            steps.push(Step::End);
        }
        roxmltree::NodeType::Text => push_text(steps, node.text().unwrap_or_default()),
        roxmltree::NodeType::Comment => steps.push(Step::Comment(node.text().unwrap_or_default().to_owned())),
        roxmltree::NodeType::PI => {
            let pi = node.pi().expect("an instruction");
            // It takes `<?xml` with another whitespace than a space after it for an instruction.
            if pi.target == "xml" {
                return;
            }
            steps.push(Step::Instruction(pi.target.to_owned(), pi.value.unwrap_or_default().to_owned()));
        }
    }
}

/// Text in pieces is one text.
fn push_text(steps: &mut Vec<Step>, text: &str) {
    if let Some(Step::Text(before)) = steps.last_mut() {
        before.push_str(text);
    } else if !text.is_empty() {
        steps.push(Step::Text(text.to_owned()));
    }
}

/// Whether `roxmltree` takes what the standards do not.
fn is_laxity(text: &str, refusal: xml::Error) -> bool {
    let bare = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let declaration_end = bare.find("?>").map_or(0, |end| end + 2 + text.len() - bare.len());
    match refusal.kind {
        // It reads the XML declaration as a list of any attributes.
        _ if bare.starts_with("<?xml") && refusal.offset <= declaration_end => true,
        // It lets a prefix be declared as nothing, `xmlns` be declared, and the default namespace twice.
        ErrorKind::Declaration => true,
        ErrorKind::DuplicateAttribute => text[refusal.offset..].starts_with("xmlns"),
        // It reads references to no character at all as U+FFFD.
        ErrorKind::CharacterReference => true,
        // It takes a name with nothing before its colon.
        ErrorKind::Expected(_) if text[refusal.offset..].starts_with(':') => true,
        ErrorKind::EndTag if text[refusal.offset..].starts_with("</:") => true,
        // In processing instructions it takes colons, data that is not set off, and `XML` as a target.
        ErrorKind::Expected(what) => what.contains("target"),
        _ => false,
    }
}

/// Whether `roxmltree` refuses or reads wrongly what the standards allow.
fn is_strictness(text: &str) -> bool {
    // An element with the prefix `xml`; an attribute with the local name `xmlns`.
    text.contains("<xml:") || text.contains(":xmlns")
}

fn compare(bytes: &[u8]) -> Result<(), TestCaseError> {
    let read = ours(bytes);
    prop_assert_eq!(&of_tree(bytes), &read, "the tree says what the scanner says");
    let Ok(text) = str::from_utf8(bytes) else {
        prop_assert_eq!(read.expect_err("it is not UTF-8").kind, ErrorKind::NotUtf8);
        return Ok(());
    };
    match (read, theirs(text)) {
        (Ok(_), Err(_)) if is_strictness(text) => {}
        (Ok(_), Err(refusal)) => prop_assert!(false, "only we accept {text:?}: {refusal}"),
        (Err(refusal), Ok(_)) => prop_assert!(is_laxity(text, refusal), "only we refuse {text:?}: {refusal}"),
        (Err(_), Err(_)) => {}
        // It does not normalize a carriage return that a reference follows.
        (Ok(_), Ok(_)) if text.contains('\r') || is_strictness(text) => {}
        (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs, "{:?}", text),
    }
    Ok(())
}

/// Pieces that documents are made of, and pieces that break them.
const PIECES: [&str; 60] = [
    "<a>",
    "</a>",
    "<a",
    "</",
    ">",
    "/>",
    "<",
    "<b/>",
    "<a b='c'>",
    "<a xmlns='u'>",
    "<p:a xmlns:p='u'>",
    "</p:a>",
    "<p:a>",
    "<a xmlns:p='u' xmlns:q='v' p:b='1' q:b='2'/>",
    "<a p:b='1' q:b='2'/>",
    "<b xmlns=''/>",
    " b='1'",
    " b=\"1\"",
    " p:b='&lt;'",
    " xmlns:p='v'",
    " xmlns='w'",
    " xmlns:q='u'",
    " xml:lang='en'",
    "=",
    "'",
    "\"",
    " ",
    "\n",
    "\t",
    "text",
    "&amp;",
    "&#65;",
    "&#x41;",
    "&#0;",
    "&#xD800;",
    "&x;",
    "&",
    ";",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "--",
    "-",
    "<?p",
    "<?p q?>",
    "?>",
    "<?xml version='1.0'?>",
    "<?xml ",
    "<!DOCTYPE a>",
    "\u{FEFF}",
    "é",
    "日",
    "\u{FFFE}",
    "\u{1}",
    ":",
    "1",
    "\u{B7}",
    "\u{D7}",
    "xml",
];

const DOCUMENTS: [&str; 6] = [
    include_str!("data/presence.xml"),
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a><b c='d'>e</b><!-- f --><?g h?><![CDATA[i]]></a>\n",
    "<p:a xmlns:p='u' xmlns:q='v'><q:b p:c='1' q:c='2' c='3'><c xmlns='w'><d xmlns=''/></c></q:b></p:a>",
    "<a xmlns='u' b='&lt;&#65;\t\n'>x &amp; y &#x42; ]] > <b/>\n<b />\n</a>",
    "<!-- a --><?b c?>\n<é ü='日本'>𐀀</é>\n<!-- d -->",
    "<a><a><a><a a='a'/></a><a xml:space='preserve'> </a></a></a>",
];

/// One change to a document, at a place and with a piece to be chosen when its length is known.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, &'static str),
    Remove(Index, usize),
    Repeat(Index, usize),
    Replace(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), select(&PIECES[..])).prop_map(|(at, piece)| Change::Insert(at, piece)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        (any::<Index>(), prop_oneof![select(&b"<>/='\"&;:-!?[] \r\n\0"[..]), any::<u8>()])
            .prop_map(|(at, byte)| Change::Replace(at, byte)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Insert(at, piece) => {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, piece.bytes());
        }
        Change::Remove(at, length) => {
            let at = at.index(bytes.len() + 1);
            bytes.drain(at..(at + length).min(bytes.len()));
        }
        Change::Repeat(at, length) => {
            let at = at.index(bytes.len() + 1);
            let part = bytes[at..(at + length).min(bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        Change::Replace(at, byte) => {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_documents_are_read_alike(
        document in select(&DOCUMENTS[..]),
        changes in prop::collection::vec(change(), 0..5),
    ) {
        let mut bytes = document.as_bytes().to_vec();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        compare(&bytes)?;
    }

    #[test]
    fn heaps_of_pieces_are_read_alike(pieces in prop::collection::vec(select(&PIECES[..]), 0..12)) {
        compare(pieces.concat().as_bytes())?;
    }

    #[test]
    fn pieces_within_a_root_are_read_alike(pieces in prop::collection::vec(select(&PIECES[..]), 0..12)) {
        compare(format!("<p:r xmlns:p='u'>{}</p:r>", pieces.concat()).as_bytes())?;
    }

    #[test]
    fn pieces_within_a_start_tag_are_read_alike(pieces in prop::collection::vec(select(&PIECES[..]), 0..6)) {
        compare(format!("<r xmlns:p='u' {}/>", pieces.concat()).as_bytes())?;
    }

    #[test]
    fn trees_are_read_as_they_were_meant(tree in tree()) {
        let mut document = Vec::new();
        print(&tree, &mut document);
        let mut steps = Vec::new();
        meant(&tree, &mut steps);
        prop_assert_eq!(ours(&document).unwrap(), steps);
        compare(&document)?;
    }

    #[test]
    fn what_is_escaped_reads_as_it_was(text in any::<String>()) {
        let mut escaped = Vec::new();
        xml::push_text(&mut escaped, &text);
        let expected: String =
            text.chars().map(|character| if xml::is_xml_char(character) { character } else { '\u{FFFD}' }).collect();
        prop_assert_eq!(xml::unescape(str::from_utf8(&escaped).unwrap()).unwrap(), expected);
    }
}

/// An element to print: a namespace, attributes and children.
#[derive(Clone, Debug)]
enum Tree {
    Element { namespace: u8, attributes: Vec<String>, children: Vec<Tree> },
    Text(String),
}

fn tree() -> impl Strategy<Value = Tree> {
    let text = "[ -~\\t\\n\\r\u{80}-\u{FFFD}]{1,12}";
    let element = move |children| {
        (0..4_u8, prop::collection::vec(text, 0..4), children)
            .prop_map(|(namespace, attributes, children)| Tree::Element { namespace, attributes, children })
    };
    let leaf = prop_oneof![element(Just(Vec::new()).boxed()), text.prop_map(Tree::Text)];
    let inner = leaf.prop_recursive(5, 40, 6, move |tree| element(prop::collection::vec(tree, 0..6).boxed()));
    (0..4_u8, prop::collection::vec(inner, 0..6)).prop_map(|(namespace, children)| Tree::Element {
        namespace,
        attributes: Vec::new(),
        children,
    })
}

fn print(tree: &Tree, to: &mut Vec<u8>) {
    match tree {
        Tree::Text(text) => xml::push_text(to, text),
        Tree::Element { namespace, attributes, children } => {
            let prefix = if *namespace == 0 { String::new() } else { format!("p{namespace}:") };
            to.extend_from_slice(format!("<{prefix}e").as_bytes());
            if *namespace != 0 {
                to.extend_from_slice(format!(" xmlns:p{namespace}='n{namespace}'").as_bytes());
            }
            for (number, value) in attributes.iter().enumerate() {
                to.extend_from_slice(format!(" {prefix}a{number}=\"").as_bytes());
                xml::push_attribute(to, value);
                to.push(b'"');
            }
            to.push(b'>');
            children.iter().for_each(|child| print(child, to));
            to.extend_from_slice(format!("</{prefix}e>").as_bytes());
        }
    }
}

fn meant(tree: &Tree, steps: &mut Vec<Step>) {
    match tree {
        Tree::Text(text) => push_text(steps, text),
        Tree::Element { namespace, attributes, children } => {
            let namespace = if *namespace == 0 { String::new() } else { format!("n{namespace}") };
            let attributes = attributes.iter().enumerate();
            steps.push(Step::Start {
                attributes: attributes
                    .map(|(number, value)| (namespace.clone(), format!("a{number}"), value.clone()))
                    .collect(),
                namespace,
                local: "e".to_owned(),
            });
            children.iter().for_each(|child| meant(child, steps));
            steps.push(Step::End);
        }
    }
}
