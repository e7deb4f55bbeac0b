//! What the scanner takes and what it refuses, rule by rule, and where it says the fault lies.

use xml::{Error, ErrorKind, Limits, Scanner, Span, Token};

/// Number of tokens, or the refusal.
fn scan(bytes: &[u8]) -> Result<usize, Error> {
    scan_within(bytes, &Limits::default())
}

fn scan_within(bytes: &[u8], limits: &Limits) -> Result<usize, Error> {
    let mut scanner = Scanner::new(bytes, limits)?;
    let mut tokens = 0;
    while scanner.pull()?.is_some() {
        tokens += 1;
    }
    Ok(tokens)
}

#[test]
fn well_formed_documents_are_accepted() {
    let documents: [&[u8]; 24] = [
        b"<a/>",
        b"<a />",
        b"<a></a >",
        b"\xEF\xBB\xBF<a/>",
        b"\xEF\xBB\xBF<?xml version='1.0'?><a/>",
        b"<?xml version=\"1.0\" encoding=\"utf-8\" standalone='no' ?>\r\n<a/>\n",
        b"<?xml\tversion = '1.1'\nencoding='UTF-8'?><a/>",
        b"<!--x--><?p?><a/><!-- - --><?q r?>\n",
        b"<?xmlish?><a/>",
        b"<?xml-stylesheet href='x'?><a/>",
        b"<a b='1' c=\"2\"\n\td = '3'/>",
        b"<a b='\"' c=\"'\" d='>' e='&lt;&amp;&#60;'/>",
        b"<a xmlns='u' xmlns:p='v' p:b='' b=''/>",
        b"<p:a xmlns:p='u'><p:b xmlns:p='v'/><p:c/></p:a>",
        b"<a xmlns='u'><b xmlns=''/></a>",
        b"<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
        b"<a xml:space='preserve'/>",
        b"<a><![CDATA[]]><![CDATA[<&]] >]>]]></a>",
        b"<a>] ]] ]> &gt; ]]&gt;</a>",
        b"<a><!----><!-- a-b --></a>",
        b"<a><?p ??></a>",
        "<é·><日本 ü='𐀀'/>\u{FFFD}\u{E000}\u{10FFFF}\u{85}\u{7F}</é·>".as_bytes(),
        "<a b='\u{F000}\u{FFFD}'>\u{FEFF}</a>".as_bytes(),
        b"<a>&#9;&#xA;&#xD;&#x20;&#xD7FF;&#xE000;&#xFFFD;&#x10000;&#x10FFFF;</a>",
    ];
    for document in documents {
        assert!(scan(document).is_ok(), "{}: {:?}", String::from_utf8_lossy(document), scan(document));
    }
}

