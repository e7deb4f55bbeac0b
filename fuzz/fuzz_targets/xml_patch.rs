//! Two documents: the difference between them gives the second; and the second as a patch of the first.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xml::Tree;
use xml::patch::{Limits, Operation, apply, diff};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let (Some(first), Some(second)) = (parts.next(), parts.next()) else { return };
    let limits = Limits::default();
    let Ok(old) = Tree::read(first, &limits.document) else { return };
    let Ok(new) = Tree::read(second, &limits.document) else { return };
    let patch: Vec<_> = new.root().elements().filter_map(|element| Operation::read(element).ok()).collect();
    if let Ok(patched) = apply(first, &patch, &limits) {
        assert!(Tree::read(&patched, &limits.document).is_ok());
    }
    let Some(operations) = diff(&old, &new, &limits) else { return };
    let mut printed = b"<d:diff xmlns:d='urn:diff' xmlns='urn:other'>".to_vec();
    operations.iter().for_each(|operation| operation.push(&mut printed, "d", "urn:diff"));
    printed.extend_from_slice(b"</d:diff>");
    let printed = Tree::read(&printed, &xml::Limits::NONE).expect("it was printed");
    let again: Result<Vec<_>, _> = printed.root().elements().map(Operation::read).collect();
    let patched = apply(first, &again.expect("it was printed"), &limits).expect("it was tried");
    assert_eq!(patched, second);
});
