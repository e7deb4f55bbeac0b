//! Event and Subscription-State, RFC 6665 §8.

use core::fmt;

use crate::chars;
use crate::error::FieldError;
use crate::expires::delta_seconds;
use crate::params::Params;

/// An Event value: the event package with its templates, and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventHeader<'a> {
    /// `presence`, `presence.winfo`, ... as written; compared without regard to case (RFC 6665 §8.2.1).
    pub package: &'a str,
    /// `id` and those of the package.
    pub params: Params<'a>,
}

/// Splits `token *(;param)`.
fn token_and_params<'a>(value: &'a str, section: &'static str) -> Result<(&'a str, Params<'a>), FieldError> {
    let text = chars::trim(value);
    let (token, rest) = text.split_at(chars::span(text.as_bytes(), chars::TOKEN));
    if token.is_empty() {
        return Err(FieldError::new(0, "a token", section));
    }
    Ok((token, Params::parse(rest).map_err(|error| error.shifted(token.len()))?))
}

impl<'a> EventHeader<'a> {
    /// Reads all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let (package, params) = token_and_params(value, "RFC 6665 §8.4")?;
        if package.split('.').any(str::is_empty) {
            return Err(FieldError::new(0, "an event package and templates", "RFC 6665 §8.4"));
        }
        Ok(Self { package, params })
    }

    /// Whether this is the event package `name`, templates included.
    pub const fn is(&self, name: &str) -> bool {
        self.package.eq_ignore_ascii_case(name)
    }

    /// The id that tells subscriptions of one dialog apart.
    pub fn id(&self) -> Option<&'a str> {
        self.params.get("id").filter(|id| !id.is_empty())
    }
}

impl fmt::Display for EventHeader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.package, self.params.as_str())
    }
}

/// A Subscription-State value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or another, as written.
    pub state: &'a str,
    /// `expires`, `reason`, `retry-after` and any others.
    pub params: Params<'a>,
}

impl<'a> SubscriptionState<'a> {
    /// Reads all of `value`.
    pub fn parse(value: &'a str) -> Result<Self, FieldError> {
        let (state, params) = token_and_params(value, "RFC 6665 §8.4")?;
        Ok(Self { state, params })
    }

    /// Whether the state is `name`.
    pub const fn is(&self, name: &str) -> bool {
        self.state.eq_ignore_ascii_case(name)
    }

    /// Seconds that the subscription still lives; `None` if absent or no number.
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").and_then(|text| delta_seconds(text).ok())
    }

    /// Why the subscription ended.
    pub fn reason(&self) -> Option<&'a str> {
        self.params.get("reason").filter(|reason| !reason.is_empty())
    }

    /// Seconds after which to subscribe anew; `None` if absent or no number.
    pub fn retry_after(&self) -> Option<u32> {
        self.params.get("retry-after").and_then(|text| delta_seconds(text).ok())
    }
}

impl fmt::Display for SubscriptionState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.state, self.params.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_keeps_its_templates() {
        let event = EventHeader::parse("Presence.winfo ; id=a1").expect("event");
        assert!(event.is("presence.winfo") && !event.is("presence"));
        assert_eq!(event.id(), Some("a1"));
        for text in ["", ";id=1", "presence.", ".winfo", "a..b", "presence winfo", "presence,dialog"] {
            assert!(EventHeader::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_subscription_state_tells_what_to_do_next() {
        let state = SubscriptionState::parse("terminated;reason=probation;retry-after=30").expect("state");
        assert!(state.is("Terminated"));
        assert_eq!(
            (state.reason(), state.retry_after(), state.expires()),
            (Some("probation"), Some(30), None)
        );
        assert_eq!(SubscriptionState::parse("active;expires=3600").expect("state").expires(), Some(3600));
        assert_eq!(SubscriptionState::parse("active;expires=soon").expect("state").expires(), None);
    }
}
