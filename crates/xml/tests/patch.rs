//! Patches: every example of RFC 5261, each error condition, and differences that give the new document back.

use proptest::prelude::*;
use proptest::sample::select;
use xml::patch::{Limits, Operation, PatchError, Reason, apply, diff};
use xml::{Tree, equivalent};

fn operations(diff: &str) -> Result<Vec<Operation>, Reason> {
    let tree = Tree::read(diff.as_bytes(), &xml::Limits::default()).expect(diff);
    tree.root().elements().map(Operation::read).collect()
}

fn patched(target: &str, diff: &str) -> Result<String, PatchError> {
    let operations = operations(diff).map_err(|reason| PatchError { operation: 0, reason })?;
    apply(target.as_bytes(), &operations, &Limits::default())
        .map(|bytes| String::from_utf8(bytes).expect("text"))
}

const NOTE: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc>\n  <note>This is a sample document</note>\n</doc>";
const CHILD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc>\n  <note>This is a sample document</note>\n<foo id=\"ert4773\">This is a new child</foo></doc>";
const FOO: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc>\n  <foo a=\"1\">This is a sample document</foo>\n</doc>";

/// RFC 5261 Appendix A.1 to A.17.
#[test]
fn the_examples_come_out_as_printed() {
    let with = |attributes: &str, rest: &str| {
        FOO.replace("<doc>", &format!("<doc{attributes}>")).replace("</foo>\n", &format!("</foo>\n{rest}"))
    };
    let comment = with(" xmlns:pref=\"urn:test\"", "  <!-- comment -->\n");
    let cases: &[(&str, String, &str, String)] = &[
        (
            "A.1",
            NOTE.into(),
            r#"<add sel="doc"><foo id="ert4773">This is a new child</foo></add>"#,
            CHILD.into(),
        ),
        (
            "A.2",
            CHILD.into(),
            r#"<add sel="doc/foo[@id='ert4773']" type="@user">Bob</add>"#,
            CHILD.replace("ert4773\"", "ert4773\" user=\"Bob\""),
        ),
        (
            "A.3",
            CHILD.into(),
            r#"<add sel="doc" type="namespace::pref">urn:ns:xxx</add>"#,
            CHILD.replace("<doc>", "<doc xmlns:pref=\"urn:ns:xxx\">"),
        ),
        (
            "A.4",
            CHILD.into(),
            r#"<add sel="doc/foo[@id='ert4773']" pos="before"><!-- comment --></add>"#,
            CHILD.replace("<foo", "<!-- comment --><foo"),
        ),
        (
            "A.5",
            NOTE.into(),
            "<add sel=\"doc\">\n    <foo id=\"ert4773\">This is a new child</foo></add>",
            NOTE.replace("</doc>", "\n    <foo id=\"ert4773\">This is a new child</foo></doc>"),
        ),
        (
            "A.6",
            FOO.into(),
            r#"<replace sel="doc/foo[@a='1']"><bar a="2"/></replace>"#,
            FOO.replace("<foo a=\"1\">This is a sample document</foo>", "<bar a=\"2\"/>"),
        ),
        (
            "A.7",
            with(" a=\"test\"", ""),
            r#"<replace sel="doc/@a">new value</replace>"#,
            with(" a=\"new value\"", ""),
        ),
        (
            "A.8",
            with(" xmlns:pref=\"urn:test\"", ""),
            r#"<replace sel="doc/namespace::pref">urn:new:xxx</replace>"#,
            with(" xmlns:pref=\"urn:new:xxx\"", ""),
        ),
        (
            "A.9",
            comment.clone(),
            "<replace sel=\"doc/comment()[1]\"><!-- This is the new content\n      --></replace>",
            comment.replace("<!-- comment -->", "<!-- This is the new content\n      -->"),
        ),
        (
            "A.10",
            with("", "  <?test foo=\"bar\"?>\n"),
            "<replace sel='doc/processing-instruction(\"test\")'\n       ><?test bar=\"foobar\"?></replace>",
            with("", "  <?test bar=\"foobar\"?>\n"),
        ),
        (
            "A.11",
            FOO.into(),
            "<replace sel=\"doc/foo/text()[1]\"\n      >This is the new text content</replace>",
            FOO.replace("This is a sample document", "This is the new text content"),
        ),
        (
            "A.12",
            FOO.into(),
            r#"<remove sel="doc/foo[@a='1']" ws="after"/>"#,
            FOO.replace("<foo a=\"1\">This is a sample document</foo>\n", ""),
        ),
        ("A.13", with(" a=\"foo\"", ""), r#"<remove sel="doc/@a"/>"#, FOO.into()),
        (
            "A.14",
            with("", "  <!-- comment -->\n").replace("a=\"1\">", "a=\"1\" xmlns:pref=\"urn:test\"\n      >"),
            r#"<remove sel="doc/foo/namespace::pref"/>"#,
            with("", "  <!-- comment -->\n").replace("a=\"1\">", "a=\"1\"\n      >"),
        ),
        (
            "A.15",
            with("", "  <!-- comment -->\n"),
            r#"<remove sel="doc/comment()[1]" ws="after"/>"#,
            with("", "  "),
        ),
        (
            "A.16",
            with("", "  <?test?>\n"),
            r#"<remove sel='doc/processing-instruction("test")'/>"#,
            with("", "  \n"),
        ),
        (
            "A.17",
            FOO.into(),
            r#"<remove sel="doc/foo/text()[1]"/>"#,
            FOO.replace("This is a sample document", ""),
        ),
    ];
    for (name, target, operation, expected) in cases {
        let diff = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<diff>\n  {operation}\n</diff>");
        assert_eq!(patched(target, &diff).as_ref(), Ok(expected), "{name}");
    }
}

/// RFC 5261 Appendix A.18, whose result may be written in more than one way.
#[test]
fn the_example_of_namespace_mangling_comes_out_equivalent() {
    let target = r#"<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns="urn:ietf:params:xml:ns:xxx"
     xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>This is a sample document</note>
  <elem a="foo">
    <child/>
  </elem>
  <elem a="bar">
    <z:child/>
  </elem>
</doc>"#;
    let diff = r#"<?xml version="1.0" encoding="UTF-8"?>
<p:diff xmlns="urn:ietf:params:xml:ns:xxx"
        xmlns:y="urn:ietf:params:xml:ns:yyy"
        xmlns:p="urn:ietf:params:xml:ns:diff">
<p:add sel="doc/elem[@a='foo']">  <!-- This is a new child -->
    <child id="ert4773">
      <y:node/>
    </child>
  </p:add>
<p:replace sel="doc/note/text()">Patched doc</p:replace>
<p:remove sel="*/elem[@a='bar']/y:child" ws="both"/>
<p:add sel="*/elem[@a='bar']" type="@b">new attr</p:add>
</p:diff>"#;
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<doc xmlns="urn:ietf:params:xml:ns:xxx"
     xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>Patched doc</note>
  <elem a="foo">
    <child/>
    <!-- This is a new child -->
    <child id="ert4773">
      <z:node/>
    </child>
  </elem>
  <elem a="bar" b="new attr"/>
</doc>"#;
    let got = patched(target, diff).unwrap();
    assert!(got.contains("<z:node/>"), "{got}");
    assert!(are_equivalent(&got, expected), "{got}");
}

fn are_equivalent(left: &str, right: &str) -> bool {
    let read = |text| Tree::read(text, &xml::Limits::NONE).expect("a document");
    equivalent(read(left.as_bytes()).document(), read(right.as_bytes()).document())
}

#[test]
fn prefixes_are_chosen_by_the_three_rules() {
    let result = |declarations: &str, content: &str| {
        let target = format!("<c:r xmlns:c='urn:c' {declarations}/>");
        let diff =
            format!("<d xmlns:xx='urn:n' xmlns:c='urn:c' xmlns:a='urn:n'><add sel='c:r'>{content}</add></d>");
        let got = patched(&target, &diff)?;
        Ok::<_, PatchError>(got.split_once('>').unwrap().1.replace("</c:r>", ""))
    };
    let several = "xmlns:x='urn:n' xmlns:y='urn:n'";
    assert_eq!(result("xmlns:q='urn:n'", "<a:b a:at=''/>").unwrap(), "<q:b q:at=''/>", "another prefix");
    assert_eq!(result("xmlns:a='urn:n' xmlns:b='urn:n'", "<a:b/>").unwrap(), "<a:b/>", "the same prefix");
    assert_eq!(result("xmlns='urn:c'", "<c:b/>").unwrap(), "<c:b/>");
    assert_eq!(result("xmlns='urn:n'", "<a:b><a:c/></a:b>").unwrap(), "<b><c/></b>", "the default namespace");
    assert_eq!(result(several, "<xx:b/>").unwrap(), "<x:b/>", "the one just before");
    assert_eq!(result(several, "<a:b/>").unwrap(), "<x:b/>", "the first, if none is before");
    assert_eq!(
        result("xmlns='urn:n' xmlns:y='urn:n'", "<a:b a:c=''/>").unwrap(),
        "<b y:c=''/>",
        "not for attributes"
    );
    assert_eq!(
        result("", "<l:b xmlns:l='urn:l'><l:c xmlns='urn:m'><e/></l:c></l:b>").unwrap(),
        "<l:b xmlns:l='urn:l'><l:c xmlns='urn:m'><e/></l:c></l:b>"
    );
    let reason = |declarations, content| result(declarations, content).unwrap_err().reason;
    assert_eq!(reason("", "<a:b/>"), Reason::InvalidNamespaceUri("urn:n".into()), "not declared");
    assert_eq!(
        reason("xmlns='urn:n'", "<b/>"),
        Reason::InvalidNamespaceUri(String::new()),
        "none cannot be written"
    );
    assert_eq!(
        reason("xmlns:q='urn:n'", "<a:b xmlns:q='urn:o'/>"),
        Reason::InvalidNamespacePrefix("q".into()),
        "hidden"
    );
    // The prefix of the context is the second choice.
    let got = patched(
        "<q:r xmlns:b='urn:n' xmlns:q='urn:n'/>",
        "<d xmlns:c='urn:n'><add sel='c:r'><c:n/></add></d>",
    );
    assert!(got.unwrap().contains("<q:n/>"));
}

#[test]
fn each_failure_has_its_reason() {
    let target = "<r a='1' xmlns:p='urn:p' p:b='2'>t<e/><e/>u<!--c--><?i d?> <f x='y'>v<g>w</g></f> </r>";
    let cases: &[(&str, &str)] = &[
        ("<remove sel='r/nothing'/>", "unlocated-node"),
        ("<remove sel='r/e'/>", "unlocated-node"),
        ("<remove sel='r/e[3]'/>", "unlocated-node"),
        ("<remove sel='r/e[0]'/>", "unlocated-node"),
        ("<remove sel='id(\"none\")'/>", "unlocated-node"),
        ("<remove sel='r/@none'/>", "unlocated-node"),
        ("<remove sel=''/>", "invalid-attribute-value"),
        ("<remove sel='r//e'/>", "invalid-attribute-value"),
        ("<remove sel='r/e[last()]'/>", "invalid-attribute-value"),
        ("<remove sel='r/e['/>", "invalid-attribute-value"),
        ("<remove sel='r/e[@a=b]'/>", "invalid-attribute-value"),
        ("<remove sel='r/text()[x]'/>", "invalid-attribute-value"),
        ("<remove sel='id(r)'/>", "invalid-attribute-value"),
        ("<remove/>", "invalid-attribute-value"),
        ("<remove sel='r/e[1]' ws='all'/>", "invalid-attribute-value"),
        ("<remove sel='r/@a' ws='both'/>", "invalid-attribute-value"),
        ("<remove sel='r/text()[1]' ws='both'/>", "invalid-attribute-value"),
        ("<add sel='r' pos='inside'/>", "invalid-attribute-value"),
        ("<add sel='r' type='attribute'/>", "invalid-attribute-value"),
        ("<add sel='r' type='@n' pos='before'/>", "invalid-attribute-value"),
        ("<add sel='r' type='@n'><![CDATA[x]]></add>", "invalid-attribute-value"),
        ("<add sel='r' type='@n'><x/></add>", "invalid-attribute-value"),
        ("<add sel='r/@a' pos='before'>x</add>", "invalid-attribute-value"),
        ("<remove sel='q:r'/>", "invalid-namespace-prefix"),
        ("<add sel='r' type='@q:n'>x</add>", "invalid-namespace-prefix"),
        ("<add sel='r' type='namespace::p'>urn:x</add>", "invalid-namespace-prefix"),
        ("<add sel='r' type='namespace::xmlns'>urn:x</add>", "invalid-namespace-prefix"),
        ("<remove sel='r/namespace::p'/>", "invalid-namespace-prefix"),
        ("<add sel='r' type='namespace::n'/>", "invalid-namespace-uri"),
        ("<replace sel='r/namespace::p'/>", "invalid-namespace-uri"),
        ("<replace sel='r/e[1]'>text</replace>", "invalid-node-types"),
        ("<replace sel='r/e[1]'><a/><b/></replace>", "invalid-node-types"),
        ("<replace sel='r/e[1]'/>", "invalid-node-types"),
        ("<replace sel='r/comment()'><?i?></replace>", "invalid-node-types"),
        ("<replace sel='r/text()[1]'><a/></replace>", "invalid-node-types"),
        ("<move sel='r'/>", "invalid-patch-directive"),
        ("<add sel='r' type='@a'>x</add>", "invalid-patch-directive"),
        ("<add sel='r/comment()'>x</add>", "invalid-patch-directive"),
        ("<remove sel='r'/>", "invalid-root-element-operation"),
        ("<add sel='r' pos='after'><s/></add>", "invalid-root-element-operation"),
        ("<add sel='r' pos='after'>text</add>", "invalid-xml-prolog-operation"),
        ("<remove sel='r/e[1]' ws='before'/>", "invalid-whitespace-directive"),
        ("<remove sel='r/e[1]' ws='after'/>", "invalid-whitespace-directive"),
        ("<remove sel='r/comment()' ws='both'/>", "invalid-whitespace-directive"),
    ];
    for (operation, element) in cases {
        let error = patched(target, &format!("<d>{operation}</d>")).expect_err(operation);
        assert_eq!(error.reason.element(), *element, "{operation}: {error}");
    }
}

#[test]
fn other_operations_come_out_as_meant() {
    let target = "<r a='1' xmlns:p='urn:p'>t<e/><e n='2'/>u<!--c--><?i d?> <f x='y'>v<g>w</g></f> </r>";
    let cases: &[(&str, &str, &str)] = &[
        ("<add sel='r/e[1]'>x</add>", "<e/>", "<e>x</e>"),
        ("<add sel='r/e[1]' pos='prepend'>x</add>", "<e/>", "<e>x</e>"),
        ("<add sel='/r/e[2]' type='@m'>&lt;\"</add>", "<e n='2'/>", "<e n='2' m=\"&lt;&quot;\"/>"),
        ("<replace sel='r/e[@n=\"2\"]/@n'>it's</replace>", "n='2'", "n='it&apos;s'"),
        ("<replace sel='r/e[@n]/@n'>3</replace>", "", "!"),
        ("<replace sel='*/*[2]/@n'/>", "n='2'", "n=''"),
        ("<add sel='r/f' pos='prepend'><h/></add>", "'y'>v", "'y'><h/>v"),
        ("<remove sel='r/f[g=\"w\"]' ws='both'/>", " <f x='y'>v<g>w</g></f> ", ""),
        ("<remove sel=\"r/f[.='vw']/g\"/>", "<g>w</g>", ""),
        ("<remove sel='r/*[3][@x=\"y\"]/g[.=\"w\"]'/>", "<g>w</g>", ""),
        ("<remove sel='r/*[@x=\"y\"][1]/g'/>", "<g>w</g>", ""),
        ("<add sel='r/text()[2]' pos='before'>x</add>", "u<!", "xu<!"),
        ("<add sel='r/text()[1]' pos='after'><![CDATA[x]]></add>", ">t<e", ">t<![CDATA[x]]><e"),
        ("<replace sel='r/text()[1]'/>", ">t<e", "><e"),
        ("<replace sel='r/processing-instruction()'><?j?></replace>", "<?i d?>", "<?j?>"),
        ("<remove sel='r/processing-instruction(\"i\")[1]'/>", "<?i d?>", ""),
        ("<remove sel='r/namespace::p'/>", " xmlns:p='urn:p'", ""),
        ("<add sel='r' pos='before'><!--c--></add>", "<r", "<!--c--><r"),
        ("<add sel='r' pos='after'>\n<?i?></add>", "</r>", "</r>\n<?i?>"),
        ("<add xmlns:q='urn:p' sel='r' type='@q:n'>x</add>", "'urn:p'>", "'urn:p' p:n=\"x\">"),
        ("<replace sel='r'><s/></replace>", target, "<s/>"),
    ];
    for (operation, from, to) in cases {
        let got = patched(target, &format!("<d>{operation}</d>"));
        if *to == "!" {
            assert!(got.is_err(), "{operation}");
        } else {
            assert_eq!(got, Ok(target.replacen(from, to, 1)), "{operation}");
        }
    }
    let with_id = "<r><e xml:id='x'><f/></e></r>";
    assert_eq!(patched(with_id, "<d><remove sel='id(\"x\")/f'/></d>").unwrap(), "<r><e xml:id='x'></e></r>");
    assert_eq!(patched(with_id, "<d><remove sel='id(\"x\")'/></d>").unwrap(), "<r></r>");
}

#[test]
fn limits_are_refused_at_the_operation_that_exceeds_them() {
    let diff = "<d><add sel='r'><a/></add><add sel='r'><a/></add></d>";
    let operations = operations(diff).unwrap();
    let limits = Limits { operations: 2, ..Limits::default() };
    assert!(apply(b"<r/>", &operations, &limits).is_ok());
    let limits = Limits { operations: 1, ..Limits::default() };
    let refused = apply(b"<r/>", &operations, &limits);
    assert_eq!(refused, Err(PatchError { operation: 1, reason: Reason::TooManyOperations }));
    let limits = Limits { selector: 0, ..Limits::default() };
    let refused = apply(b"<r/>", &operations, &limits);
    assert_eq!(refused, Err(PatchError { operation: 0, reason: Reason::SelectorTooLong }));
    let document = xml::Limits { nodes: 2, ..xml::Limits::default() };
    let refused = apply(b"<r/>", &operations, &Limits { document, ..Limits::default() }).unwrap_err();
    assert!(matches!(refused.reason, Reason::Document(error) if error.is_limit()), "{refused}");
}

/// Applies the difference after it has been through a diff document.
fn through_a_document(old: &str, new: &str) -> Option<(Vec<Operation>, String)> {
    let limits = Limits::default();
    let read = |text| Tree::read(text, &limits.document).expect("a document");
    let (old_tree, new_tree) = (read(old.as_bytes()), read(new.as_bytes()));
    let operations = diff(&old_tree, &new_tree, &limits)?;
    let mut document = b"<d:diff xmlns:d='urn:diff' xmlns='urn:other'>".to_vec();
    operations.iter().for_each(|operation| operation.push(&mut document, "d", "urn:diff"));
    document.extend_from_slice(b"</d:diff>");
    let tree = Tree::read(&document, &xml::Limits::NONE).expect("a diff document");
    let elements = tree.root().elements();
    let again: Vec<_> = elements
        .inspect(|element| assert_eq!(element.name().namespace, "urn:diff"))
        .map(|element| Operation::read(element).expect("an operation"))
        .collect();
    let patched = apply(old.as_bytes(), &again, &limits).expect("a patch");
    Some((operations, String::from_utf8(patched).expect("text")))
}

#[test]
fn small_changes_are_small_differences() {
    let lists = |inner: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<l xmlns=\"urn:l\" xmlns:d=\"urn:d\">\n <list name=\"a\">\n{inner} </list>\n</l>\n"
        )
    };
    let entries = |uris: &[&str]| {
        lists(
            &uris
                .iter()
                .map(|uri| format!("  <entry uri=\"{uri}\"><d:name>{uri}</d:name></entry>\n"))
                .collect::<String>(),
        )
    };
    let old = entries(&["1", "2", "3", "4", "5"]);
    let cases = [
        ("one more at the end", entries(&["1", "2", "3", "4", "5", "6"])),
        ("one more within", entries(&["1", "2", "2b", "3", "4", "5"])),
        ("one more in front", entries(&["0", "1", "2", "3", "4", "5"])),
        ("one less", entries(&["1", "2", "4", "5"])),
        ("the first less", entries(&["2", "3", "4", "5"])),
        ("the last less", entries(&["1", "2", "3", "4"])),
        (
            "as after PUT",
            old.replace("\n </list>", "\n <entry uri=\"6\"/></list>")
                .replace("  <entry uri=\"6", "<entry uri=\"6"),
        ),
        ("as after DELETE", old.replace("<entry uri=\"3\"><d:name>3</d:name></entry>", "")),
        ("another text", old.replace("<d:name>3", "<d:name>three")),
        ("another attribute", old.replace("uri=\"3\"", "uri=\"three\"")),
        ("one attribute more", old.replace("uri=\"3\"", "uri=\"3\" x=\"y&amp;z\"")),
        ("one attribute less", old.replace("<list name=\"a\"", "<list")),
        ("a declaration more", old.replace("xmlns:d=\"urn:d\"", "xmlns:d=\"urn:d\" xmlns:e=\"urn:e\"")),
        ("a comment", old.replace(" </list>", " <!-- c --></list>")),
        ("a list more", old.replace("</list>\n", "</list><list name=\"b\"/>\n")),
        ("two changes", old.replace("<d:name>2", "<d:name>two").replace("<d:name>4", "<d:name>four")),
    ];
    for (what, new) in cases {
        assert_ne!(old, new, "{what}");
        let (operations, patched) = through_a_document(&old, &new).expect(what);
        assert_eq!(patched, new, "{what}");
        assert!(operations.len() <= 2, "{what}: {operations:?}");
        let sent: usize = operations.iter().map(|operation| operation.content.len()).sum();
        assert!(sent < 80, "{what}: {operations:?}");
    }
    let (operations, _) = through_a_document(&old, &old).unwrap();
    assert_eq!(operations, []);
}

