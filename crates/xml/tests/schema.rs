//! The grammar checker: content models beside a naive reference, and what holds for any document.

use proptest::prelude::*;
use xml::schema::{
    ANY, Attribute, Automaton, BOOLEAN, Content, Element, Grammar, ID, INTEGER, Invalid, Local, OTHER,
    Origin, Particle, STRING, Type, Vocabulary, check, check_tree, global, optional, required,
};
use xml::{Limits, Tree};

mod example {
    use super::*;

    xml::schema! {
        namespace "urn:a" from "RFC 0000 §1";

        pub(super) element ROOT = "root" [OTHER] (ITEM*, each NAMED, PAIR{0, 2}, other*);
        pub(super) element ITEM = "item" [optional("id", ID), optional("n", INTEGER), ANY] mixed((ITEM | any)*);
        element NAMED = "one" | "two" | "three" [] text(BOOLEAN);
        element PAIR = "pair" [required("a", STRING), required("b", STRING)] empty;
    }

    static FLAGS: &[Attribute] = &[global(&ORIGIN, "flag", BOOLEAN)];
    static KNOWN: Vocabulary = Vocabulary { origin: &ORIGIN, elements: &[&ROOT, &ITEM], attributes: FLAGS };
    pub(super) static GRAMMAR: Grammar = Grammar { root: &ROOT, vocabularies: &[&KNOWN] };
}

/// What is said of a document within the root of the example, by bytes and by tree alike.
fn verdict(document: &str) -> Result<(), String> {
    let limits = Limits::default();
    let of_bytes = check(document.as_bytes(), &example::GRAMMAR, &limits);
    if let Ok(tree) = Tree::read(document.as_bytes(), &limits) {
        let of_tree = check_tree(&tree, &example::GRAMMAR);
        assert_eq!(
            of_bytes.clone().map_err(Some),
            of_tree.map_err(|violation| Some(Invalid::Schema(violation)))
        );
    }
    of_bytes.map_err(|refused| refused.to_string())
}

fn document(content: &str) -> String {
    format!("<root xmlns='urn:a' xmlns:a='urn:a' xmlns:z='urn:z'>{content}</root>")
}

fn within(content: &str) -> Result<(), String> {
    verdict(&document(content))
}

/// Whether it is refused, with these words.
fn refused(content: &str, words: &str) -> bool {
    within(content).is_err_and(|said| said.contains(words))
}

#[test]
fn what_the_grammar_has_is_taken() {
    for content in [
        "",
        "  \n<!-- comment --><?target data?>&#32;&#x9;\r\n",
        "<item/><item>text<item n=' +7 '>&lt;</item>text<z:z/><![CDATA[<]]></item>",
        "<a:item xmlns='' a:flag='1'><x y='z'><a:item/></x></a:item>",
        "<one>true</one><three> 1 </three>",
        "<two>t<!-- -->ru<![CDATA[e]]></two>",
        "<two>&#116;rue</two>",
        "<pair a='' b=''/><z:z z:z='' zz=''><z:y>text</z:y></z:z><z:z/>",
        "<pair b='' a=''><!-- comment --></pair><pair a='' b=''/>",
    ] {
        assert_eq!(within(content), Ok(()), "{content}");
    }
}

#[test]
fn what_it_has_not_is_refused_with_what_was_expected() {
    for (content, words) in [
        ("text", "expected no text, only elements, in `root` (RFC 0000 §1)"),
        ("<![CDATA[text]]>", "expected no text, only elements, in `root`"),
        ("&#160;", "expected no text, only elements, in `root`"),
        (
            "<two>1</two><one>1</one>",
            "expected `three`, `pair`, an element of another namespace or the end of `root`",
        ),
        (
            "<one>1</one><one>1</one>",
            "expected `two`, `three`, `pair`, an element of another namespace or the end",
        ),
        ("<one>1<z:z/></one>", "expected the end of `one` here, not `z:z`"),
        ("<one/>", "expected `true`, `false`, `1` or `0` as `one`"),
        ("<one>tr<!-- -->u</one>", "expected `true`, `false`, `1` or `0` as `one`"),
        (
            "<pair a='' b=''/><pair a='' b=''/><pair a='' b=''/>",
            "expected an element of another namespace or the end",
        ),
        ("<pair a=''/>", "expected the attribute `b` on `pair`"),
        ("<pair a='' b=''> </pair>", "expected nothing in `pair`"),
        ("<pair a='' b='' c=''/>", "expected no attribute `c` on `pair`"),
        ("<pair a='' b='' z:c=''/>", "expected no attribute `c` on `pair`"),
        (
            "<pair a='' b=''/><z xmlns=''/>",
            "expected `pair`, an element of another namespace or the end of `root` here, not `z`",
        ),
        ("<item n='1.5'/>", "expected a whole number as `n`"),
        ("<item a:flag='yes'/>", "expected `true`, `false`, `1` or `0` as `flag`"),
        ("<item><item a:flag='yes'/></item>", "expected `true`, `false`, `1` or `0` as `flag`"),
        ("<z:z><a:item n='x'/></z:z>", "expected a whole number as `n`"),
        ("<z:z a:flag='x'/>", "expected `true`, `false`, `1` or `0` as `flag`"),
    ] {
        assert!(refused(content, words), "{content}: {:?}", within(content));
    }
}

