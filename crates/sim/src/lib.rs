//! Virtual time, network and disk around real nodes.
