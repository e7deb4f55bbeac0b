//! Writes that come while a sync is under way: the sync answers for what was there before it, and for no more.
#![expect(clippy::unwrap_used, reason = "a failure ends the test, which is what it is for")]

use std::io;
use std::sync::{Arc, Mutex};

use node::RowChange;
use store::disk::{Disk, DiskFile, SimDisk, SimFile, SimLock, Tail};
use store::suite::{contents, key, row};
use store::{Durability, EmbeddedLog, Options, ready};

type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// A simulated disk that lets something happen at the end of the next sync, before the caller hears of it.
struct SlowDisk {
    disk: SimDisk,
    meanwhile: Meanwhile,
}

struct SlowFile {
    file: SimFile,
    meanwhile: Meanwhile,
}

impl SlowDisk {
    fn slow(&self, file: SimFile) -> SlowFile {
        SlowFile { file, meanwhile: Arc::clone(&self.meanwhile) }
    }
}

impl Disk for SlowDisk {
    type File = SlowFile;
    type Lock = SimLock;

    fn lock(&self) -> io::Result<SimLock> {
        self.disk.lock()
    }

    fn create(&self, name: &str) -> io::Result<SlowFile> {
        Ok(self.slow(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<SlowFile> {
        Ok(self.slow(self.disk.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.sync_names()
    }
}

impl DiskFile for SlowFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write(offset, bytes)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, buffer)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()?;
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(act) = meanwhile {
            act();
        }
        Ok(())
    }
}

#[test]
fn what_replaces_a_row_is_on_disk_before_the_row_goes() {
    let mut retired = 0;
    for writes in 1..40_u64 {
        let disk = SimDisk::new(writes);
        let meanwhile = Meanwhile::default();
        let options = Options { segment_bytes: 4096, commit_interval: None, ..Options::default() };
        let slow = SlowDisk { disk: disk.clone(), meanwhile: Arc::clone(&meanwhile) };
        let log = Arc::new(EmbeddedLog::open_on(slow, options.clone()).unwrap());
        let fence = log.claim_now().unwrap();
        let put = |version| [RowChange::Put(row(key(1, 1), version, 400))];
        log.write_now(fence, &put(1), Durability::Buffered).unwrap();

        let writer = Arc::clone(&log);
        *meanwhile.lock().unwrap() = Some(Box::new(move || {
            (2..2 + writes)
                .for_each(|version| writer.write_now(fence, &put(version), Durability::Buffered).unwrap());
        }));
        log.flush().unwrap(); // the writes come while it waits
        let stats = log.stats();
        assert!(stats.unsynced_bytes > 0, "the sync did not answer for what came after it");
        retired = retired.max(stats.segments);

        let after = EmbeddedLog::open_on(disk.restart(Tail::Lost), options).unwrap();
        assert_eq!(ready(contents(&after)).len(), 1, "the row is lost after {writes} writes");
    }
    assert!(retired > 1, "obsolete segments wait for the next sync");
}
