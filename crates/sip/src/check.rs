//! What every element must see in a message before it acts on it.

use crate::address::{self, NameAddr};
use crate::aor::is_canonical;
use crate::chars;
use crate::cseq::CSeq;
use crate::error::{Defect, FieldError, offset_in};
use crate::limits::Limits;
use crate::message::Message;
use crate::method::Method;
use crate::name::Name;
use crate::start::Start;
use crate::uri::Uri;
use crate::via::{COOKIE, Via};

impl<'a> Message<'a> {
    /// Whether the message is one that any element may act on, or its first defect and the status that answers it.
    ///
    /// Seen to: the version (505); the Request-Line; the Request-URI's size (414), scheme (416) and syntax; one of each
    /// singleton field; Via, From, To, Call-ID and CSeq present (RFC 3261 §8.1.1); the syntax of these and of
    /// Max-Forwards, Content-Length, Contact, Route and Record-Route; a Content-Length within the message and within
    /// `limits` (413); CSeq's method against the request's (501 if the request's is one we do not know, so that the
    /// answer stays right when it becomes one, RFC 4475 §3.1.2.18). A missing Max-Forwards, From tag or Via branch is
    /// no defect: elements of RFC 2543 send none (RFC 4475 §3.4.1); nor is a Contact or Record-Route of a PUBLISH.
    /// Via, From and To need not be read again after it.
    pub fn check(&mut self, limits: &Limits) -> Result<(), Defect> {
        self.fault().map_or(Ok(()), Err)?;
        self.check_line_ends()?;
        if let Start::Request { uri, .. } = self.start() {
            self.check_uri(uri, limits)?;
        }
        self.check_vias()?;
        self.check_parties()?;
        self.check_call_id()?;
        self.check_cseq()?;
        self.check_counts(limits)
    }

    /// A CR alone is read as a line end by some and as text by others. An LF alone was seen when lines were cut, so
    /// that there are as many of either if each CR has its LF.
    fn check_line_ends(&self) -> Result<(), Defect> {
        let head = self.head().as_bytes();
        let count = |byte| memchr::memchr_iter(byte, head).count();
        if count(b'\r') == count(b'\n') {
            return Ok(());
        }
        Err(Defect { status: 400, reason: "CR Alone", offset: 0, section: "RFC 3261 §7.3.1" })
    }

    fn check_uri(&self, text: &str, limits: &Limits) -> Result<(), Defect> {
        let offset = offset_in(self.head(), text);
        if text.len() > limits.uri {
            let (reason, section) = ("Request-URI Too Long", "RFC 3261 §21.4.12");
            return Err(Defect { status: 414, reason, offset, section });
        }
        let bad = |error: FieldError| Defect {
            status: 400,
            reason: "Bad Request-URI",
            offset: offset + error.offset,
            section: error.section,
        };
        if is_canonical(text.as_bytes()) {
            return Ok(()); // as most are
        }
        match Uri::parse(text).map_err(bad)? {
            Uri::Sip(uri) if !uri.headers.is_empty() => {
                Err(bad(FieldError::new(0, "a Request-URI without headers", "RFC 3261 §19.1.1")))
            }
            Uri::Other { .. } => {
                let (reason, section) = ("Unsupported URI Scheme", "RFC 3261 §21.4.14");
                Err(Defect { status: 416, reason, offset, section })
            }
            Uri::Sip(_) | Uri::Tel(_) | Uri::Pres(_) | Uri::Im(_) => Ok(()),
        }
    }

    fn check_vias(&mut self) -> Result<(), Defect> {
        self.required(Name::Via, "Missing Via")?;
        let (mut is_top, mut top) = (true, None);
        for field in self.all(Name::Via) {
            let mut rest = field;
            loop {
                let bad = |error: FieldError| self.bad(rest, "Bad Via", error);
                let (via, after) = Via::parse_first(rest).map_err(bad)?;
                // The cookie alone names no transaction, RFC 4475 §3.2.1.
                if is_top && via.branch().is_some_and(|branch| branch.eq_ignore_ascii_case(COOKIE)) {
                    return Err(bad(FieldError::new(
                        0,
                        "a branch after the magic cookie",
                        "RFC 3261 §8.1.1.7",
                    )));
                }
                if is_top {
                    top = Some((via, after));
                }
                is_top = false;
                let Some(next) = after.strip_prefix(',') else { break };
                rest = next;
            }
        }
        self.read.via = top;
        Ok(())
    }

