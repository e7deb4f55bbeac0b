//! Presence documents: PIDF with its data model and extensions.
