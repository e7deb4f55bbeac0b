//! The XML Document Management Servers: application usages, their answers, and the feed of changes.
#![forbid(unsafe_code)]