#[test]
fn what_cannot_be_said_in_operations_is_not_said() {
    for (old, new) in
        [("<r/>", "<?xml version='1.0'?><r/>"), ("<r/>", "<r/>\n"), ("<!--a--><r/>", "<!--b--><r/>")]
    {
        assert_eq!(through_a_document(old, new), None, "{new}");
    }
    for (old, new) in
        [("<r></r>", "<r/>"), ("<r a='1'/>", "<r  a='1'/>"), ("<r xmlns='urn:a'/>", "<r xmlns='urn:b'/>")]
    {
        let (operations, patched) = through_a_document(old, new).unwrap();
        assert_eq!((operations.len(), &*patched), (1, new));
    }
}

/// A small document, with namespaces that come and go.
fn document() -> impl Strategy<Value = String> {
    let name = select(vec!["a", "b", "p:a", "p:b"]);
    let text = select(vec!["", "x", " ", "\n ", "y&lt;", "<![CDATA[z]]>", "<!--c-->", "<?i d?>"]);
    let attributes = select(vec![
        "",
        " n='1'",
        " n='2'",
        " n=\"1\" m='3'",
        " p:n=' 1'",
        " xmlns:q='urn:q'",
        " xmlns='urn:d'",
        " xmlns=''",
        " xmlns:p='urn:p'",
        "  n='1' ",
    ]);
    let leaf =
        (name.clone(), attributes.clone(), text.clone()).prop_map(|(name, attributes, text)| match text {
            "" => format!("<{name}{attributes}/>"),
            text => format!("<{name}{attributes}>{text}</{name}>"),
        });
    let inner = leaf.prop_recursive(3, 20, 4, move |inner| {
        let children = prop::collection::vec((text.clone(), inner), 0..4);
        (name.clone(), attributes.clone(), children).prop_map(|(name, attributes, children)| {
            let children: String =
                children.into_iter().map(|(text, child)| format!("{text}{child}")).collect();
            format!("<{name}{attributes}>{children}</{name}>")
        })
    });
    prop::collection::vec(inner, 0..4).prop_map(|inner| format!("<r xmlns:p='urn:p'>{}</r>", inner.concat()))
}