#[test]
fn names_in_refusals_are_not_longer_than_a_sentence_bears() {
    let long = "x".repeat(10_000);
    let said = within(&format!("<{long}/>")).expect_err("it is not declared");
    assert!(said.len() < 300 && said.contains("x…`"), "{said}");
}

#[test]
fn another_root_is_refused() {
    for document in ["<root/>", "<item xmlns='urn:a'/>", "<r:roo xmlns:r='urn:a'/>", "<root xmlns='urn:b'/>"]
    {
        let said = verdict(document).expect_err("it is another");
        assert_eq!(said, "at byte 0: expected the root `root` of the namespace urn:a (RFC 0000 §1)");
    }
}

#[test]
fn attributes_of_xml_schema_itself_may_stand_anywhere_but_nothing_is_nil() {
    let with = |attribute: &str| {
        within(&format!(
            "<pair xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' a='' b='' {attribute}/>"
        ))
    };
    for attribute in
        ["xsi:type='any'", "xsi:schemaLocation='urn:a a.xsd'", "xsi:noNamespaceSchemaLocation='a.xsd'"]
    {
        assert_eq!(with(attribute), Ok(()), "{attribute}");
    }
    assert!(with("xsi:nil='true'").is_err_and(|said| said.contains("expected no `xsi:nil`")));
    assert!(with("xsi:other='true'").is_err_and(|said| said.contains("expected no attribute `other`")));
}

#[test]
fn an_id_stands_once_however_many_there_are_and_however_it_is_written() {
    for others in [0, 3, 7, 8, 9, 500] {
        let items: String = (0..others).map(|number| format!("<item id='i{number}'/>")).collect();
        let once = format!("<item id='x'/>{items}<item id='X'/>");
        assert_eq!(within(&once), Ok(()), "{others}");
        let twice = format!("<item id=' x'/>{items}<item id='&#120;&#9;'/><item id='x'/>");
        let said = within(&twice).expect_err("it stands thrice");
        let (at, rest) = said["at byte ".len()..].split_once(':').expect("a place comes first");
        assert!(rest.starts_with(" expected an id other than `x`"), "{others}: {said}");
        let place: usize = at.parse().expect("it is a number");
        assert_eq!(place, document(&twice).find("&#120;").expect("it is there"), "{others}");
    }
    assert_eq!(within("<z:z id='x'/><z:z xml:id='y'/>"), Ok(()));
    assert!(refused("<z:z xml:id='y'/><z:z xml:id='y'/>", "an id other than `y`"));
    assert!(refused("<item id='x' xml:id='x'/>", "an id other than `x`"));
}