#[test]
fn other_documents_are_refused_where_they_are_at_fault() {
    use ErrorKind as Kind;
    let rules: [(&[u8], usize, ErrorKind); 33] = [
        (b"<!DOCTYPE a><a/>", 0, Kind::DocumentType),
        (b"<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 22, Kind::DocumentType),
        (b"<a>\xFF</a>", 3, Kind::NotUtf8),
        (b"\xFE\xFF\0<\0a\0/\0>", 0, Kind::NotUtf8),
        (b"<a>\xED\xA0\x80</a>", 3, Kind::NotUtf8),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", 30, Kind::OtherEncoding),
        (b"<?xml version='1.0' encoding='UTF-16'?><a/>", 30, Kind::OtherEncoding),
        (b"<a>\x01</a>", 3, Kind::Character),
        (b"<a b='\x0C'/>", 6, Kind::Character),
        (b"<a><!--\0--></a>", 7, Kind::Character),
        (b"<a><?p \x1F?></a>", 7, Kind::Character),
        (b"<a><![CDATA[\x0B]]></a>", 12, Kind::Character),
        ("<a>b\u{FFFE}</a>".as_bytes(), 4, Kind::Character),
        ("<a b='\u{FFFF}'/>".as_bytes(), 6, Kind::Character),
        ("<a><!--\u{FFFF}--></a>".as_bytes(), 7, Kind::Character),
        (b"<a>&#0;</a>", 3, Kind::CharacterReference),
        (b"<a b='&#xDFFF;'/>", 6, Kind::CharacterReference),
        (b"<a>&nbsp;</a>", 3, Kind::UnknownEntity),
        (b"<a>a & b</a>", 5, Kind::UnknownEntity),
        (b"<a b='&c;'/>", 6, Kind::UnknownEntity),
        (b"<a></b>", 3, Kind::EndTag),
        (b"<a></ab>", 6, Kind::EndTag),
        (b"<p:a xmlns:p='u' xmlns:q='u'></q:a>", 29, Kind::EndTag),
        (b"<a/><b/>", 4, Kind::SecondRoot),
        (b"<a b='1' c='2' b='1'/>", 15, Kind::DuplicateAttribute),
        (b"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", 35, Kind::DuplicateAttribute),
        (b"<a p:b='1' q:b='2' xmlns:p='&#117;' xmlns:q='u'/>", 11, Kind::DuplicateAttribute),
        (b"<a xmlns='u' xmlns='v'/>", 13, Kind::DuplicateAttribute),
        (b"<a xmlns:p='u' xmlns:p='u'/>", 15, Kind::DuplicateAttribute),
        (b"<p:a/>", 1, Kind::UndeclaredPrefix),
        (b"<a><b xmlns:p='u'/><p:c/></a>", 20, Kind::UndeclaredPrefix),
        (b"<a p:b=''/>", 3, Kind::UndeclaredPrefix),
        (b"<xmlns:a/>", 1, Kind::UndeclaredPrefix),
    ];
    for (document, offset, kind) in rules {
        assert_eq!(scan(document), Err(error(offset, kind)), "{}", String::from_utf8_lossy(document));
    }
    for declaration in [
        "xmlns:p=''",
        "xmlns:xmlns='u'",
        "xmlns:xml='u'",
        "xmlns:p='http://www.w3.org/XML/1998/namespace'",
        "xmlns='http://www.w3.org/XML/1998/namespace'",
        "xmlns='http://www.w3.org/2000/xmlns/'",
        "xmlns:p='http://www.w3.org/2000/xmlns/'",
    ] {
        let document = format!("<a {declaration}/>");
        assert_eq!(scan(document.as_bytes()), Err(error(3, ErrorKind::Declaration)), "{document}");
    }
}

fn error(offset: usize, kind: ErrorKind) -> Error {
    Error { offset, kind }
}

#[test]
fn what_is_misplaced_or_missing_is_refused_where_it_was_expected() {
    let documents: [(&[u8], usize); 62] = [
        (b"", 0),
        (b" \n", 2),
        (b"a", 0),
        (b"<!--x-->", 8),
        (b"<a/>b", 4),
        (b"<a/>&amp;", 4),
        (b"</a>", 0),
        (b"<a/></a>", 4),
        (b"<a>", 3),
        (b"<a>b", 4),
        (b"<a", 2),
        (b"<a ", 3),
        (b"<a b", 4),
        (b"<a b=", 5),
        (b"<a b='", 6),
        (b"<a b='c", 7),
        (b"<a b='c'", 8),
        (b"<a/", 3),
        (b"<a/ >", 3),
        (b"<", 1),
        (b"< a/>", 1),
        (b"<1/>", 1),
        (b"<-a/>", 1),
        (b"<a:/>", 3),
        (b"<:a/>", 1),
        (b"<a:1/>", 3),
        (b"<a:b:c xmlns:a='u'/>", 4),
        (b"<a\xC3\x97/>", 2),
        (b"<a b/>", 4),
        (b"<a b=c/>", 5),
        (b"<a b='1'c='2'/>", 8),
        (b"<a b='<'/>", 6),
        (b"<a 1='2'/>", 3),
        (b"<a b:='2'/>", 5),
        (b"<a></a b>", 7),
        (b"<a></a", 6),
        (b"<a>]]></a>", 3),
        (b"<a>x]]]></a>", 5),
        (b"<a>&#12</a>", 3),
        (b"<a>&#;</a>", 3),
        (b"<a><!-- -- --></a>", 8),
        (b"<a><!----->", 7),
        (b"<a><!-- </a>", 12),
        (b"<!-->", 5),
        (b"<a><![CDATA[x]]</a>", 19),
        (b"<![CDATA[x]]><a/>", 0),
        (b"<a/><![CDATA[x]]>", 4),
        (b"<a><!ELEMENT a ANY></a>", 3),
        (b"<a><![cdata[x]]></a>", 3),
        (b"<a><?p</a>", 10),
        (b"<a><?1?></a>", 5),
        (b"<a><? p?></a>", 5),
        (b"<a><?p:q?></a>", 6),
        (b"<a><?p?q?></a>", 6),
        (b" <?xml version='1.0'?><a/>", 1),
        (b"<?XML version='1.0'?><a/>", 0),
        (b"<?xml version='1.0'?><?xml version='1.0'?><a/>", 21),
        (b"<?xml encoding='UTF-8'?><a/>", 6),
        (b"<?xml version='2.0'?><a/>", 15),
        (b"<?xml version='1.0'encoding='UTF-8'?><a/>", 19),
        (b"<?xml version='1.0' standalone='no' encoding='UTF-8'?><a/>", 36),
        (b"<?xml version='1.0' standalone='maybe'?><a/>", 32),
    ];
    for (document, offset) in documents {
        let error = scan(document).expect_err(&String::from_utf8_lossy(document));
        assert!(
            matches!(error.kind, ErrorKind::Expected(_)),
            "{}: {error}",
            String::from_utf8_lossy(document)
        );
        assert_eq!(error.offset, offset, "{}: {error}", String::from_utf8_lossy(document));
    }
}

#[test]
fn a_refusal_is_final_and_says_what_was_expected() {
    let mut scanner = Scanner::new(b"<a><b></a>", &Limits::default()).unwrap();
    assert!(matches!(scanner.pull(), Ok(Some(Token::Start(_)))));
    assert!(matches!(scanner.pull(), Ok(Some(Token::Start(_)))));
    let error = scanner.pull().unwrap_err();
    assert_eq!(error.to_string(), "at byte 6: expected the end tag of the element that is open (XML 1.0 §3)");
    assert_eq!(scanner.pull().unwrap_err(), error);
}

#[test]
fn each_limit_is_inclusive_and_has_its_own_refusal() {
    let document = b"<a xmlns='u' xmlns:p='v' b='1' c='2'>x<b><c/></b><!--y--></a>";
    let exact = Limits { bytes: document.len(), depth: 3, attributes: 2, nodes: 5, declarations: 2 };
    assert!(scan_within(document, &exact).is_ok());
    let tighter = [
        (Limits { bytes: document.len() - 1, ..exact }, ErrorKind::TooManyBytes, document.len() - 1),
        (Limits { depth: 2, ..exact }, ErrorKind::TooDeep, 41),
        (Limits { attributes: 1, ..exact }, ErrorKind::TooManyAttributes, 31),
        (Limits { nodes: 4, ..exact }, ErrorKind::TooManyNodes, 49),
        (Limits { declarations: 1, ..exact }, ErrorKind::TooManyDeclarations, 13),
    ];
    for (limits, kind, offset) in tighter {
        let refusal = scan_within(document, &limits).unwrap_err();
        assert_eq!(refusal, error(offset, kind));
        assert!(refusal.is_limit());
    }
    assert!(!scan(b"<a>").unwrap_err().is_limit());
}

#[test]
fn declarations_count_while_they_are_in_scope_only() {
    let limits = Limits { declarations: 2, ..Limits::default() };
    assert!(scan_within(b"<a xmlns='u'><b xmlns='v'/><b xmlns='w'></b><b xmlns='x'/></a>", &limits).is_ok());
    let refusal = scan_within(b"<a xmlns='u'><b xmlns='v'><b xmlns='w'/></b></a>", &limits).unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::TooManyDeclarations);
}

