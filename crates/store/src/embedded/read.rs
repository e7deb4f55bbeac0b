//! Loading: the places of the wanted rows, in order, then the files in long reads.

use std::sync::Arc;

use node::{Partition, Row};

use super::frame;
use super::index::Place;
use super::log::{Shared, segment_name, unavailable};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};

/// The longest single read, in bytes, unless one record is longer.
const WINDOW: u32 = 1 << 20;
/// Rows further apart than this are read separately.
const GAP: u32 = 16 << 10;

/// A file and what is wanted of it.
struct Wanted<F> {
    number: u32,
    file: Arc<F>,
    /// Offset and length of records, in order of offset.
    places: Vec<(u32, u32)>,
}

impl<D: Disk> Shared<D> {
    /// Hands the rows of the wanted partitions to `sink`, as they are now, in the order of the log. The log is locked
    /// only while the places are collected; the files stay readable while they are held open.
    pub(crate) fn read_rows(
        &self,
        wanted: impl Fn(Partition) -> bool,
        sink: &mut (dyn FnMut(Row) + Send),
    ) -> Result<u64, StoreError> {
        let mut window = Vec::new();
        let mut count = 0;
        for mut part in self.collect(wanted) {
            part.places.sort_unstable();
            let mut places = &part.places[..];
            while let Some(run) = next_run(places) {
                let (stretch, rest) = places.split_at(run);
                read_stretch(&part, stretch, &mut window, sink)?;
                count += run as u64;
                places = rest;
            }
        }
        Ok(count)
    }

    fn collect(&self, wanted: impl Fn(Partition) -> bool) -> Vec<Wanted<D::File>> {
        let state = self.state();
        let mut parts: Vec<_> = state
            .segments
            .iter()
            .map(|segment| Wanted {
                number: segment.number,
                file: Arc::clone(&segment.file),
                places: Vec::new(),
            })
            .collect();
        for (partition, place) in state.index.rows() {
            if wanted(partition) {
                let Place { offset, length, .. } = place;
                parts[state.position(place.segment)].places.push((offset, length));
            }
        }
        parts
    }
}

/// How many of the next places one read takes.
fn next_run(places: &[(u32, u32)]) -> Option<usize> {
    let (start, length) = *places.first()?;
    let mut end = start + length;
    let taken = places[1..].iter().take_while(|(offset, length)| {
        let near = offset - end <= GAP && offset + length - start <= WINDOW;
        end = offset + length;
        near
    });
    Some(1 + taken.count())
}

fn read_stretch<F: DiskFile>(
    part: &Wanted<F>,
    stretch: &[(u32, u32)],
    window: &mut Vec<u8>,
    sink: &mut (dyn FnMut(Row) + Send),
) -> Result<(), StoreError> {
    let (Some((start, _)), Some((last, length))) = (stretch.first(), stretch.last()) else { return Ok(()) };
    window.resize((last + length - start) as usize, 0);
    part.file.read(u64::from(*start), window).map_err(|_| unavailable())?;
    for (offset, _) in stretch {
        let Some(record) = frame::read_record(&window[(offset - start) as usize..]) else {
            let what = "the checksum does not match";
            return Err(StoreError::Corrupt(format!("{} at {offset}: {what}", segment_name(part.number))));
        };
        sink(record.row());
    }
    Ok(())
}
