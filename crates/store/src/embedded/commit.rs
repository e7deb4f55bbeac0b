//! Group commit: one sync for everything appended so far, whoever asks, and the thread that asks regularly.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::log::{Broken, Shared};
use crate::StoreError;
use crate::disk::{Disk, DiskFile};

impl<D: Disk> Shared<D> {
    /// Returns when everything up to `position` is on disk. Callers that come together share one sync.
    ///
    /// A sync that fails breaks the log: the kernel may have dropped what it could not write, and a second sync
    /// would succeed without it.
    pub(crate) fn sync_to(&self, position: u64) -> Result<(), StoreError> {
        let mut state = self.state();
        loop {
            if state.synced >= position {
                return Ok(());
            }
            if matches!(state.broken, Some(Broken::Disk(_))) {
                return Err(StoreError::Unknown); // it was appended, and nobody knows what became of it
            }
            if state.syncing {
                state = self.changed.wait(state).expect("nothing panics while it holds the log");
                continue;
            }
            state.syncing = true;
            let (file, number) = (Arc::clone(&state.head().file), state.head().number);
            let (length, appended) = (state.head().length, state.appended);
            drop(state);
            let outcome = file.sync();
            state = self.state();
            state.syncing = false;
            match outcome {
                Ok(()) => {
                    state.synced = state.synced.max(appended);
                    if state.head().number == number {
                        state.head_synced = state.head_synced.max(length);
                    }
                    self.changed.notify_all();
                }
                Err(error) => self.break_down(&mut state, "a sync failed", &error),
            }
        }
    }

    /// One group commit: the compaction that is due, one sync, and the removal of what has become obsolete.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let compacted = self.compact_round();
        let appended = {
            let state = self.state();
            match &state.broken {
                Some(broken @ Broken::Disk(_)) => return Err(broken.error()),
                // Damage in an old segment is no reason to lose what is new.
                Some(Broken::Corrupt(_)) | None => state.appended,
            }
        };
        self.sync_to(appended)?;
        self.remove_retired();
        compacted
    }
}

/// Starts the thread that commits at most every `interval`, while there is something to commit.
pub(crate) fn start<D: Disk>(shared: &Arc<Shared<D>>, interval: Duration) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("soft-log".into()).spawn(move || run(&shared, interval))
}

fn run<D: Disk>(shared: &Shared<D>, interval: Duration) {
    loop {
        let state = shared.state();
        let idle = shared.changed.wait_while(state, |state| {
            !state.stop && !state.is_given_up() && state.is_clean(&shared.options)
        });
        let state = idle.expect("nothing panics while it holds the log");
        let waited = shared.changed.wait_timeout_while(state, interval, |state| !state.stop);
        let (state, _) = waited.expect("nothing panics while it holds the log");
        if state.stop || state.is_given_up() {
            return;
        }
        drop(state);
        // An error has broken the log, and every caller will hear of it.
        let _ = shared.flush();
    }
}
