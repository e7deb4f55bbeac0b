//! A hardened, namespace-aware XML reader that keeps every byte it does not understand.
