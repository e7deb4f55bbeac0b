//! The one program: configuration, pump, metrics, logs and shutdown.