/// How many bytes a scanner reads before it refuses says how long it took.
#[test]
fn two_hundred_thousand_nested_elements_are_refused_at_the_limit() {
    let document = "<a>".repeat(200_000);
    let roomy = Limits { bytes: document.len(), nodes: usize::MAX, ..Limits::default() };
    assert_eq!(scan_within(document.as_bytes(), &roomy), Err(error(64 * 3, ErrorKind::TooDeep)));
    // Without a limit they are read to the end, without recursion.
    assert_eq!(
        scan_within(document.as_bytes(), &Limits::NONE).map_err(|error| error.offset),
        Err(document.len())
    );
    let closed = document.clone() + &"</a>".repeat(200_000);
    assert_eq!(scan_within(closed.as_bytes(), &Limits::NONE), Ok(400_000));
}

#[test]
fn spans_cover_what_was_read() {
    let document = b"\xEF\xBB\xBF<?xml version='1.0'?><p:a xmlns:p = 'u' b = \"x&amp;y\">t<![CDATA[c]]><e/><!--d--></p:a>";
    let cut = |span: Span| str::from_utf8(&document[span.range()]).unwrap();
    let mut scanner = Scanner::new(document, &Limits::default()).unwrap();
    let Some(Token::Start(start)) = scanner.pull().unwrap() else { panic!("a start tag") };
    assert_eq!(cut(start.span), "<p:a xmlns:p = 'u' b = \"x&amp;y\">");
    assert_eq!((start.name.prefix, start.name.local, start.empty), ("p", "a", false));
    assert!(start.name.is("u", "a"));
    let attributes: Vec<_> = scanner.attributes().collect();
    assert_eq!(attributes.len(), 1);
    assert_eq!(cut(attributes[0].span), "b = \"x&amp;y\"");
    assert_eq!(cut(attributes[0].value_span), "x&amp;y");
    assert_eq!(attributes[0].value, "x&y");
    let declarations: Vec<_> = scanner.declarations().collect();
    assert_eq!(declarations.len(), 1);
    assert_eq!((cut(declarations[0].span), cut(declarations[0].value_span)), ("xmlns:p = 'u'", "u"));
    assert_eq!(scanner.namespace("p").unwrap(), "u");
    assert_eq!(scanner.namespace("").unwrap(), "");
    assert!(scanner.namespace("q").is_none());
    let Some(Token::Text(text)) = scanner.pull().unwrap() else { panic!("text") };
    assert_eq!((cut(text.span), text.value.raw()), ("t", "t"));
    assert_eq!((scanner.attributes().len(), scanner.declarations().len()), (0, 0));
    let Some(Token::CData(text)) = scanner.pull().unwrap() else { panic!("a CDATA section") };
    assert_eq!((cut(text.span), text.value.raw()), ("<![CDATA[c]]>", "c"));
    let Some(Token::Start(start)) = scanner.pull().unwrap() else { panic!("a start tag") };
    assert_eq!((cut(start.span), start.empty, scanner.depth()), ("<e/>", true, 2));
    let Some(Token::End(end)) = scanner.pull().unwrap() else { panic!("an end") };
    assert_eq!((cut(end.element), cut(end.content), scanner.depth()), ("<e/>", "", 1));
    let Some(Token::Comment(span)) = scanner.pull().unwrap() else { panic!("a comment") };
    assert_eq!(cut(span), "<!--d-->");
    let Some(Token::End(end)) = scanner.pull().unwrap() else { panic!("an end") };
    assert_eq!(cut(end.content), "t<![CDATA[c]]><e/><!--d-->");
    assert_eq!(end.element.range(), 24..document.len());
    assert!(scanner.pull().unwrap().is_none());
    assert!(scanner.pull().unwrap().is_none());
}

