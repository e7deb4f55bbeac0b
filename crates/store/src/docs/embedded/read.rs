//! Reading a document: its place from the index, its bytes from the cache or with one read of the disk.

use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::DocumentSelector;

use super::frame::{self, Stored};
use super::index::Place;
use super::log::{Shared, damage, unavailable};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};
use crate::docs::Doc;

impl<D: Disk> Shared<D> {
    /// The document as it is now. The index is locked for the look-up alone; a file stays readable while it is held.
    pub(crate) fn get(&self, document: &DocumentSelector) -> Result<Option<Doc>, StoreError> {
        let state = self.read();
        let Some(entry) = state.index.get(&document.tree, &document.auid, &document.name) else {
            return Ok(None);
        };
        let place = entry.place;
        let (etag, mime) = (entry.etag.clone(), entry.mime.clone());
        let modified = Timestamp::from_secs(entry.at);
        if let Some(body) = self.cache().get(&place) {
            return Ok(Some(Doc { etag, mime, body, modified }));
        }
        let segment = state.segment(place.segment).expect("a document stands in a segment");
        let file = Arc::clone(&segment.file);
        drop(state);
        let body = read_body(&*file, place, document)?;
        self.cache().put(place, Arc::clone(&body), body.len());
        Ok(Some(Doc { etag, mime, body, modified }))
    }
}

/// The bytes of a document, from its record, which must be its own and whole.
pub(crate) fn read_body<F: DiskFile>(
    file: &F,
    place: Place,
    document: &DocumentSelector,
) -> Result<Arc<[u8]>, StoreError> {
    let mut bytes = vec![0; place.length as usize];
    file.read(u64::from(place.offset), &mut bytes).map_err(|_| unavailable())?;
    let is_its = |stored: &Stored<'_>| {
        let record = &stored.record;
        *record.auid == *document.auid && *record.name == *document.name && record.tree() == document.tree
    };
    let body = frame::read_record(&bytes).filter(is_its).and_then(|stored| stored.document());
    body.ok_or_else(|| StoreError::Corrupt(unreadable(place)))
}

/// That the document whose record stands there cannot be read.
pub(crate) fn unreadable(place: Place) -> String {
    damage(place.segment, place.offset, "the checksum of a document does not match")
}
