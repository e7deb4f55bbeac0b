//! Presence source and watcher, as a library and as commands.