/// A content model over the names `a`, `b` and `c` of its own namespace.
#[derive(Clone, Debug)]
enum Model {
    /// Elements of one of these names.
    Named(Vec<&'static str>),
    InOrder(Vec<&'static str>),
    Other,
    Any,
    Sequence(Vec<Model>),
    Choice(Vec<Model>),
    Repeat(Box<Model>, u8, u8),
}

static ORIGIN: Origin = Origin { namespace: "urn:m", source: "" };
static EMPTY: Type = Type::new(&ORIGIN, Content::Empty, &[]);

fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn element(names: &[&'static str]) -> &'static Element {
    let names: Vec<_> = names.iter().map(|name| Local::new(name)).collect();
    keep(Element { origin: &ORIGIN, names: keep(names), kind: &EMPTY })
}

impl Model {
    fn particle(&self) -> Particle {
        let all = |parts: &[Self]| keep(parts.iter().map(Self::particle).collect::<Vec<_>>()).as_slice();
        match self {
            Self::Named(names) => Particle::Element(element(names)),
            Self::InOrder(names) => Particle::InOrder(element(names)),
            Self::Other => Particle::Other,
            Self::Any => Particle::Any,
            Self::Sequence(parts) => Particle::Sequence(all(parts)),
            Self::Choice(parts) => Particle::Choice(all(parts)),
            Self::Repeat(part, min, max) => Particle::Repeat(keep(part.particle()), *min, *max),
        }
    }

    /// Where a match may end that begins at one of some places: all places, tried one by one.
    fn ends(&self, children: &[&str], from: Vec<usize>) -> Vec<usize> {
        let one = |is_it: &dyn Fn(&str) -> bool| {
            let next = from.iter().filter(|&&at| children.get(at).is_some_and(|child| is_it(child)));
            next.map(|at| at + 1).collect()
        };
        let mut ends: Vec<usize> = match self {
            Self::Named(names) => one(&|child| names.contains(&child)),
            Self::InOrder(names) => names.iter().fold(from, |mut from, name| {
                let next = Self::Named(vec![name]).ends(children, from.clone());
                from.extend(next);
                from
            }),
            Self::Other => one(&|child| child.starts_with("z:")),
            Self::Any => one(&|_| true),
            Self::Sequence(parts) => parts.iter().fold(from, |from, part| part.ends(children, from)),
            Self::Choice(parts) => parts.iter().flat_map(|part| part.ends(children, from.clone())).collect(),
            Self::Repeat(part, min, max) => {
                let mut ends = if *min == 0 { from.clone() } else { Vec::new() };
                let mut from = from;
                // More often than there are children and copies that must be there, nothing new comes.
                for count in 1..=(*max).min(children.len() as u8 + *min + 1) {
                    from = part.ends(children, from);
                    if count >= *min {
                        ends.extend(&from);
                    }
                }
                ends
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

fn model() -> impl Strategy<Value = Model> {
    let names = || prop::sample::subsequence(vec!["a", "b", "c"], 1..=3);
    let leaf = prop_oneof![
        4 => names().prop_map(Model::Named),
        1 => names().prop_map(Model::InOrder),
        1 => Just(Model::Other),
        1 => Just(Model::Any),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 1..=3);
        prop_oneof![
            parts().prop_map(Model::Sequence),
            parts().prop_map(Model::Choice),
            (inner.clone(), 0..3_u8, prop_oneof![Just(0_u8), Just(1), Just(u8::MAX)]).prop_map(
                |(part, min, more)| Model::Repeat(Box::new(part), min, min.saturating_add(more).max(1))
            ),
        ]
    })
}

/// The automaton of a model that is only known now.
fn content(particle: &Particle) -> Option<Content> {
    macro_rules! of_size {
        ($($size:literal)*) => {
            match particle.leaves() {
                $($size => Some(Content::Elements(keep(Automaton::<$size>::new(particle)).model())),)*
                _ => None,
            }
        };
    }
    of_size!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn content_models_take_what_a_naive_reference_takes(
        model in model(),
        children in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "z:a"]), 0..7),
    ) {
        let particle = model.particle();
        let content = content(keep(particle));
        prop_assume!(content.is_some());
        let kind = keep(Type::new(&ORIGIN, content.expect("it was just seen"), &[]));
        let root = keep(Element { origin: &ORIGIN, names: &[const { Local::new("root") }], kind });
        let grammar = keep(Grammar { root, vocabularies: &[] });
        let children_printed: String = children.iter().map(|name| format!("<{name}/>")).collect();
        let document = format!("<root xmlns='urn:m' xmlns:z='urn:z'>{children_printed}</root>");
        let expected = model.ends(&children, vec![0]).contains(&children.len());
        let outcome = check(document.as_bytes(), grammar, &Limits::default());
        prop_assert_eq!(outcome.is_ok(), expected, "{:?} {:?}: {:?}", model, children, outcome);
    }

    #[test]
    fn no_document_is_too_odd_to_be_judged(pieces in prop::collection::vec(prop::sample::select(vec![
        "<root xmlns='urn:a' xmlns:a='urn:a'>", "</root>", "<item>", "</item>", "<item id='x'/>", "<a:item a:flag='1'/>",
        "<one>", "</one>", "<z xmlns='urn:z'>", "</z>", "<z xmlns=''>", "text", " ", "true", "&amp;", "&#13;",
        "<![CDATA[true]]>", "<!-- -->", "<?p?>", "<pair a='' b=''/>", "<", ">", "\u{e9}",
    ]), 0..24)) {
        let document = pieces.concat();
        let _ = verdict(&document);
        let _ = verdict(&format!("<root xmlns='urn:a' xmlns:a='urn:a'>{document}</root>"));
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(check(&bytes, &example::GRAMMAR, &Limits::default()).is_err());
    }
}
