//! Request methods.

use core::fmt;

/// A method. Methods are case-sensitive (RFC 3261 §7.1): `Other("subscribe")` is not `Subscribe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// RFC 6665 §4.1
    Subscribe,
    /// RFC 6665 §4.2
    Notify,
    /// RFC 3903
    Publish,
    /// RFC 3261, of registrars
    Register,
    /// RFC 3261 §11.2
    Options,
    /// RFC 3428
    Message,
    /// RFC 3261, of sessions
    Invite,
    /// RFC 3261, of sessions
    Ack,
    /// RFC 3261, of sessions
    Bye,
    /// RFC 3261 §9.2
    Cancel,
    /// RFC 6086
    Info,
    /// RFC 3311
    Update,
    /// RFC 3262
    Prack,
    /// RFC 3515
    Refer,
    /// Any other token.
    Other(&'a str),
}

impl<'a> Method<'a> {
    /// The method of this name, which the caller has seen to be a token.
    pub fn of(text: &'a str) -> Self {
        match text.as_bytes() {
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"PUBLISH" => Self::Publish,
            b"REGISTER" => Self::Register,
            b"OPTIONS" => Self::Options,
            b"MESSAGE" => Self::Message,
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"INFO" => Self::Info,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            _ => Self::Other(text),
        }
    }

    /// As written on the wire.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Message => "MESSAGE",
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_method_and_back() {
        let names =
            "SUBSCRIBE NOTIFY PUBLISH REGISTER OPTIONS MESSAGE INVITE ACK BYE CANCEL INFO UPDATE PRACK REFER";
        for name in names.split(' ') {
            assert!(!matches!(Method::of(name), Method::Other(_)), "{name}");
            assert_eq!(Method::of(name).as_str(), name);
        }
    }

    #[test]
    fn case_and_percent_make_another_method() {
        assert_eq!(Method::of("subscribe"), Method::Other("subscribe"));
        assert_eq!(Method::of("RE%47ISTER"), Method::Other("RE%47ISTER"));
    }
}