#[test]
fn skipping_leaves_out_an_element() {
    let mut scanner = Scanner::new(b"<!--x--><a><b><b/>t</b><c/></a>", &Limits::default()).unwrap();
    assert_eq!(scanner.root().unwrap().name.local, "a");
    assert!(matches!(scanner.pull(), Ok(Some(Token::Start(_)))));
    let end = scanner.skip().unwrap().unwrap();
    assert_eq!((end.element.range(), scanner.depth()), (11..23, 1));
    assert!(matches!(scanner.pull(), Ok(Some(Token::Start(start))) if start.name.local == "c"));
    assert_eq!(scanner.skip().unwrap().unwrap().element.range(), 23..27);
    assert_eq!(scanner.skip().unwrap().unwrap().element.range(), 8..31);
    assert_eq!(scanner.skip().unwrap(), None);
}

#[test]
fn an_inner_declaration_holds_until_its_element_ends() {
    let document = b"<a xmlns='1' xmlns:p='2'><p:b xmlns:p='3' xmlns=''><c p:d=''/></p:b><p:e/></a>";
    let mut scanner = Scanner::new(document, &Limits::default()).unwrap();
    let mut names = Vec::new();
    while let Some(token) = scanner.pull().unwrap() {
        if let Token::Start(start) = token {
            names.push(format!("{}{}", start.name.namespace, start.name.local));
            names.extend(scanner.attributes().map(|attribute| format!("@{}", attribute.name.namespace)));
        }
    }
    assert_eq!(names, ["1a", "3b", "c", "@3", "2e"]);
}

#[test]
fn large_start_tags_and_scopes_work_as_small_ones() {
    use core::fmt::Write as _;
    let mut document = "<a".to_owned();
    for number in 0..60 {
        write!(document, " xmlns:a-long-prefix-{number}='n{number}' a-long-prefix-{number}:b='{number}'")
            .unwrap();
    }
    document.push_str("/>");
    let mut scanner = Scanner::new(document.as_bytes(), &Limits::default()).unwrap();
    scanner.root().unwrap();
    assert_eq!(scanner.declarations().len(), 60);
    for number in 0..60 {
        let attribute = scanner.attribute(&format!("n{number}"), "b").unwrap();
        assert_eq!(attribute.value, number.to_string().as_str());
    }
    assert!(scanner.skip().unwrap().is_some());
    assert_eq!(scanner.scope().count(), 0);
}