/// A document, and it again after pieces have been taken out, doubled or swapped.
fn changed() -> impl Strategy<Value = (String, String)> {
    (document(), document(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8).prop_map(
        |(document, other, from, to, kind)| {
            let changed = {
                let tree = Tree::read(document.as_bytes(), &xml::Limits::NONE).expect("a document");
                let others = Tree::read(other.as_bytes(), &xml::Limits::NONE).expect("a document");
                let from = tree.document().descendants().nth(1 + from.index(tree.len() - 1)).expect("a node");
                let to = others.document().descendants().nth(1 + to.index(others.len() - 1)).expect("a node");
                let twice = [from.source(), from.source()].concat();
                let by = match kind {
                    0 => "",
                    1 => &*twice,
                    2 => to.source(),
                    _ => "<a>new</a>",
                };
                String::from_utf8(tree.splice(from.span(), &[by.as_bytes()])).expect("text")
            };
            (document, changed)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_difference_gives_the_new_document(old in document(), new in document()) {
        let (_, patched) = through_a_document(&old, &new).expect("nothing stands outside the root");
        prop_assert_eq!(patched, new);
    }

    #[test]
    fn a_difference_of_a_small_change_gives_the_new_document((old, new) in changed()) {
        prop_assume!(Tree::read(new.as_bytes(), &xml::Limits::default()).is_ok());
        if let Some((_, patched)) = through_a_document(&old, &new) {
            prop_assert_eq!(patched, new);
        }
    }

    #[test]
    fn no_selector_does_harm(selector in "[/*a-c@\\[\\]='\"0-9().:]{0,24}") {
        let operation = Operation {
            action: xml::patch::Action::Replace,
            selector,
            content: "x".into(),
            scope: Vec::new(),
        };
        let _ = apply(b"<a b='c'><b>c</b></a>", &[operation], &Limits::default());
    }
}