    fn check_parties(&mut self) -> Result<(), Defect> {
        let from = self.required(Name::From, "Missing From")?;
        self.read.from = Some(NameAddr::parse(from).map_err(|error| self.bad(from, "Bad From", error))?);
        let to = self.required(Name::To, "Missing To")?;
        self.read.to = Some(NameAddr::parse(to).map_err(|error| self.bad(to, "Bad To", error))?);
        let is_star = |value: &str| value == "*" && self.method() == Some(Method::Register);
        for field in self.all(Name::Route) {
            address::check_list(field).map_err(|error| self.bad(field, "Bad Route", error))?;
        }
        if self.method() == Some(Method::Publish) {
            return Ok(()); // whatever its Contact and Record-Route say is ignored, RFC 3903 §6
        }
        for field in self.all(Name::Contact).filter(|field| !is_star(field)) {
            address::check_list(field).map_err(|error| self.bad(field, "Bad Contact", error))?;
        }
        for field in self.all(Name::RecordRoute) {
            address::check_list(field).map_err(|error| self.bad(field, "Bad Record-Route", error))?;
        }
        Ok(())
    }

    fn check_call_id(&self) -> Result<(), Defect> {
        let call_id = self.required(Name::CallId, "Missing Call-ID")?;
        let text = call_id.as_bytes();
        let front = chars::span(text, chars::WORD); // which has no `@` in it
        let back = text.get(front + 1..).unwrap_or_default();
        let is_at = text.get(front) == Some(&b'@') && !back.is_empty() && chars::all(back, chars::WORD);
        if front > 0 && (front == text.len() || is_at) {
            return Ok(());
        }
        Err(self.bad(call_id, "Bad Call-ID", FieldError::new(0, "word, or word@word", "RFC 3261 §20.8")))
    }

    fn check_cseq(&self) -> Result<(), Defect> {
        let text = self.required(Name::CSeq, "Missing CSeq")?;
        let cseq = CSeq::parse(text).map_err(|error| self.bad(text, "Bad CSeq", error))?;
        let Some(method) = self.method() else { return Ok(()) };
        if cseq.method == method {
            return Ok(());
        }
        let defect = self.bad(text, "CSeq Method Mismatch", FieldError::new(0, "", "RFC 3261 §8.1.1.5"));
        match method {
            Method::Other(_) => Err(Defect { status: 501, reason: "Not Implemented", ..defect }),
            _ => Err(defect),
        }
    }

    fn check_counts(&self, limits: &Limits) -> Result<(), Defect> {
        if let Some(text) = self.get(Name::MaxForwards)
            && chars::number(text).is_none_or(|hops| hops > 255)
        {
            let error = FieldError::new(0, "a number from 0 to 255", "RFC 3261 §20.22");
            return Err(self.bad(text, "Bad Max-Forwards", error));
        }
        if self.body().len() > limits.message {
            let error = FieldError::new(0, "", "RFC 3261 §21.4.11");
            let defect = self.bad(
                self.get(Name::ContentLength).unwrap_or_default(),
                "Request Entity Too Large",
                error,
            );
            return Err(Defect { status: 413, ..defect });
        }
        Ok(())
    }

    fn required(&self, name: Name, reason: &'static str) -> Result<&'a str, Defect> {
        let missing =
            || Defect { status: 400, reason, offset: self.head().len(), section: "RFC 3261 §8.1.1" };
        self.get(name).ok_or_else(missing)
    }

    fn bad(&self, value: &str, reason: &'static str, error: FieldError) -> Defect {
        let offset = offset_in(self.head(), value) + error.offset;
        Defect { status: 400, reason, offset, section: error.section }
    }
}
