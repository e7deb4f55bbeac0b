//! Structured logs: text for people or JSON for machines, with a level that a reload can change.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::keys::{LogFormat, LogLevel};

/// Changes the level while the server runs.
#[derive(Clone)]
pub struct LogHandle(reload::Handle<LevelFilter, Registry>);

impl LogHandle {
    /// From now on lines of this level and above are written.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only when the subscriber is gone, and then nobody logs.
        let _ = self.0.reload(filter(level));
    }
}

/// Makes what receives log lines and writes them to `writer`.
pub fn subscriber<W>(
    format: LogFormat,
    level: LogLevel,
    writer: W,
) -> (impl tracing::Subscriber + Send + Sync, LogHandle)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_span_events(FmtSpan::NONE)
        .with_target(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    (tracing_subscriber::registry().with(filter).with(lines), LogHandle(handle))
}

/// Sends this process's log lines to standard error. Once per process; a second call changes nothing.
pub fn start(format: LogFormat, level: LogLevel) -> LogHandle {
    start_into(format, level, io::stderr)
}

/// Sends this process's log lines elsewhere, as [`start`] does.
pub fn start_into<W>(format: LogFormat, level: LogLevel, writer: W) -> LogHandle
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (subscriber, handle) = subscriber(format, level, writer);
    let _ = tracing::subscriber::set_global_default(subscriber);
    handle
}

fn filter(level: LogLevel) -> LevelFilter {
    LevelFilter::from_level(match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat, run: impl FnOnce(&LogHandle)) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, handle) = subscriber(format, LogLevel::Info, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || run(&handle));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_text_or_json() {
        let text = written(LogFormat::Text, |_| tracing::info!(shards = 2, "serving"));
        assert!(text.contains("INFO serving shards=2"), "{text}");
        let json = written(LogFormat::Json, |_| tracing::info!(shards = 2, "serving"));
        assert!(json.starts_with('{') && json.contains("\"shards\":2"), "{json}");
    }

    #[test]
    fn a_reload_changes_the_level() {
        let text = written(LogFormat::Text, |handle| {
            tracing::debug!("unseen");
            handle.set_level(LogLevel::Debug);
            tracing::debug!("seen");
            handle.set_level(LogLevel::Warn);
            tracing::info!("unseen too");
        });
        assert!(text.contains("seen") && !text.contains("unseen"), "{text}");
    }
}
