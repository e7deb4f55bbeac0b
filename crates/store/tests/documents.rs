//! The common suite for documents, against every engine.

use store::MemoryDocs;
use store::docs::suite::{self, Subject};
use store::docs::wait;

struct InMemory;

impl Subject for InMemory {
    type Docs = MemoryDocs;

    fn empty(&mut self) -> MemoryDocs {
        MemoryDocs::default()
    }

    fn again(&mut self, _: MemoryDocs) -> Option<MemoryDocs> {
        None
    }
}

#[test]
fn the_memory_engine_passes_the_suite() {
    wait(suite::run(&mut InMemory));
}
