//! Two lines of text as URIs: printing, comparison, canonical name and hash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Aor, Uri, aor_hash};

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    let hash = aor_hash(first);
    let aor = Aor::parse(first).ok();
    assert_eq!(hash, aor.as_ref().map(Aor::stable_hash));
    if let Some(aor) = aor {
        assert_eq!(Aor::parse(aor.as_str()).as_ref(), Ok(&aor));
        let _ = (aor.user(), aor.domain());
    }
    let (Ok(a), Ok(b)) = (Uri::parse(first), Uri::parse(second)) else { return };
    let printed = a.to_string();
    assert_eq!(Uri::parse(&printed).expect("printed").to_string(), printed);
    assert!(
        a.equivalent(&a) || first.matches(';').count() > 1,
        "a parameter given twice may differ from itself"
    );
    assert_eq!(a.equivalent(&b), b.equivalent(&a));
});
