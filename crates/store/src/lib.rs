//! How changes are kept: versioned rows over an engine.
