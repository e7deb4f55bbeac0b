//! The grammars beside the schemas that their standards print, on examples and changes of them.
//!
//! The published schemas are not ours to ship, so this needs a folder of them: set `ROLLCALL_SCHEMAS` to one that has
//! `ietf/` and `found/` as `schemas.rs` names their files. Without it nothing is compared, and the test says so.

mod changes;
mod schemas;

use std::fs;
use std::path::{Path, PathBuf};

use xml::schema::{check, check_put, check_tree};
use xml::{Graft, Limits, Node, Seat, Tree};
use xsd_schema::SchemaSetBuilder;
use xsd_schema::validation::{ErrorOnlySink, SchemaValidator, ValidationFlags, drive_quick_xml};

use schemas::{VOCABULARIES, Vocabulary};

#[test]
fn our_grammars_judge_as_the_published_schemas_do() {
    let Some(folder) = std::env::var_os("ROLLCALL_SCHEMAS").map(PathBuf::from) else {
        eprintln!("skipped: ROLLCALL_SCHEMAS names no folder of published schemas");
        return;
    };
    let scratch = tempfile::tempdir().expect("there is room for files");
    schemas::prepare(&folder, scratch.path());
    let mut differences = Vec::new();
    for vocabulary in VOCABULARIES {
        let documents = documents(vocabulary);
        let judged = judge(vocabulary, &documents, scratch.path());
        let mut valid = 0;
        for (document, theirs) in documents.iter().zip(judged) {
            let ours = check(document.text.as_bytes(), vocabulary.grammar, &Limits::default());
            valid += usize::from(theirs.is_none());
            if ours.is_ok() != theirs.is_none() {
                let ours = ours.err().map_or("valid".to_owned(), |refused| refused.to_string());
                let theirs = theirs.unwrap_or_else(|| "valid".to_owned());
                differences.push(format!(
                    "{}\n  ours: {ours}\n  theirs: {theirs}\n{}",
                    document.name, document.text
                ));
            }
        }
        eprintln!("{}: {} documents compared, {valid} of them valid", vocabulary.folder, documents.len());
        assert!((1..documents.len()).contains(&valid), "both kinds are there");
    }
    let shown: Vec<_> = differences.iter().take(20).map(String::as_str).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), shown.join("\n\n"));
}

/// Every element of every example, with each of many elements put before it, behind it, within it and in its place.
#[test]
fn what_is_put_is_judged_as_if_all_of_it_was_looked_at() {
    let limits = Limits::default();
    for vocabulary in VOCABULARIES {
        let (mut taken, mut refused) = (0, 0);
        for text in examples(vocabulary).into_iter().map(|(_, text)| text) {
            let Ok(tree) = Tree::read(text.as_bytes(), &limits) else { continue };
            if check_tree(&tree, vocabulary.grammar).is_err() {
                continue;
            }
            let elements: Vec<_> = tree.document().descendants().filter_map(Node::element).collect();
            let seats = elements.iter().flat_map(|&element| {
                let beside = [Seat::Before(element), Seat::After(element)].into_iter();
                let beside = beside.filter(move |_| element.parent().is_some());
                [(Seat::Instead(element), element.parent()), (Seat::Last(element), Some(element))]
                    .into_iter()
                    .chain(beside.map(move |seat| (seat, element.parent())))
            });
            for (number, (seat, parent)) in seats.enumerate() {
                let some = elements.iter().skip(number % 5).step_by(5).map(|element| element.node().source());
                for source in some.chain(changes::FRAGMENTS) {
                    let Ok(fragment) = Tree::fragment(source.as_bytes(), parent, &limits) else { continue };
                    let (put, at) =
                        Graft::new(seat, fragment).read(&Limits::NONE).expect("it is well-formed");
                    let element = put.document().descendants().nth(at).and_then(Node::element);
                    let judged = check_put(element.expect("it was put there"), vocabulary.grammar);
                    assert_eq!(judged, check_tree(&put, vocabulary.grammar), "{}", put.text());
                    if judged.is_ok() { taken += 1 } else { refused += 1 }
                }
            }
        }
        assert!(taken > 0 && refused > 0, "{}: {taken} taken, {refused} refused", vocabulary.folder);
    }
}

/// An example, or one that was changed.
struct Document {
    name: String,
    text: String,
}

/// The examples of a vocabulary and their changes. Those that are not well-formed are no matter of schemas.
fn documents(vocabulary: &Vocabulary) -> Vec<Document> {
    let mut documents = Vec::new();
    for (name, text) in examples(vocabulary) {
        for (number, text) in changes::of(&text).into_iter().enumerate() {
            documents.push(Document { name: format!("{name}-{number}"), text });
        }
    }
    documents
}

/// The examples by the names of their files.
fn examples(vocabulary: &Vocabulary) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(vocabulary.folder);
    let files = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    let example = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("it is an example");
        (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text)
    };
    paths.into_iter().map(example).collect()
}

/// What a validator of XML Schema says of each document: nothing if it is valid, or its complaint.
fn judge(vocabulary: &Vocabulary, documents: &[Document], scratch: &Path) -> Vec<Option<String>> {
    let driver = schemas::driver(vocabulary, scratch);
    let mut builder = SchemaSetBuilder::new();
    builder.try_add(driver.to_str().expect("scratch folders are UTF-8")).expect("the schemas can be read");
    let schemas = builder.compile().expect("the schemas are right").into_schema_set();
    assert_eq!(schemas.directive_failures().len(), 0, "{:?}", schemas.directive_failures());
    let validator = SchemaValidator::new(&schemas, ValidationFlags::default());
    let judged = documents.iter().map(|document| {
        let mut errors = Vec::new();
        let mut run = validator.start_run(ErrorOnlySink { errors: &mut errors });
        let driven = drive_quick_xml(document.text.as_bytes(), &mut run, &schemas);
        drop(run);
        match driven {
            Err(error) => Some(error.to_string()),
            Ok(_) => errors.first().map(|error| format!("{error:?}")),
        }
    });
    judged.collect()
}
