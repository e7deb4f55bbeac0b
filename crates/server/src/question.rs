//! A question to the shard of a presentity, and the way back for its answer.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use sip::Aor;
use tokio::sync::oneshot;

/// A shard that does not answer for so long is too busy to be asked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A question that is answered once, with a `T`.
#[derive(Debug)]
pub struct Question<T> {
    /// Whom it is about.
    pub presentity: Aor,
    answer: Mutex<Option<oneshot::Sender<T>>>,
}

/// Where the answer comes.
#[derive(Debug)]
pub struct Awaited<T>(oneshot::Receiver<T>);

impl<T> Question<T> {
    /// About this presentity.
    pub fn new(presentity: Aor) -> (Self, Awaited<T>) {
        let (sender, answer) = oneshot::channel();
        (Self { presentity, answer: Mutex::new(Some(sender)) }, Awaited(answer))
    }

    /// Answers it; what nobody waits for any more is dropped.
    pub fn answer(&self, answer: T) {
        let sender = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            let _ = sender.send(answer);
        }
    }
}

impl<T> Awaited<T> {
    /// The answer; `None` if it does not come within [`PATIENCE`].
    pub async fn wait(self) -> Option<T> {
        tokio::time::timeout(PATIENCE, self.0).await.ok()?.ok()
    }
}
