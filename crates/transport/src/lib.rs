//! UDP and TCP ends, and the answers of DNS.
